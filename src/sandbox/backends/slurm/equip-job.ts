/** Repositories, files and Python packages of a job: fetched and installed by the login node where that can be, so that no GPU waits for it. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Host } from '#platform/host.ts';
import type { StartContext } from '#sandbox/backend.ts';
import {
  commitsOf,
  equip,
  equipmentSpec,
  needsEnvironment,
  placeEquipmentProgram,
  planEquipment,
} from '#sandbox/equipment.ts';
import { sandboxFolder } from '#sandbox/records.ts';
import { gitTokensOf } from '#sandbox/git-access.ts';
import type { SecretsByScope } from '#sandbox/kernel-variables.ts';
import type { JobRequest } from './request.ts';
import type { SlurmSettings } from './settings.ts';

/** In the folder of a job; `slurm_node.py` reads it, and does what the login node could not. */
export const EQUIPMENT_FILE = 'equipment.json';

/** The first import from a busy network disk. */
const LOOK_LIMIT_MS = 60_000;
/** What a node may take until its server answers, when it installs things first. */
export const NODE_EQUIP_LIMIT_MS = 2 * 3_600_000;

interface JobPlace {
  readonly host: Host;
  readonly settings: SlurmSettings;
  readonly context: StartContext;
  /** Folder of job files on the cluster, absolute. */
  readonly jobsDir: string;
  /** Of the node: a path, or a name for it to look up. */
  readonly python: string;
  readonly secrets: SecretsByScope;
}

export interface JobEquipment {
  /** For `EQUIPMENT_FILE`. */
  readonly told: JsonObject;
  /** The node has to install something before its server can start. */
  readonly isLeftToNode: boolean;
}

/**
 * @returns undefined when nothing was asked for.
 * @throws `config/invalid` without a shared disk, and as `planEquipment` and `equip`. No job exists then.
 */
export async function prepareEquipment(
  request: JobRequest,
  { host, settings, context, jobsDir, python, secrets }: JobPlace,
): Promise<JobEquipment | undefined> {
  const { id, projectDir, signal, report } = context;
  const { pythonDir, serverRootDir } = settings;
  const workspace = serverRootDir ?? projectDir;
  const folder = sandboxFolder(settings.dir, id);
  const tokens = { ...settings.gitTokens, ...gitTokensOf(secrets.download, settings.hubUrl) };
  const equipment = await planEquipment(request, {
    projectDir,
    workspace,
    folder,
    tokens,
    signal,
  });
  if (equipment === undefined) return undefined;
  if (!settings.sharedDisk) throw needsSharedDisk();
  if (equipment.repositories.length > 0) await context.remember(commitsOf(equipment.repositories));
  const environments = `${jobsDir}/environments`;
  const place = { host, environments, pythonDir, signal, report };
  const program = await placeEquipmentProgram(place);
  const isLeftToNode =
    needsEnvironment(equipment) && !(await isSameHere(host, python, request, settings, signal));
  const { repositories, files = [] } = equipment;
  // Clones need no more than git, and files nothing: they are put there from here even when the rest is not.
  if (!isLeftToNode || repositories.length + files.length > 0) {
    const variables = { ...secrets.build, ...secrets.setup };
    const here = { ...place, ...program, workspace, variables, tokens, onlyClone: isLeftToNode };
    await equip(equipment, { ...here, python: isLeftToNode ? 'python3' : python });
  }
  const spec = equipmentSpec(equipment, { environments, workspace });
  return {
    told: { program: program.program, spec: { ...spec, bootstrap: program.bootstrap } },
    isLeftToNode,
  };
}

/** Whether an environment that the login node makes is one for the kernels of the job. */
async function isSameHere(
  host: Host,
  python: string,
  { container, modules = [], setup = [] }: JobRequest,
  { setupFile }: SlurmSettings,
  signal: AbortSignal,
): Promise<boolean> {
  const isPrepared = modules.length > 0 || setup.length > 0 || setupFile !== undefined;
  if (isPrepared || container !== undefined) return false;
  const argv = [python, '-c', 'import venv, ipykernel'];
  try {
    return (await host.run(argv, { timeoutMs: LOOK_LIMIT_MS, signal })).code === 0;
  } catch (error) {
    if (isGloveboxError(error, 'path/not-found')) return false;
    throw error;
  }
}

const needsSharedDisk = (): GloveboxError =>
  new GloveboxError(
    'config/invalid',
    'Options of the slurm back end: repos, files and python_packages need a disk that login node and nodes share (GLOVEBOX_SLURM_SHARED_DISK is off); the local, modal and huggingface back ends can do without.',
    { hint: 'Leave them out, and install with %pip in a cell.' },
  );
