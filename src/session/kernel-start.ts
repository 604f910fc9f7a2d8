/** Chooses a kernel and starts it in the notebook's folder, bound to the notebook so that Jupyter shows the pair. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { JupyterServer, KernelSpec } from '#jupyter/contract.ts';
import type { KernelSpecMetadata } from '#notebook/contract.ts';
import type { SandboxView } from '#sandbox/sandboxes.ts';

export interface StartedKernel {
  readonly kernelId: string;
  readonly jupyterSessionId: string;
  readonly kernel: KernelSpecMetadata;
  readonly interruptMode: KernelSpec['interruptMode'];
}

/**
 * The kernel of that name, or the server's default one.
 *
 * @throws `kernel/spec-unknown` naming the kernels there are.
 */
export async function chooseKernel(
  server: JupyterServer,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<KernelSpec> {
  const { default: defaultName, specs } = await server.kernelSpecs(signal);
  const byName = (name: string): KernelSpec | undefined =>
    specs.find((spec) => spec.name === name) ??
    specs.find((spec) => spec.displayName.toLowerCase() === name.toLowerCase());
  const spec = wanted === undefined ? (byName(defaultName) ?? specs[0]) : byName(wanted);
  if (spec !== undefined) return spec;
  const known = specs.map(({ name, displayName }) => `${name} (${displayName})`).join(', ');
  throw new GloveboxError(
    'kernel/spec-unknown',
    `There is no kernel named "${wanted ?? defaultName}" here.`,
    {
      hint:
        known === ''
          ? 'The server has no kernel at all: run glovebox doctor.'
          : `Kernels here: ${known}.`,
    },
  );
}

export const toMetadata = ({ name, displayName, language }: KernelSpec): KernelSpecMetadata => ({
  name,
  display_name: displayName,
  language,
});

/** Where a file is for the server: relative to its root, with slashes; the bare name when it lies outside the root. */
export const serverPathOf = (rootDir: string | undefined, file: string): string =>
  pathBelow(rootDir, file) ?? path.basename(file);

/** Whether the server can show the file itself. */
export const isOnServer = (rootDir: string | undefined, file: string): boolean =>
  pathBelow(rootDir, file) !== undefined;

function pathBelow(rootDir: string | undefined, file: string): string | undefined {
  if (rootDir === undefined) return undefined;
  const relative = path.relative(rootDir, file);
  const isInside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  return isInside ? relative.split(path.sep).join('/') : undefined;
}

/** Where a person watches the notebook, without credentials; undefined when the sandbox shows no browser address. */
export function browserUrlOf(sandbox: SandboxView, serverPath: string): string | undefined {
  if (sandbox.jupyterUrl === undefined) return undefined;
  const escaped = serverPath.split('/').map(encodeURIComponent).join('/');
  return new URL(`lab/tree/${escaped}`, sandbox.jupyterUrl).href;
}

export async function startNotebookKernel(
  server: JupyterServer,
  spec: KernelSpec,
  serverPath: string,
  signal: AbortSignal,
): Promise<StartedKernel> {
  const session = await server.createSession(
    { path: serverPath, name: path.posix.basename(serverPath), kernelName: spec.name },
    signal,
  );
  return {
    kernelId: session.kernel.id,
    jupyterSessionId: session.id,
    kernel: toMetadata(spec),
    interruptMode: spec.interruptMode,
  };
}
