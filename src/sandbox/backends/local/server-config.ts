/** Writes the private files a local Jupyter server reads: configuration with the token, kernels, JupyterLab's settings. */
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ensurePrivateFolder, writeFileAtomic } from '#platform/files.ts';
import type { Equipped } from '#sandbox/equipment.ts';
import { jupyterConfig, LAB_PAGE_CONFIG } from '#sandbox/jupyter-config.ts';
import { readKernelFiles } from '#sandbox/kernel-files.ts';
import type { KernelPython } from './find-python.ts';
import type { ModelsPlan } from '#sandbox/models/plan.ts';
import { versionText } from './probe-python.ts';
import type { ServerFiles } from './server-record.ts';
import type { LocalSettings } from './settings.ts';

export interface ServerConfig {
  readonly files: ServerFiles;
  readonly settings: LocalSettings;
  readonly token: string;
  readonly port: number;
  readonly rootDir: string;
  readonly idleMs: number;
  readonly kernelIdleS: number;
  readonly deadlineMs: number | undefined;
  readonly transport: 'ipc' | 'tcp';
  readonly forwardPorts: readonly number[];
  readonly kernelSecrets: Readonly<Record<string, string>>;
}

export async function writeServerConfig(config: ServerConfig): Promise<void> {
  const { files, settings, token, port, rootDir, transport, forwardPorts, kernelSecrets } = config;
  const { idleMs, kernelIdleS, deadlineMs } = config;
  const labDir = path.join(settings.dir, 'jupyterlab');
  const content = jupyterConfig({
    listen: { ip: settings.bindIp, port },
    token,
    rootDir,
    idleMs,
    kernelIdleS,
    deadlineMs,
    transport,
    forwardPorts,
    kernelSecrets,
    allowRoot: process.getuid?.() === 0,
    labDir: path.join(labDir, 'user-settings'),
    workspacesDir: path.join(files.configDir, 'workspaces'),
  });
  await ensurePrivateFolder(labDir);
  await writeFileAtomic(files.config, JSON.stringify(content, undefined, 1));
  await ensurePrivateFolder(path.join(files.configDir, 'labconfig'));
  await writeFileAtomic(
    path.join(files.configDir, 'labconfig', 'page_config.json'),
    JSON.stringify(LAB_PAGE_CONFIG),
  );
}

/** The name under which Jupyter, nbformat and JupyterLab look for Python first. */
const KERNEL_NAME = 'python3';

export interface Kernels {
  readonly kernel: KernelPython;
  readonly serverPython: string;
  readonly projectDir: string;
  readonly models: ModelsPlan;
  /** What the sandbox was asked for beside the chosen Python, and where it is. */
  readonly equipped?: Equipped | undefined;
  /** Variables that the sandbox was asked for. */
  readonly env: Readonly<Record<string, string>>;
}

/** Offers the chosen Python as the default kernel, and the kernels that the user installed for other languages. */
export async function writeKernels(
  files: ServerFiles,
  settings: LocalSettings,
  { kernel, serverPython, projectDir, models, equipped, env }: Kernels,
): Promise<void> {
  const kernels = path.join(files.dataDir, 'kernels');
  await rm(kernels, { recursive: true, force: true });
  await ensurePrivateFolder(path.join(kernels, KERNEL_NAME));
  const base = kernel.kind === 'managed' ? serverPython : kernel.python.executable;
  const interpreter = equipped?.python ?? base;
  // A copy: kernels are started as long as the server lives, and an update of the plugin may take our folder away.
  const launcher = path.join(kernels, KERNEL_NAME, 'launch_kernel.py');
  await writeFileAtomic(
    launcher,
    await readFile(path.join(settings.pythonDir, 'launch_kernel.py'), 'utf8'),
  );
  // Not beside the server's private files, which kernels have no business to know of.
  const libraries = path.join(settings.dir, 'libraries', path.basename(files.folder));
  // A folder that comes later is not seen by a Python that has looked for it.
  await ensurePrivateFolder(libraries);
  await writeLibrary(path.join(kernels, KERNEL_NAME), settings);
  const modelsFile = path.join(kernels, KERNEL_NAME, 'models.json');
  await writeFileAtomic(modelsFile, JSON.stringify(models.kernel));
  const spec = {
    argv: [interpreter, launcher, '-f', '{connection_file}'],
    display_name: displayName(kernel, projectDir),
    language: 'python',
    metadata: { debugger: true },
    env: {
      ...kernelEnvironment(settings, kernel, { interpreter, base }, libraries),
      ...env,
      ...equipped?.variables,
      ...models.paths,
      ...(models.kernel.length > 0 && { GLOVEBOX_MODELS: modelsFile }),
    },
  };
  await writeFileAtomic(
    path.join(kernels, KERNEL_NAME, 'kernel.json'),
    JSON.stringify(spec, undefined, 1),
  );
  await linkUsersKernels(kernels, settings);
}

/** What `launch_kernel.py` puts on the search path of kernels; a copy, as it is. */
async function writeLibrary(folder: string, settings: LocalSettings): Promise<void> {
  const files = Object.entries(await readKernelFiles(settings.pythonDir));
  // Not one by one and synced, as what must not be lost: each start writes them anew.
  const write = files.map(async ([name, text]) => {
    const file = path.join(folder, 'lib', name);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, text, { mode: 0o600 });
  });
  await Promise.all(write);
}

function displayName(kernel: KernelPython, projectDir: string): string {
  if (kernel.kind === 'managed') return 'Python 3 (Glovebox)';
  const { prefix } = kernel.python;
  const isProjects = prefix.startsWith(`${projectDir}${path.sep}`);
  const where = isProjects
    ? `${path.relative(projectDir, prefix)} of ${path.basename(projectDir)}`
    : path.basename(prefix);
  return `Python ${versionText(kernel.python)} (${where})`;
}

function kernelEnvironment(
  settings: LocalSettings,
  kernel: KernelPython,
  { interpreter, base }: { readonly interpreter: string; readonly base: string },
  libraries: string,
): Record<string, string> {
  const { environment } = settings;
  // Programs of the chosen Python stay within reach of an environment that stands on it.
  const folders = [...new Set([path.dirname(interpreter), path.dirname(base)])];
  const prefix = path.dirname(path.dirname(interpreter));
  const search = (environment['PATH'] ?? '')
    .split(path.delimiter)
    .filter((entry) => !folders.includes(entry));
  const env: Record<string, string> = {
    // What activating the environment would do, so that !pip and !python are the kernel's own.
    PATH: [...folders, ...search].join(path.delimiter),
    // The server's private folders are no business of commands that run in a cell.
    JUPYTER_CONFIG_DIR: environment['JUPYTER_CONFIG_DIR'] ?? '',
    JUPYTER_DATA_DIR: environment['JUPYTER_DATA_DIR'] ?? '',
    JUPYTER_PATH: environment['JUPYTER_PATH'] ?? '',
    JUPYTER_RUNTIME_DIR: '',
    GLOVEBOX_LIB: libraries,
    PYTHONPATH: libraries,
  };
  if (kernel.kind === 'managed') return { ...env, VIRTUAL_ENV: prefix, PYTHONNOUSERSITE: '1' };
  if (kernel.python.isVirtual || interpreter !== base) env['VIRTUAL_ENV'] = prefix;
  if (environment['CONDA_PREFIX'] === prefix) {
    env['CONDA_PREFIX'] = prefix;
    env['CONDA_DEFAULT_ENV'] = environment['CONDA_DEFAULT_ENV'] ?? path.basename(prefix);
  }
  // People keep their own modules there; only the server itself must not see them.
  const own = environment['PYTHONPATH'];
  if (own !== undefined && own !== '') env['PYTHONPATH'] = [libraries, own].join(path.delimiter);
  return env;
}

/** Kernels of other languages lie in a folder that the server, with private folders of its own, would not look at. */
async function linkUsersKernels(kernels: string, { environment }: LocalSettings): Promise<void> {
  const home = environment['HOME'] ?? '';
  const dataHome = environment['XDG_DATA_HOME'] ?? path.join(home, '.local/share');
  const folders = [
    environment['JUPYTER_DATA_DIR'],
    process.platform === 'darwin'
      ? path.join(home, 'Library/Jupyter')
      : path.join(dataHome, 'jupyter'),
    ...(environment['JUPYTER_PATH'] ?? '').split(path.delimiter),
  ];
  for (const folder of folders) {
    if (folder === undefined || !path.isAbsolute(folder)) continue;
    const source = path.join(folder, 'kernels');
    const found: string[] = await readdir(source).catch(() => []);
    for (const name of found) {
      // The first one of a name wins, and ours is the first.
      await symlink(path.join(source, name), path.join(kernels, name)).catch(() => undefined);
    }
  }
}

export async function makeServerFolders(files: ServerFiles, runtimeDir: string): Promise<void> {
  for (const folder of [files.folder, files.configDir, files.dataDir, runtimeDir])
    await ensurePrivateFolder(folder);
  await mkdir(path.join(files.configDir, 'workspaces'), { recursive: true, mode: 0o700 });
}
