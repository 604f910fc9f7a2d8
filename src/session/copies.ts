/** Which notebooks have a copy in a sandbox that does not see the project, where it lies, and what is remembered of it. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { messageOf } from '#core/errors.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import { parseNotebook } from '#notebook/format.ts';
import { notebookFileName } from '#notebook/names.ts';
import { pairBase } from '#notebook/pair-base.ts';
import { ContentsStore, type ContentsClient } from '#notebook/stores/contents.ts';
import {
  ensurePrivateFolder,
  errnoOf,
  readTextIfExists,
  writeFileAtomic,
} from '#platform/files.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { SessionRecord } from './contract.ts';
import { NotebookCopy } from './notebook-copy.ts';

/** A name is taken so often at most. */
const MOST_NAMES = 1000;
/** The first version of notebooks whose cells have ids, without which nothing can be brought together. */
const FIRST_WITH_IDS = 5;

const memory = z.object({
  version: z.literal(1),
  serverPath: z.string(),
  base: pairBase.exactOptional(),
});
type Memory = z.output<typeof memory>;

export interface CopiesOptions {
  /** The state folder; what is remembered lies in `copies/` below it. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of a sandbox's Jupyter server. */
  readonly contents: (sandboxId: string) => ContentsClient;
}

/** What is used of a session. */
export interface CopiedSession {
  readonly record: SessionRecord;
  readonly notebook: OpenNotebook;
  notify(text: string): void;
}

export class Copies {
  readonly #options: CopiesOptions;
  readonly #open = new Map<string, NotebookCopy>();

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  /**
   * Where the copy of a notebook goes, below the root of the sandbox's server: the place it had before, or a name that is free.
   * Nothing of anybody is overwritten. Undefined when the server does not say what it has: then there is no copy.
   */
  async placeFor(
    sandboxId: string,
    notebook: OpenNotebook,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { log, contents } = this.#options;
    if (notebook.formatMinor < FIRST_WITH_IDS) return undefined;
    try {
      const known = await this.#recall(sandboxId, notebook.path);
      if (known !== undefined) return known.serverPath;
      const { name, ext } = path.parse(notebook.path);
      for (let number = 1; number <= MOST_NAMES; number += 1) {
        const serverPath = `${name}${number === 1 ? '' : `_${number}`}${ext}`;
        // oxlint-disable-next-line no-await-in-loop
        if ((await contents(sandboxId).version(serverPath, signal)) === undefined) {
          // Before the copy is: whoever finds it has to know whose it is.
          // oxlint-disable-next-line no-await-in-loop
          await this.#remember(sandboxId, notebook.path, { version: 1, serverPath });
          return serverPath;
        }
      }
    } catch (error) {
      log.info(`no copy of ${notebook.path}: ${messageOf(error)}`);
    }
    return undefined;
  }

  /** Where the copy of a notebook lay when there was one. */
  async knownPlace(sandboxId: string, notebookPath: string): Promise<string | undefined> {
    const known = await this.#recall(sandboxId, notebookPath).catch(() => undefined);
    return known?.serverPath;
  }

  /**
   * A person's notebook on a server that does not see the project comes into it once (D12), under its name or a free one; from then
   * on the file in the project is the notebook of record, and theirs the copy.
   *
   * @returns the new file; undefined when there is no such notebook, or none that can be read
   */
  async bringIn(
    sandboxId: string,
    serverPath: string,
    folder: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { log, contents } = this.#options;
    try {
      const found = await contents(sandboxId).read(serverPath, signal);
      if (found === undefined) return undefined;
      const bytes = Buffer.from(found.text);
      const { formatMinor } = parseNotebook(bytes, serverPath);
      if (formatMinor < FIRST_WITH_IDS) return undefined;
      const file = await writeFresh(folder, path.posix.basename(serverPath), bytes);
      await this.#remember(sandboxId, file, { version: 1, serverPath });
      return file;
    } catch (error) {
      log.info(`${serverPath} was not brought into the project: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Begins to keep the copy of a session that has one; for the owner of the session alone. Does nothing the second time. */
  async open(session: CopiedSession): Promise<void> {
    const { record, notebook } = session;
    const { clock, log, contents } = this.#options;
    const { id, sandboxId, copyPath } = record;
    if (copyPath === undefined || this.#open.has(id)) return;
    const known = await this.#recall(sandboxId, notebook.path).catch(() => undefined);
    if (this.#open.has(id)) return;
    const copy = new NotebookCopy({
      record: notebook,
      store: new ContentsStore({
        client: contents(sandboxId),
        serverPath: copyPath,
        serverName: `sandbox ${sandboxId}`,
      }),
      readRecord: () => readFile(notebook.path),
      base: known?.serverPath === copyPath ? known.base : undefined,
      remember: (base) =>
        this.#remember(sandboxId, notebook.path, { version: 1, serverPath: copyPath, base }),
      clock,
      log,
      notify: (text) => session.notify(text),
    });
    this.#open.set(id, copy);
    copy.start();
  }

  /** Brings the copy of a session and its record together now, where there is a copy. @throws what is in the way. */
  async sync(sessionId: string): Promise<void> {
    await this.#open.get(sessionId)?.sync();
  }

  /** Before a session is let go. `isLast` for its end: what a person did in the copy is taken in. Never fails. */
  async close(sessionId: string, options: { readonly isLast: boolean }): Promise<void> {
    const copy = this.#open.get(sessionId);
    this.#open.delete(sessionId);
    await copy?.close(options);
  }

  #file(sandboxId: string, notebookPath: string): string {
    const name = createHash('sha256').update(`${sandboxId}\n${notebookPath}`).digest('hex');
    return path.join(this.#options.dir, 'copies', `${name.slice(0, 24)}.json`);
  }

  async #recall(sandboxId: string, notebookPath: string): Promise<Memory | undefined> {
    const text = await readTextIfExists(this.#file(sandboxId, notebookPath));
    if (text === undefined) return undefined;
    try {
      return memory.parse(JSON.parse(text));
    } catch (error) {
      // Cells that differ are then told as edited by both; none is lost.
      this.#options.log.warn(`what was known of a copy cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #remember(sandboxId: string, notebookPath: string, value: Memory): Promise<void> {
    const file = this.#file(sandboxId, notebookPath);
    await ensurePrivateFolder(path.dirname(file));
    await writeFileAtomic(file, JSON.stringify(value));
  }
}

/** `a.ipynb`, or `a_2.ipynb` and so on where that is taken. @returns the real path */
async function writeFresh(folder: string, fileName: string, bytes: Buffer): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { name, ext } = path.parse(notebookFileName(fileName));
  for (let number = 1; ; number += 1) {
    const file = path.join(folder, `${name}${number === 1 ? '' : `_${number}`}${ext}`);
    try {
      // oxlint-disable-next-line no-await-in-loop
      await writeFile(file, bytes, { flag: 'wx' });
      return await realpath(file);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || number >= MOST_NAMES) throw error;
    }
  }
}
