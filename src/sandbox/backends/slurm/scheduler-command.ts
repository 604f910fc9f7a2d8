/** Runs one command of the scheduler: words without a shell, a fixed language and time format, a hard limit. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { Host } from '#platform/host.ts';
import type { CommandResult } from '#platform/process.ts';

/** With the controller down `squeue` was seen to block for 18 s, with a frozen one without end. */
const LIMIT_MS = 20_000;
const SUBMIT_LIMIT_MS = 60_000;

const ENVIRONMENT = { LC_ALL: 'C', SLURM_TIME_FORMAT: '%s' };

/** A person's own habits, set as variables, would change what these commands print and find. */
const HABITS = {
  SQUEUE:
    'ACCOUNT ALL ARRAY FEDERATION FORMAT FORMAT2 LICENSES LOCAL NAMES PARTITION PRIORITY QOS SIBLING SORT STATES USERS',
  SINFO: 'ALL FEDERATION FORMAT LOCAL PARTITION SORT',
  SCANCEL:
    'ACCOUNT BATCH CTLD CRON FULL HURRY INTERACTIVE NAME PARTITION QOS STATE USER VERBOSE WCKEY',
  SACCT: 'FEDERATION FORMAT LOCAL',
  SBATCH: 'WAIT ARRAY_INX EXPORT SIGNAL OPEN_MODE COMMENT INPUT OUTPUT ERROR DEBUG QUIET',
  SRUN: 'DEBUG LABELIO UNBUFFEREDIO EXPORT_ENV INPUT OUTPUT ERROR CHDIR CONTAINER',
} as const;
const WITHOUT_HABITS: readonly string[] = [
  'env',
  ...Object.entries(HABITS).flatMap(([program, names]) =>
    names.split(' ').flatMap((name) => ['-u', `${program}_${name}`]),
  ),
];

export interface SchedulerCommandOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  readonly input?: string;
}

/**
 * Any exit code of the command is a result.
 *
 * @throws `backend/unavailable` when the host does not have the command; `host/unreachable`, `host/login-needed`, `timeout`: nothing
 *   is known then; `cancelled`.
 */
export async function schedulerCommand(
  host: Host,
  argv: readonly string[],
  { signal, timeoutMs, input }: SchedulerCommandOptions,
): Promise<CommandResult> {
  const [program = ''] = argv;
  const limit = timeoutMs ?? (program === 'sbatch' ? SUBMIT_LIMIT_MS : LIMIT_MS);
  const result = await host
    .run([...WITHOUT_HABITS, ...argv], {
      timeoutMs: limit,
      signal,
      env: ENVIRONMENT,
      ...(input !== undefined && { input }),
    })
    .catch((error: unknown) => {
      throw isGloveboxError(error, 'path/not-found') ? noScheduler(host, program) : error;
    });
  if (result.code === 127) throw noScheduler(host, program);
  return result;
}

/** For a command whose words are sent to the scheduler's step launcher; it is wrapped in the same way. */
export const withoutHabits = (argv: readonly string[]): readonly string[] => [
  ...WITHOUT_HABITS,
  ...argv,
];

function noScheduler(host: Host, program: string): GloveboxError {
  return new GloveboxError('backend/unavailable', `There is no ${program} on ${host.name}.`, {
    hint: host.isRemote
      ? 'GLOVEBOX_SSH_HOST must name a login node of the cluster.'
      : 'Run Glovebox on a login node of the cluster, or set GLOVEBOX_SSH_HOST to one.',
  });
}

/** The last line that says something, for a sentence; `sbatch: error: ` and the like are taken off. */
export function lastWords({ stderr, stdout }: Pick<CommandResult, 'stderr' | 'stdout'>): string {
  const lines = `${stdout}\n${stderr}`
    .split('\n')
    .map((line) =>
      line.replace(/^(sbatch|squeue|scancel|sinfo|srun|scontrol): (error: )?/, '').trim(),
    )
    .filter((line) => line !== '');
  return lines.at(-1) ?? 'no message';
}
