/** Removes what only a running server needs: the token, the hand-over, sockets and connection files. */
import { rm } from 'node:fs/promises';
import { removeIfExists } from '#platform/files.ts';
import type { ServerFiles } from './server-record.ts';

/** Never throws: what cannot be removed is private and of no use any more. */
export async function removeShortLivedFiles(
  files: ServerFiles,
  runtimeDir: string | undefined,
): Promise<void> {
  await removeIfExists(files.token).catch(() => undefined);
  await removeIfExists(files.config).catch(() => undefined);
  if (runtimeDir !== undefined)
    await rm(runtimeDir, { recursive: true, force: true }).catch(() => undefined);
}
