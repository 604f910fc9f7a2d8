/** Where a notebook lives: the seam below an open notebook. `test/contract/notebook-stores.test.ts` holds each store to it. */

/** Changes whenever somebody else writes the notebook. Compared for equality only. */
export type FileVersion = string;

export interface LoadedFile {
  readonly bytes: Buffer;
  /** Not younger than the bytes: a change while they were read is seen as a new version. */
  readonly version: FileVersion;
}

/**
 * One notebook as bytes, read whole and replaced whole, byte for byte. A store knows nothing of cells: that what others wrote is
 * merged and never overwritten is the work of whoever writes, and the store's part is to refuse a write over a version that the
 * writer has not seen.
 */
export interface NotebookStore {
  /** Names the notebook in texts: a real path, or where it lies on which server. */
  readonly path: string;
  /** Does `work` while no other writer of ours changes this notebook. Not re-entrant. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** `undefined` when there is no notebook. */
  version(): Promise<FileVersion | undefined>;
  /** @throws GloveboxError `path/not-found`, `storage/failed`, or what the way to the store throws. */
  load(): Promise<LoadedFile>;
  /**
   * Replaces the notebook if it still has the version `expected`; `undefined` means that there must be none.
   * To be called inside of `exclusively`.
   *
   * @returns the version written, or `undefined` when somebody else changed it: then nothing was written
   * @throws GloveboxError `notebook/save-failed`; it is as it was.
   */
  write(
    chunks: readonly Buffer[],
    expected: FileVersion | undefined,
  ): Promise<FileVersion | undefined>;
  /** Resolves when everything written lasts. @throws GloveboxError `notebook/save-failed`: write again. */
  sync(): Promise<void>;
  /** Removes the notebook; one that is not there counts as removed. */
  remove(): Promise<void>;
  /** Removes what a killed process left beside it. Never fails. */
  removeLeftovers(): Promise<void>;
  /** For the text of an error: a copy from before a write that never came to its end. */
  unfinishedBackup(): Promise<string | undefined>;
}
