/** A notebook behind Jupyter's contents API, for a server that sees another file system. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { FileVersion, LoadedFile, NotebookStore } from './store.ts';

/** What is used of the contents API; `src/jupyter/contents.ts` is it. */
export interface ContentsClient {
  version(path: string, signal?: AbortSignal): Promise<string | undefined>;
  read(
    path: string,
    signal?: AbortSignal,
  ): Promise<{ readonly text: string; readonly version: string } | undefined>;
  /** @returns undefined when the server saw that the file has another version than `seen`; not every server looks */
  write(
    path: string,
    text: string,
    seen: { readonly version: string | undefined },
  ): Promise<string | undefined>;
  remove(path: string): Promise<void>;
}

export interface ContentsStoreOptions {
  readonly client: ContentsClient;
  /** Below the server's root, with slashes. */
  readonly serverPath: string;
  /** Names the server in texts. */
  readonly serverName: string;
}

/**
 * A server of ours looks at the version and writes in one step. Another one writes without a condition, so that between our look and
 * the write there are milliseconds in which somebody else can write unseen. And a version is size and time of change, whose clock ticks
 * every 4 to 10 ms on Linux, so that another write of as many bytes in the same tick has the same one. Whoever loads the notebook then
 * finds in it which saves it has seen, as with an editor that saves an older version over ours. Only one process at a time may hold
 * such a store of a notebook.
 */
export class ContentsStore implements NotebookStore {
  readonly path: string;
  readonly #client: ContentsClient;
  readonly #serverPath: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ client, serverPath, serverName }: ContentsStoreOptions) {
    this.path = `${serverPath} on ${serverName}`;
    this.#client = client;
    this.#serverPath = serverPath;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn;
    return turn;
  }

  version(): Promise<FileVersion | undefined> {
    return this.#client.version(this.#serverPath);
  }

  async load(): Promise<LoadedFile> {
    const found = await this.#client.read(this.#serverPath);
    if (found !== undefined) return { bytes: Buffer.from(found.text), version: found.version };
    throw new GloveboxError('path/not-found', `There is no file ${this.path}.`, {
      hint: 'The copy in the sandbox was removed; the notebook in the project has everything.',
    });
  }

  async write(
    chunks: readonly Buffer[],
    expected: FileVersion | undefined,
  ): Promise<FileVersion | undefined> {
    try {
      if ((await this.version()) !== expected) return undefined;
      const text = Buffer.concat(chunks).toString('utf8');
      return await this.#client.write(this.#serverPath, text, { version: expected });
    } catch (error) {
      if (isGloveboxError(error, 'cancelled')) throw error;
      throw new GloveboxError(
        'notebook/save-failed',
        `${this.path} could not be written: ${messageOf(error)}`,
        {
          hint: 'The notebook in the project has everything; the copy follows later.',
          cause: error,
        },
      );
    }
  }

  async sync(): Promise<void> {}

  remove(): Promise<void> {
    return this.#client.remove(this.#serverPath);
  }

  async removeLeftovers(): Promise<void> {}

  async unfinishedBackup(): Promise<undefined> {
    return undefined;
  }
}
