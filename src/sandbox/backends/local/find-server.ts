/** Finds the process of a server that no record names any more, among this user's processes. */
import { toIdentity, type ProcessIdentity } from '#platform/process-identity.ts';
import { argumentsOf, listProcesses } from '#platform/process-list.ts';
import type { ServerFiles } from './server-record.ts';

/** The word in the server's command line that no other process has. */
export const configArgument = (files: ServerFiles): string => `--config=${files.config}`;

export function findServerProcess(files: ServerFiles): ProcessIdentity | undefined {
  const wanted = configArgument(files);
  const uid = process.getuid?.() ?? -1;
  const row = listProcesses().find(
    (candidate) =>
      candidate.uid === uid &&
      candidate.state !== 'zombie' &&
      argumentsOf(candidate.pid).includes(wanted),
  );
  return row === undefined ? undefined : toIdentity(row);
}
