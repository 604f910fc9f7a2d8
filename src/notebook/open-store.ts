/** Opens the notebook that a store holds. */
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { LiveNotebook } from './live-notebook.ts';
import { loadNotebook } from './load-notebook.ts';
import type { NotebookStore } from './stores/store.ts';

export interface OpenStoreOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Called by `close`. */
  readonly onClose?: () => Promise<void>;
}

/** @throws GloveboxError as `loadNotebook`. */
export async function openStore(
  store: NotebookStore,
  { clock, log, onClose = () => Promise.resolve() }: OpenStoreOptions,
): Promise<LiveNotebook> {
  void store.removeLeftovers();
  const loaded = await loadNotebook(store, clock);
  return new LiveNotebook({ loaded, store, clock, log, onClose });
}
