/** Runs one command of the scheduler: words without a shell, a fixed language and time format, a hard limit. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { Host, HostCommandResult } from '#platform/host.ts';
import type { CommandResult } from '#platform/process.ts';

/** With the controller down `squeue` was seen to block for 18 s, with a frozen one without end. */
const LIMIT_MS = 20_000;
const SUBMIT_LIMIT_MS = 60_000;

const ENVIRONMENT = { LC_ALL: 'C', SLURM_TIME_FORMAT: '%s' };

/** A person's own habits, set as variables, would change what these commands print, find and do. */
const HABITS = [
  'SQUEUE_*',
  'SINFO_*',
  'SCANCEL_*',
  'SACCT_*',
  'SBATCH_WAIT',
  'SBATCH_ARRAY_INX',
  'SBATCH_DEBUG',
  'SBATCH_QUIET',
  'SRUN_*',
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
): Promise<HostCommandResult> {
  const [program = ''] = argv;
  const limit = timeoutMs ?? (program === 'sbatch' ? SUBMIT_LIMIT_MS : LIMIT_MS);
  const result = await host
    .run(argv, {
      timeoutMs: limit,
      signal,
      env: ENVIRONMENT,
      withoutEnv: HABITS,
      ...(input !== undefined && { input }),
    })
    .catch((error: unknown) => {
      throw isGloveboxError(error, 'path/not-found') ? noScheduler(host, program) : error;
    });
  if (result.code === 127) throw noScheduler(host, program);
  return result;
}

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
