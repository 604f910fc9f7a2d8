/** Reads a notebook from its store, with patience for a program that is just writing it. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import { parseNotebook, type NotebookDocument } from './format.ts';
import type { FileVersion, NotebookStore } from './stores/store.ts';

/** A program that writes in place leaves half a file for a moment (D6). */
const ATTEMPTS = 5;
const PAUSE_MS = 100;

export interface LoadedNotebook {
  readonly document: NotebookDocument;
  readonly version: FileVersion;
  readonly bytes: number;
}

/**
 * @param previous whose cells are taken over where they are the same
 * @throws GloveboxError `notebook/invalid`, `notebook/unsupported`, `path/not-found` or `storage/failed`.
 */
export async function loadNotebook(
  store: NotebookStore,
  clock: Clock,
  previous?: NotebookDocument,
): Promise<LoadedNotebook> {
  for (let attempt = 1; ; attempt += 1) {
    const { bytes, version } = await store.load();
    try {
      return {
        document: parseNotebook(bytes, store.path, previous),
        version,
        bytes: bytes.length,
      };
    } catch (error) {
      if (!isGloveboxError(error, 'notebook/invalid')) throw error;
      if (attempt === ATTEMPTS) throw await withBackup(error, store);
    }
    await sleep(clock, PAUSE_MS);
  }
}

async function withBackup(error: GloveboxError, store: NotebookStore): Promise<GloveboxError> {
  const backup = await store.unfinishedBackup();
  if (backup === undefined) return error;
  return new GloveboxError('notebook/invalid', error.message, {
    hint: `A save was interrupted. The notebook as it was before it is ${backup}: copy it over the file.`,
    cause: error,
  });
}
