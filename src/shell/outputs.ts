/** Brings what cells wrote for keeps into the project, before a sandbox with a file system of its own is gone. */
import path from 'node:path';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import { outputsOf } from '#sandbox/common-options.ts';
import type { Sandboxes } from '#sandbox/sandboxes.ts';
import type { ProjectTransfer } from './project-transfer.ts';

/** More is not worth the wait of somebody who wants an end: what there is, is told instead. */
export const MOST_BYTES = 100 * 1000 * 1000;
const LIMIT_MS = 120_000;

export interface OutputsOptions {
  readonly sandboxes: Pick<Sandboxes, 'optionsOf' | 'serverRootDir' | 'origin'>;
  readonly transfer: Pick<ProjectTransfer, 'pull'>;
  readonly projectDir: string;
  readonly clock: Clock;
  /** Whether there is such a file or folder in a sandbox, by its path below the root of its server. */
  exists(this: void, sandboxId: string, place: string, signal: AbortSignal): Promise<boolean>;
}

export interface BroughtHome {
  /** What was done, in sentences for whoever stops it; none where there is nothing to bring. */
  readonly notes: readonly string[];
  /** All that is to be brought has come. */
  readonly isHome: boolean;
}

/** Never fails. */
export type BringHome = (sandboxId: string, signal: AbortSignal) => Promise<BroughtHome>;

const nothing = (isHome: boolean): BroughtHome => ({ notes: [], isHome });

/**
 * The folder that the option `outputs` names comes to a folder of the same name in the project, each sandbox in one of its own: files
 * of the same name that two of them wrote stay two. Done again, it replaces what it brought before.
 */
export function createBringHome(options: OutputsOptions): BringHome {
  const { sandboxes, transfer, projectDir, clock, exists } = options;
  const folderOf = async (id: string): Promise<string | undefined> => {
    const folder = outputsOf(await sandboxes.optionsOf(id));
    // Where the server sees this machine's files, they are at home.
    if (folder === undefined || (await sandboxes.serverRootDir(id)) !== undefined) return undefined;
    return (await sandboxes.origin(id)).projectDir === projectDir ? folder : undefined;
  };
  return async (id, signal) => {
    let folder: string | undefined;
    const stop = new AbortController();
    const giveUp = (): void => stop.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    const cancelLimit = clock.after(LIMIT_MS, giveUp);
    try {
      folder = await folderOf(id);
      if (folder === undefined) return nothing(false);
      if (!(await exists(id, folder, stop.signal))) return nothing(true);
      const request = {
        sandboxId: id,
        localPath: path.join(folder, id),
        remotePath: folder,
        overwrite: true,
        maxBytes: MOST_BYTES,
      };
      const wait = { waitMs: LIMIT_MS, signal: stop.signal, report: () => undefined };
      const { files, bytes, localPath } = await transfer.pull(request, wait);
      if (files === 0) return nothing(true);
      const where = path.relative(projectDir, localPath);
      const told = `brought home: ${where} (${files} files, ${renderBytes(bytes)})`;
      return { notes: [told], isHome: true };
    } catch (error) {
      // Agents see no files of such a sandbox, so none are brought to where they would.
      if (isGloveboxError(error, 'sandbox/closed')) return nothing(false);
      const why = `${folder ?? 'What was written'} was not brought home: ${messageOf(error)}`;
      return { notes: [why], isHome: false };
    } finally {
      cancelLimit();
      signal.removeEventListener('abort', giveUp);
    }
  };
}
