/** Files in any sandbox: read in windows, written only over what the caller has seen. */
import { Buffer } from 'node:buffer';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import { withProgram } from './ask-kernel.ts';
import { editText, type EditRequest } from './edit-text.ts';
import {
  changed,
  isSeen,
  loadAnswer,
  notFound,
  readAnswer,
  storeAnswer,
  throwRefusal,
  type ReadAnswer,
  type StoredFile,
} from './file-answers.ts';

/** The type under which `python/files.py` publishes its answer. */
const MIME = 'application/vnd.glovebox.file+json';
/** Read through line by line, of which a window is answered. */
const MAX_READ_BYTES = 512 * 1024 * 1024;
/** Travels as a whole. */
const MAX_WHOLE_BYTES = 4 * 1024 * 1024;

const deflated = promisify(deflate);
const inflated = promisify(inflate);

export interface FilePlace {
  readonly sandboxId: string | undefined;
  /** Absolute, from `~`, or relative to the root of the sandbox's server. Links are followed. */
  readonly path: string;
}

export interface FileWindow {
  /** Number of the first line, from 1. */
  readonly offset: number;
  readonly limit: number;
  readonly maxChars: number;
  /** Longer lines are cut. */
  readonly maxLineChars: number;
}

export interface Edited extends StoredFile {
  /** Line breaks as `\n`; before and after, for a difference. */
  readonly before: string;
  readonly after: string;
  /** How the text was found. */
  readonly how: string;
}

/**
 * All failures: `sandbox/pending`, `sandbox/ended`, `shell/unavailable`, `path/not-found`, `path/not-allowed`, `file/unsupported`,
 * `input/too-large`, `storage/failed`, `kernel/unresponsive` (for a write: whether it happened is not known), `cancelled`.
 */
export interface SandboxFiles {
  /** A window of a text file, what a binary file is, or the list of a folder. */
  read(place: FilePlace, window: FileWindow, wait: SandboxWait): Promise<ReadAnswer>;
  /** All bytes of a file of up to 4 MiB. */
  load(
    place: FilePlace,
    wait: SandboxWait,
  ): Promise<{ readonly real: string; readonly bytes: Buffer }>;
  /**
   * Writes a whole file: temporary file and rename, parents created, mode kept. A file that is there must have been read, written
   * or edited here before and be unchanged since.
   *
   * @throws also `file/not-read`, `file/changed`; nothing is written then.
   */
  write(place: FilePlace, content: string, wait: SandboxWait): Promise<StoredFile>;
  /** Replaces one piece of text, or creates a file that is not there. @throws also `file/not-read`, `file/changed`, `file/no-match`. */
  edit(place: FilePlace, request: EditRequest, wait: SandboxWait): Promise<Edited>;
}

export interface SandboxFilesOptions {
  readonly helpers: HelperKernels;
  readonly clock: Clock;
  /** The text of `python/files.py`. */
  source(this: void): Promise<string>;
}

export function createSandboxFiles(options: SandboxFilesOptions): SandboxFiles {
  return new FilesOverKernels(options);
}

class FilesOverKernels implements SandboxFiles {
  readonly #options: SandboxFilesOptions;
  /** SHA-256 of each file as it was when the caller saw it last, by sandbox and real path. */
  readonly #seen = new Map<string, string>();

  constructor(options: SandboxFilesOptions) {
    this.#options = options;
  }

  async read(place: FilePlace, window: FileWindow, wait: SandboxWait): Promise<ReadAnswer> {
    const path = checkedPath(place.path);
    return this.#with(place.sandboxId, wait, async (ask, sandboxId) => {
      const request = {
        operation: 'read',
        path,
        offset: window.offset,
        limit: window.limit,
        max_chars: window.maxChars,
        max_line: window.maxLineChars,
        max_bytes: MAX_READ_BYTES,
      };
      const answer = readAnswer.parse(await ask(request, MAX_READ_BYTES));
      if (isSeen(answer)) this.#remember(sandboxId, answer);
      return answer;
    });
  }

  async load(
    place: FilePlace,
    wait: SandboxWait,
  ): Promise<{ readonly real: string; readonly bytes: Buffer }> {
    const path = checkedPath(place.path);
    return this.#with(place.sandboxId, wait, async (ask) => {
      const request = { operation: 'load', path, max_bytes: MAX_WHOLE_BYTES };
      const found = loadAnswer.parse(await ask(request, MAX_WHOLE_BYTES));
      if ('missing' in found) throw notFound(path, found.near);
      return { real: found.real, bytes: await inflated(Buffer.from(found.data, 'base64')) };
    });
  }

  async write(place: FilePlace, content: string, wait: SandboxWait): Promise<StoredFile> {
    const path = checkedPath(place.path);
    checkSize(content);
    return this.#with(place.sandboxId, wait, async (ask, sandboxId) => {
      const found = loadAnswer.parse(
        await ask(
          { operation: 'load', path, max_bytes: MAX_READ_BYTES, hash_only: true },
          MAX_READ_BYTES,
        ),
      );
      const expected = 'missing' in found ? undefined : this.#expected(sandboxId, path, found);
      return this.#store(ask, sandboxId, found.real, content, expected);
    });
  }

  async edit(place: FilePlace, request: EditRequest, wait: SandboxWait): Promise<Edited> {
    const path = checkedPath(place.path);
    checkSize(request.newText);
    return this.#with(place.sandboxId, wait, async (ask, sandboxId) => {
      const found = loadAnswer.parse(
        await ask({ operation: 'load', path, max_bytes: MAX_WHOLE_BYTES }, MAX_WHOLE_BYTES),
      );
      if ('missing' in found) {
        if (request.oldText !== '') throw notFound(path, found.near);
        const stored = await this.#store(ask, sandboxId, found.real, request.newText, undefined);
        return { ...stored, before: '', after: request.newText, how: 'created' };
      }
      const expected = this.#expected(sandboxId, path, found);
      const before = decode(await inflated(Buffer.from(found.data, 'base64')), path);
      const edited = editText(before, request, path);
      checkSize(edited.content);
      const stored = await this.#store(ask, sandboxId, found.real, edited.content, expected);
      return { ...stored, before: edited.before, after: edited.after, how: edited.how };
    });
  }

  /** @throws `file/not-read`, `file/changed`. */
  #expected(sandboxId: string, path: string, found: { real: string; sha256: string }): string {
    const seen = this.#seen.get(keyOf(sandboxId, found.real));
    if (seen === undefined) throwRefusal({ refused: 'exists', message: '' }, path, 0);
    if (seen !== found.sha256) throw changed(path);
    return found.sha256;
  }

  async #store(
    ask: Ask,
    sandboxId: string,
    path: string,
    content: string,
    expected: string | undefined,
  ): Promise<StoredFile> {
    const data = (await deflated(Buffer.from(content, 'utf8'))).toString('base64');
    const answer = await ask({ operation: 'store', path, data, expected }, MAX_WHOLE_BYTES);
    const stored = storeAnswer.parse(answer);
    this.#remember(sandboxId, stored);
    return stored;
  }

  #remember(sandboxId: string, { real, sha256 }: { real: string; sha256: string }): void {
    this.#seen.set(keyOf(sandboxId, real), sha256);
  }

  #with<T>(
    wanted: string | undefined,
    wait: SandboxWait,
    work: (ask: Ask, sandboxId: string) => Promise<T>,
  ): Promise<T> {
    return withProgram({ ...this.#options, mime: MIME }, wanted, wait, (ask, sandboxId) =>
      work(async (request, maxBytes) => {
        const answer = await ask(request);
        throwRefusal(answer, String(request['path']), maxBytes);
        return answer;
      }, sandboxId),
    );
  }
}

type Ask = (request: Readonly<Record<string, unknown>>, maxBytes: number) => Promise<unknown>;

const keyOf = (sandboxId: string, real: string): string => `${sandboxId}\n${real}`;

/** @throws `input/invalid`. */
export function checkedPath(path: string): string {
  if (path.trim() !== '' && !path.includes('\0') && path.length <= 4096) return path;
  throw new GloveboxError('input/invalid', 'The path is empty, too long, or contains NUL.', {
    hint: 'Give an absolute path, or one relative to the root of the sandbox.',
  });
}

/** @throws `input/too-large`. */
function checkSize(content: string): void {
  if (Buffer.byteLength(content) <= MAX_WHOLE_BYTES) return;
  throw new GloveboxError('input/too-large', 'A file written here has at most 4 MiB.', {
    hint: 'Write it in the sandbox, with sandbox_bash or from a notebook.',
  });
}

/** Lossless, so that what is not touched stays as it is. @throws `file/unsupported`. */
function decode(bytes: Buffer, path: string): string {
  try {
    // A mark at the beginning is part of the file.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Said below.
  }
  throw new GloveboxError('file/unsupported', `${path} is not a text file in UTF-8.`, {
    hint: 'Change it with sandbox_bash or from a notebook.',
  });
}
