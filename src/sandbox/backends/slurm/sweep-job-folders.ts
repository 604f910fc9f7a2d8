/** Removes what old jobs left in the folder of job files on the cluster: logs, and scripts that nobody has submitted for long. */
import type { Host } from '#platform/host.ts';
import { schedulerCommand } from './scheduler-command.ts';

/** Long enough to look into a log after a holiday. */
const KEEP_DAYS = 14;
const LIMIT_MS = 60_000;

// A folder of ours ends in its nonce and holds it; whose job still waits or runs is kept, however old it is.
const SWEEP = `
cd -- "$1" || exit
days=$2
shift 2
find . -mindepth 1 -maxdepth 1 -type d -mtime +"$days" | while IFS= read -r folder; do
  nonce=\${folder##*-}
  [ "$(cat -- "$folder/nonce" 2>/dev/null)" = "$nonce" ] || continue
  case " $* " in *" $nonce "*) continue ;; esac
  rm -rf -- "$folder"
done
find bin -maxdepth 1 -type f -name 'job-*.sh' -mtime +"$days" -exec rm -f -- {} +
`;

/** Does nothing unless the scheduler says which jobs live. @throws as `schedulerCommand`. */
export async function sweepJobFolders(
  host: Host,
  jobsDir: string,
  cluster: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const where = cluster === undefined ? [] : ['-M', cluster];
  const argv = ['squeue', ...where, '-h', '--me', '-t', 'all', '-o', '%k'];
  const { code, stdout } = await schedulerCommand(host, argv, { signal });
  // Elsewhere there may be jobs of the same home, of which this one knows nothing.
  if (code !== 0 || cluster !== undefined) return;
  const living = [...stdout.matchAll(/^glovebox:([0-9a-f]+):/gm)].map(([, nonce = '']) => nonce);
  const words = ['/bin/sh', '-c', SWEEP, 'sh', jobsDir, String(KEEP_DAYS), ...living];
  await host.run(words, { timeoutMs: LIMIT_MS, signal });
}
