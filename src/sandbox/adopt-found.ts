/** Finds sandboxes that run for a project and that no record names, as after a loss of records, and puts them on record. */
import { throwIfAborted } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { Log } from '#platform/log.ts';
import type { RecordBook } from './record-book.ts';
import type { SandboxRecord } from './records.ts';
import type { BackendRegistry } from './registry.ts';

export interface AdoptionParts {
  readonly registry: BackendRegistry;
  readonly book: RecordBook;
  readonly log: Log;
}

/** Asks every back end that can search. One that cannot be asked is left out. @param projectDir a real path */
export async function adoptFound(
  projectDir: string,
  { registry, book, log }: AdoptionParts,
  signal: AbortSignal,
): Promise<readonly SandboxRecord[]> {
  const found: SandboxRecord[] = [];
  for (const backendId of registry.ids()) {
    const backend = await registry.load(backendId).catch(() => undefined);
    const looking = backend?.discover?.(projectDir, signal).catch((error: unknown) => {
      throwIfAborted(signal);
      // One that cannot be asked must not hide the others.
      log.warn(`${backendId} cannot be searched: ${messageOf(error)}`);
      return [];
    });
    const handles = (await looking) ?? [];
    for (const handle of handles) {
      if (backend === undefined || (await book.find(handle.id)) !== undefined) continue;
      const fresh = book.newRecord(backend, handle);
      found.push(await book.create({ ...fresh, ...handle, isStarting: false, state: 'unknown' }));
    }
  }
  return found;
}
