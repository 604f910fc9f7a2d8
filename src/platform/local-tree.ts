/** Files of the project that are to be handed over: a file, or what of a folder git would not ignore. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, open, readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { NO_RULES, type IgnoreRules } from './gitignore.ts';

export interface TreeFile {
  /** Relative to what is moved, with `/`; empty for a single file. */
  readonly name: string;
  readonly size: number;
  readonly isExecutable: boolean;
}

export interface LocalTree {
  /** Real path of the file or folder. */
  readonly root: string;
  readonly isFolder: boolean;
  readonly files: readonly TreeFile[];
  /** What was not taken: ignored, made anew by tools, or no regular file. Folders end in `/`. */
  readonly leftOut: readonly string[];
}

/** Made anew by their own tools, large, or with settings that run commands: moved in neither direction. */
export const NEVER_MOVED = ['.git', '.venv', 'node_modules', '__pycache__', '.ipynb_checkpoints'];
export const MAX_FILES = 20_000;

/** In any case of letters: a disk may take `.GIT` for `.git`. */
export const isNeverMoved = (name: string): boolean => NEVER_MOVED.includes(name.toLowerCase());

/**
 * Looks at a file or folder of the project. Links inside a folder are left out; a single file may be one that leads to another place
 * of the project.
 *
 * @param ignore more to leave out: patterns as in a `.gitignore` of the folder, which outweigh all those that are there.
 * @throws `path/not-found`; `path/not-allowed` outside the project; `input/too-large` for too many files; `file/unsupported`.
 */
export async function readLocalTree(
  requested: string,
  projectDir: string,
  signal: AbortSignal,
  ignore: readonly string[] = [],
): Promise<LocalTree> {
  const project = await realpath(projectDir);
  const wanted = path.resolve(project, requested);
  const root = await realpath(wanted).catch((error: unknown) => {
    // What is not there outside the project is nobody's business either.
    if (!isWithin(wanted, projectDir)) refuseOutside(wanted, project, requested);
    throw new GloveboxError('path/not-found', `${requested} cannot be read: ${messageOf(error)}`, {
      hint: 'Name a file or folder of the project, relative to it or absolute.',
    });
  });
  refuseOutside(root, project, requested);
  const facts = await lstat(root);
  if (facts.isFile()) {
    const file = { name: '', size: facts.size, isExecutable: (facts.mode & 0o100) !== 0 };
    return { root, isFolder: false, files: [file], leftOut: [] };
  }
  if (!facts.isDirectory()) {
    throw new GloveboxError('file/unsupported', `${requested} is a device, a pipe or a socket.`);
  }
  const walk = new Walk(project, root, signal, NO_RULES.with('', ignore.join('\n')));
  await walk.folder(root, await rulesAbove(project, root));
  return { root, isFolder: true, files: walk.files, leftOut: walk.leftOut };
}

/** @throws `path/not-allowed`. */
export function refuseOutside(place: string, project: string, requested: string): void {
  if (isWithin(place, project)) return;
  throw new GloveboxError('path/not-allowed', `${requested} lies outside the project ${project}.`, {
    hint: 'Here only files of the project are moved; move it into the project first.',
  });
}

const isWithin = (place: string, folder: string): boolean =>
  place === folder || place.startsWith(`${folder}${path.sep}`);

/** The place of a file of a tree. */
export const fileOf = (target: string, name: string): string =>
  name === '' ? target : path.join(target, ...name.split('/'));

/** SHA-256 of a file, in hex, read in pieces. */
export async function hashFile(file: string, signal: AbortSignal): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(file, { signal, highWaterMark: 1024 * 1024 })) {
    if (chunk instanceof Uint8Array) digest.update(chunk);
  }
  return digest.digest('hex');
}

/** @throws `file/changed` when the file has become shorter. */
export async function readPiece(
  file: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) {
        throw new GloveboxError('file/changed', `${file} changed while it was moved.`, {
          hint: 'Move it when nobody writes it any more.',
        });
      }
      at += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

class Walk {
  readonly files: TreeFile[] = [];
  readonly leftOut: string[] = [];
  readonly #project: string;
  readonly #root: string;
  readonly #signal: AbortSignal;
  /** Names count from the root. */
  readonly #more: IgnoreRules;

  constructor(project: string, root: string, signal: AbortSignal, more: IgnoreRules) {
    this.#project = project;
    this.#root = root;
    this.#signal = signal;
    this.#more = more;
  }

  async folder(folder: string, above: IgnoreRules): Promise<void> {
    throwIfAborted(this.#signal);
    const rules = await withIgnoreFile(above, this.#project, folder);
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const place = path.join(folder, entry.name);
      const name = slashed(path.relative(this.#root, place));
      const isFolder = entry.isDirectory();
      const inProject = slashed(path.relative(this.#project, place));
      const isIgnored = rules.ignores(inProject, isFolder) || this.#more.ignores(name, isFolder);
      if (isNeverMoved(entry.name) || isIgnored || !(isFolder || entry.isFile())) {
        this.leftOut.push(isFolder ? `${name}/` : name);
      } else if (isFolder) await this.folder(place, rules);
      else await this.#file(place, name);
    }
  }

  async #file(place: string, name: string): Promise<void> {
    const { size, mode } = await lstat(place);
    this.files.push({ name, size, isExecutable: (mode & 0o100) !== 0 });
    if (this.files.length <= MAX_FILES) return;
    throw new GloveboxError('input/too-large', `${this.#root} has more than ${MAX_FILES} files.`, {
      hint: 'Pack them into an archive, move that, and unpack it with sandbox_bash.',
    });
  }
}

const slashed = (name: string): string => name.split(path.sep).join('/');

/** The rules of the folders from the project down to, and without, `folder`. */
async function rulesAbove(project: string, folder: string): Promise<IgnoreRules> {
  const steps = path.relative(project, folder).split(path.sep).filter(Boolean);
  let rules = NO_RULES;
  for (const [index] of steps.entries())
    rules = await withIgnoreFile(rules, project, path.join(project, ...steps.slice(0, index)));
  return rules;
}

async function withIgnoreFile(
  rules: IgnoreRules,
  project: string,
  folder: string,
): Promise<IgnoreRules> {
  const text = await readFile(path.join(folder, '.gitignore'), 'utf8').catch(() => undefined);
  return text === undefined ? rules : rules.with(slashed(path.relative(project, folder)), text);
}
