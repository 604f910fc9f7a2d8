/** Finds sandboxes that run for a project and that no record names, as after a loss of records, or that one says have ended. */
import { throwIfAborted } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { withLimit } from '#platform/with-limit.ts';
import type { BackendId, SandboxHandle } from './backend.ts';
import type { RecordBook } from './record-book.ts';
import type { SandboxRecord } from './records.ts';
import type { BackendRegistry } from './registry.ts';

/** One that hangs must not keep the others from the answer. */
const LIMIT_MS = 30_000;

export interface AdoptionParts {
  readonly registry: BackendRegistry;
  readonly book: RecordBook;
  readonly clock: Clock;
  readonly log: Log;
  /** Only these; default: every one. */
  readonly backends?: readonly BackendId[] | undefined;
}

/** Asks every back end that can search. One that cannot be asked is left out. @param projectDir a real path */
export async function adoptFound(
  projectDir: string,
  { registry, book, clock, log, backends = registry.ids() }: AdoptionParts,
  signal: AbortSignal,
): Promise<readonly SandboxRecord[]> {
  const found: SandboxRecord[] = [];
  for (const backendId of backends) {
    const backend = await registry.load(backendId).catch(() => undefined);
    const limit = { clock, limitMs: LIMIT_MS, signal, who: backendId };
    const looking = withLimit(
      limit,
      async (limited) => (await backend?.discover?.(projectDir, limited)) ?? [],
    ).catch((error: unknown) => {
      throwIfAborted(signal);
      // One that cannot be asked must not hide the others.
      log.warn(`${backendId} cannot be searched: ${messageOf(error)}`);
      return [];
    });
    for (const handle of await looking) {
      if (backend === undefined) continue;
      const known = await book.find(handle.id);
      if (known !== undefined) {
        const revived = await book.revive(known, handle);
        if (revived === undefined) continue;
        log.warn(`${handle.id} runs, although its record says that it has ended.`);
        found.push(revived);
        continue;
      }
      const fresh = book.newRecord(backend, handle);
      const record = { ...fresh, ...handle, isStarting: false, state: 'unknown' as const };
      // Another server may look at the same time.
      const created = await book.createOrNothing({
        ...record,
        createdMs: startOf(handle) ?? fresh.createdMs,
      });
      if (created !== undefined) found.push(created);
    }
  }
  return found;
}

/** Where its back end remembers when it began. */
function startOf({ data }: SandboxHandle): number | undefined {
  const { startedMs } = data;
  return typeof startedMs === 'number' ? startedMs : undefined;
}
