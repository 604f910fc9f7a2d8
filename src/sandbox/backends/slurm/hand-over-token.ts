/** Takes the token from where a node left it: once in the life of a server, and again for a machine that has lost it. */
import { TOKEN } from './hand-over.ts';
import { runOnNode, type NodePlace } from './node-step.ts';
import type { JobRecord, ServerPlace } from './record.ts';
import type { SlurmContext } from './settings.ts';

const LIMIT_MS = 20_000;

// `serve.py` writes the file at that signal.
const ASK = `
kill -USR2 "$1" || exit
i=0
while [ ! -f "$2/token" ] && [ "$i" -lt 25 ]; do sleep 0.2; i=$((i + 1)); done
cat -- "$2/token" && rm -f -- "$2/token"
`;

/** Removes what was handed over; we have it. Never fails: the folders are private, and the file is of use only to who may read it. */
export async function removeToken(
  context: SlurmContext,
  record: JobRecord,
  at: NodePlace,
  signal: AbortSignal,
): Promise<void> {
  const { tunnel, sharedDisk, jobDir, start } = record;
  const limits = { timeoutMs: LIMIT_MS, signal };
  const isPublished = (tunnel === 'direct' || tunnel === 'forward') && sharedDisk !== false;
  const removing = isPublished
    ? context
        .host()
        .then((host) =>
          host.run(['rm', '-f', '--', `${jobDir}/token-${start?.restarts ?? 0}`], limits),
        )
    : runOnNode(context, record, at, ['/bin/rm', '-f', `${at.folder}/token`], limits);
  await removing.catch(() => undefined);
}

/** Undefined where the server cannot be asked. @throws as `schedulerCommand`. */
export async function askForToken(
  context: SlurmContext,
  record: JobRecord,
  at: NodePlace,
  { pid }: ServerPlace,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (pid === undefined || pid === 0) return undefined;
  const argv = ['/bin/sh', '-c', ASK, 'sh', String(pid), at.folder];
  const { stdout } = await runOnNode(context, record, at, argv, { timeoutMs: LIMIT_MS, signal });
  const token = stdout.trim();
  return TOKEN.test(token) ? token : undefined;
}
