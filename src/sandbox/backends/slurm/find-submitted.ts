/** Looks for a job of ours of which only the nonce is known. */
import { GloveboxError } from '#core/errors.ts';
import type { Host } from '#platform/host.ts';
import type { Submitted } from './parse-sbatch.ts';
import { lastWords, schedulerCommand } from './scheduler-command.ts';

/** Undefined: the scheduler answered, and has no such job. @throws `timeout` when it did not answer, and as `schedulerCommand`. */
export async function findSubmitted(
  host: Host,
  nonce: string,
  cluster: string | undefined,
  signal: AbortSignal,
): Promise<Submitted | undefined> {
  const where = cluster === undefined ? [] : ['-M', cluster];
  const argv = ['squeue', ...where, '-h', '--me', '-t', 'all', '-o', '%A|%k'];
  const result = await schedulerCommand(host, argv, { signal });
  if (result.code !== 0) {
    throw new GloveboxError('timeout', `squeue on ${host.name} failed: ${lastWords(result)}`);
  }
  for (const line of result.stdout.split('\n')) {
    const [id = '', ...comment] = line.split('|');
    if (/^\d+$/.test(id) && isOurs(comment.join('|'), nonce))
      return { id, ...(cluster !== undefined && { cluster }) };
  }
  return undefined;
}

/** Whether a job's comment says that it is the one with this nonce. A number of a job alone may be reused by now. */
export const isOurs = (comment: string, nonce: string): boolean =>
  comment.startsWith(`glovebox:${nonce}:`);
