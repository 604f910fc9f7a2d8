/** Gives the kernels of a machine that is somebody's own what a sandbox was asked for: repositories, files, and packages in an environment beside theirs. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';
import type { Host } from '#platform/host.ts';
import type { Progress } from './backend.ts';
import { headersFor, type GitTokens } from './git-access.ts';
import { KERNEL_PACKAGES } from './kernel-packages.ts';
import { filesOption, gatherFiles } from './project-files.ts';
import {
  pinRepositories,
  reposOption,
  requirement,
  variableOf,
  type PinnedRepository,
  type RepositoryOption,
} from './repositories.ts';
import { packTar, type TarEntry } from './tar.ts';

export const setupCommandsOption = z.array(z.array(z.string()).min(1)).max(100);

/** Of back ends that run kernels on a Python of the user's. */
export const equipmentOptions = {
  python_packages: z
    .array(requirement)
    .max(200)
    .optional()
    .describe(
      'Python requirements. They go into an environment of their own, from which kernels run; packages of the chosen Python stay visible there, and it is not changed.',
    ),
  kernel_packages: z
    .union([z.enum(['auto', 'minimal', 'api', 'torch']), z.array(requirement)])
    .optional()
    .describe(
      'A set of packages (api, torch), or a list, that goes there too, but for what the chosen Python has. Default: auto, which is what that Python has.',
    ),
  setup_commands: setupCommandsOption
    .optional()
    .describe(
      'Commands run in the workspace, once, after the packages and the repositories, each a list of words.',
    ),
  repos: reposOption
    .optional()
    .describe(
      'Git repositories put into the workspace, e.g. [{"url":"org/lib","ref":"v1.2","install":["pip","install","-e","."]}].',
    ),
  files: filesOption
    .optional()
    .describe(
      'Files and folders of the project that are copied to another place below the workspace: [{"from":"configs/probe.json","to":"run/config.json"}]. What somebody else put there is never replaced.',
    ),
} as const;

interface EquipmentOptions {
  readonly python_packages?: readonly string[] | undefined;
  readonly kernel_packages?: 'auto' | keyof typeof KERNEL_PACKAGES | readonly string[] | undefined;
  readonly repos?: readonly RepositoryOption[] | undefined;
  readonly files?: z.output<typeof filesOption> | undefined;
  readonly setup_commands?: z.output<typeof setupCommandsOption> | undefined;
}

/** What is to be there, with every ref as a commit; folders are relative to the workspace. */
export interface Equipment {
  readonly packages: readonly string[];
  readonly repositories: readonly PinnedRepository[];
  readonly files?: readonly TarEntry[];
  readonly setupCommands?: readonly (readonly string[])[];
}

/** What kernels get of it. */
export interface Equipped {
  /** Interpreter of kernels. */
  readonly python: string;
  /** Folder of the environment; null where none was needed. */
  readonly environment: string | null;
  readonly variables: Readonly<Record<string, string>>;
}

export interface EquipmentPlace {
  readonly host: Host;
  /** As `placeEquipmentProgram` put them there. */
  readonly program: string;
  readonly bootstrap: string;
  /** Runs the program, and is what the environment stands on. */
  readonly python: string;
  /** Folder there of all such environments, absolute. */
  readonly environments: string;
  /** Root of the server there; the home folder where there is no such folder. */
  readonly workspace: string;
  /** Nothing may be fetched. */
  readonly isOffline?: boolean;
  /** The environment is made later, by the machine that runs the kernels. */
  readonly onlyClone?: boolean;
  /** What installs sees these too; they reach neither argv nor a file. */
  readonly variables?: Readonly<Record<string, string>>;
  /** For repositories that are not public. */
  readonly tokens?: GitTokens;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

const pins = z.array(z.object({ url: z.string(), ref: z.string(), commit: z.string() }));
const equipped = z.object({
  python: z.string(),
  environment: z.string().nullable(),
  variables: z.record(z.string(), z.string()),
});

/** As `python/equip.py` begins the one line that matters. */
const RESULT = 'GLOVEBOX-RESULT ';
const FAILURE = 'GLOVEBOX-FAIL ';
const TAIL_LINES = 40;
/** Beyond what single steps are given. */
const LIMIT_MS = 2 * 3_600_000;

interface PlanPlace {
  readonly projectDir: string;
  /** As `EquipmentPlace` has it. */
  readonly workspace: string;
  /** Private one of this sandbox, on this machine. */
  readonly folder: string;
  readonly tokens: GitTokens;
  readonly signal: AbortSignal;
}

/**
 * Finds out what every ref means, and reads the files. What a ref meant at the first start of a sandbox is kept in `folder`, so that a
 * later one needs no network and moves nothing.
 *
 * @returns undefined when nothing was asked for. @throws as `pinRepositories` and `gatherFiles`.
 */
export async function planEquipment(
  {
    python_packages: own = [],
    kernel_packages: set = 'auto',
    setup_commands: setupCommands = [],
    repos = [],
    files = [],
  }: EquipmentOptions,
  place: PlanPlace,
): Promise<Equipment | undefined> {
  const packages = [...(typeof set === 'string' ? packagesOf(set) : set), ...own];
  const asked = [packages, repos, files, setupCommands];
  if (asked.every(({ length }) => length === 0)) return undefined;
  return {
    packages,
    setupCommands,
    files: await gatherFiles(files, place),
    repositories: await pinOnce(repos, place),
  };
}

const packagesOf = (set: 'auto' | keyof typeof KERNEL_PACKAGES): readonly string[] =>
  set === 'auto' ? [] : KERNEL_PACKAGES[set];

async function pinOnce(
  repos: readonly RepositoryOption[],
  { folder, tokens, signal }: PlanPlace,
): Promise<readonly PinnedRepository[]> {
  const file = path.join(folder, 'repositories.json');
  const kept = parsePins(await readTextIfExists(file));
  const known = repos.map(({ url, ref = 'HEAD' }) =>
    kept.find((pin) => pin.url === url && pin.ref === ref),
  );
  const asked = repos.map((repository, at) => ({
    ...repository,
    ref: known[at]?.commit ?? repository.ref,
  }));
  const repositories = await pinRepositories(asked, { workspace: '.', tokens, signal });
  if (known.includes(undefined)) {
    const fresh = repositories.map(({ commit }, at) => ({
      url: repos[at]?.url ?? '',
      ref: repos[at]?.ref ?? 'HEAD',
      commit,
    }));
    await ensurePrivateFolder(folder);
    await writeFileAtomic(file, JSON.stringify(fresh, undefined, 1));
  }
  return repositories;
}

/** Clones alone need none. */
export const needsEnvironment = ({
  packages,
  repositories,
  setupCommands = [],
}: Equipment): boolean =>
  packages.length + setupCommands.length > 0 ||
  repositories.some(({ install }) => install !== undefined);

/** For the record of a sandbox: which commit each repository was put there at. */
export const commitsOf = (repositories: readonly PinnedRepository[]): JsonObject => ({
  repositories: repositories.map(({ url, commit, folder }) => ({ url, commit, folder })),
});

/** For `python/equip.py`. Holds no secret. */
export function equipmentSpec(
  { packages, repositories, setupCommands = [] }: Equipment,
  { environments, workspace, commandsIn, isOffline = false, onlyClone = false }: EquipmentSpecPlace,
): JsonObject {
  return {
    environments,
    workspace,
    packages: [...packages],
    offline: isOffline,
    only_clone: onlyClone,
    setup_commands: setupCommands.map((argv) => [...argv]),
    ...(commandsIn !== undefined && { commands_in: commandsIn }),
    repositories: repositories.map(({ url, commit, folder, install, installLimitS }) => ({
      url,
      commit,
      folder,
      variable: variableOf(folder),
      install: install === undefined ? null : [...install],
      limit_s: installLimitS,
    })),
  };
}

type EquipmentSpecPlace = Pick<EquipmentPlace, 'workspace' | 'isOffline' | 'onlyClone'> & {
  /** Null: the machine is nobody else's, and its own Python is added to. */
  readonly environments: string | null;
  /** Where commands run, if that is not `workspace`. */
  readonly commandsIn?: string;
};

/** Puts the program where the host can run it. @param pythonDir folder of our Python files, on this machine. */
export async function placeEquipmentProgram({
  host,
  environments,
  pythonDir,
  signal,
}: Pick<EquipmentPlace, 'host' | 'environments' | 'signal'> & {
  readonly pythonDir: string;
}): Promise<Pick<EquipmentPlace, 'program' | 'bootstrap'>> {
  const place = async (name: string): Promise<string> => {
    const text = await readFile(path.join(pythonDir, name), 'utf8');
    const hash = sha256(text).slice(0, 16);
    const file = `${environments}/.programs/${hash}/${name}`;
    await host.writeFile(file, text, { signal });
    return file;
  };
  const [program, bootstrap] = await Promise.all([place('equip.py'), place('bootstrap_pip.py')]);
  return { program, bootstrap };
}

/**
 * Makes it there, or finds that it is. Nothing half-made is left that a later start would take for whole.
 *
 * @throws `python/setup-failed` with the end of what the failing command printed; `timeout`, `cancelled`, and as `Host.run`.
 */
export async function equip(equipment: Equipment, place: EquipmentPlace): Promise<Equipped> {
  const { host, python, program, bootstrap, signal, report } = place;
  report({ message: wordsFor(equipment) });
  const installS = equipment.repositories.reduce((sum, next) => sum + next.installLimitS, 0);
  const { files = [] } = equipment;
  const spec = {
    ...equipmentSpec(equipment, place),
    bootstrap,
    variables: place.variables ?? {},
    git_headers: headersFor(
      equipment.repositories.map(({ url }) => url),
      place.tokens ?? {},
    ),
    files: files.map(({ name, content }) => ({ name, sha256: sha256(content) })),
  };
  const { stdout, stderr } = await host.run([python, program], {
    // The archive of the files comes behind the line that names them.
    input: Buffer.concat([Buffer.from(`${JSON.stringify(spec)}\n`), packTar(files)]),
    timeoutMs: LIMIT_MS + installS * 1000,
    signal,
  });
  const lines = stdout.trimEnd().split('\n');
  const result = lines.at(-1)?.startsWith(RESULT) === true ? lines.at(-1) : undefined;
  if (result !== undefined) return equipped.parse(JSON.parse(result.slice(RESULT.length)));
  throw failureFrom(lines, stderr);
}

function failureFrom(lines: readonly string[], stderr: string): GloveboxError {
  const last = lines.at(-1) ?? '';
  const isSaid = last.startsWith(FAILURE);
  const reason = isSaid ? last.slice(FAILURE.length) : 'The set-up of the sandbox broke off.';
  const tail = [...(isSaid ? lines.slice(0, -1) : lines), ...stderr.trimEnd().split('\n')];
  const text = tail.filter((line) => line !== '').slice(-TAIL_LINES);
  return new GloveboxError('python/setup-failed', [reason, ...text].join('\n'), {
    hint: 'Correct python_packages, repos, setup_commands or files, and start it again: what was made whole stays.',
  });
}

const sha256 = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

function wordsFor({ packages, repositories, files = [] }: Equipment): string {
  const installed = repositories.filter(({ install }) => install !== undefined);
  const steps = [
    ...repositories.map(({ url }) => `cloning ${url}`),
    ...(packages.length > 0 ? [`installing ${packages.join(', ')}`] : []),
    ...installed.map(({ folder }) => `installing ${path.posix.basename(folder)}`),
    ...(files.length > 0 ? [`copying ${files.length} files`] : []),
  ];
  return `${steps.join('; ')} (unless they are there)`.slice(0, 200);
}

function parsePins(text: string | undefined): z.output<typeof pins> {
  try {
    return pins.parse(JSON.parse(text ?? '[]'));
  } catch {
    return [];
  }
}
