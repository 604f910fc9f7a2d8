/** Copies a folder to a host whose disk is not ours, and only what is not there yet. */
import { readdir, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { childEnvironment, type Environment } from './environment.ts';
import type { Host, HostStream } from './host.ts';
import { openProgram, type ProgramStream } from './process-stream.ts';

export interface StageOptions {
  /** The environment of this process; it finds `tar` with it. */
  readonly env: Environment;
  /** Leaves out a file, or a folder with all that is in it; gets paths below the folder, with `/`. */
  readonly skip?: (relativePath: string) => boolean;
  readonly report?: (progress: {
    readonly message: string;
    readonly done: number;
    readonly total: number;
  }) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Staged {
  readonly copied: number;
  readonly copiedBytes: number;
  /** Files that were there already, with the same size and time. */
  readonly unchanged: number;
}

interface Entry {
  /** Below the folder, with `/`. */
  readonly name: string;
  readonly bytes: number;
  /** Size and time in seconds of a file, the target of a link: who is the same there is not sent. */
  readonly stamp: string;
}

const LIST_LIMIT_MS = 120_000;

// NUL stands between fields, since names may hold anything else. A folder that is not there has no files.
const LIST = `cd -- "$1" 2>/dev/null || exit 0
find . -type f -printf '%P\\0%s %T@\\0' -o -type l -printf '%P\\0-> %l\\0'`;
// It knows the end of an archive before the input ends, and who writes would take its leaving for a failure.
const UNPACK = 'umask 077; mkdir -p -- "$1" && cd -- "$1" && tar -xpof - && cat >/dev/null';

/**
 * Makes every file and link below `localFolder` be the same below `remoteFolder`, which is made with its parents (0700). What
 * is only there stays there. A file counts as the same when its size and its time, in seconds, are. Empty folders are left out.
 *
 * Repeated after any failure, it goes on with what is missing. Files are replaced one by one, not in one step.
 *
 * @throws as `Host.open`; `path/not-found` without the folder or without `tar`, `storage/failed` with what `tar` said.
 */
export async function stageFolder(
  host: Host,
  localFolder: string,
  remoteFolder: string,
  options: StageOptions,
): Promise<Staged> {
  const { signal, report = () => undefined } = options;
  const here = await listHere(localFolder, options.skip ?? (() => false), signal);
  const there = await listThere(host, remoteFolder, signal);
  const wanted = here.filter(({ name, stamp }) => there.get(name) !== stamp);
  const copiedBytes = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  const result = { copied: wanted.length, copiedBytes, unchanged: here.length - wanted.length };
  if (wanted.length === 0) return result;
  throwIfAborted(signal);

  const unpacking = await host.open(['sh', '-c', UNPACK, 'sh', remoteFolder], { signal });
  let packing: ProgramStream | undefined;
  try {
    const words = ['tar', '-cf', '-', '-C', localFolder, '--null', '-T', '-'];
    packing = await openProgram(words, { env: childEnvironment(options.env), signal });
    packing.stdin.end(wanted.map(({ name }) => `./${name}\0`).join(''));
    await transfer(packing, unpacking, signal, (done) => {
      const message = `copying to ${host.name}: ${renderBytes(done)} of ${renderBytes(copiedBytes)}`;
      report({ message, done, total: copiedBytes });
    });
    return result;
  } catch (error) {
    throwIfAborted(signal);
    if (isGloveboxError(error)) throw error;
    throw await explain(host, unpacking, error);
  } finally {
    packing?.close();
    unpacking.close();
  }
}

async function transfer(
  packing: ProgramStream,
  unpacking: HostStream,
  signal: AbortSignal | undefined,
  onBytes: (done: number) => void,
): Promise<void> {
  let done = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      onBytes(done);
      next(null, chunk);
    },
  });
  unpacking.stream.resume();
  await pipeline(packing.stdout, count, unpacking.stream, {
    end: true,
    ...(signal === undefined ? {} : { signal }),
  });
  const [here, there] = await Promise.all([packing.ended, unpacking.ended]);
  if (here.code !== 0) throw failed('Cannot pack the files', here);
  if (there.code !== 0) throw failed('Cannot unpack the files', there);
}

async function explain(host: Host, unpacking: HostStream, error: unknown): Promise<GloveboxError> {
  unpacking.close();
  const end = await unpacking.ended;
  if (host.isRemote && end.code === 255) {
    return new GloveboxError(
      'host/unreachable',
      `The connection to ${host.name} broke while files were copied.`,
      { hint: 'Do it again: it goes on with what is missing.', cause: error },
    );
  }
  const said = end.stderr === '' ? messageOf(error) : end.stderr;
  return failed('Cannot copy the files', { code: end.code, stderr: said });
}

function failed(
  what: string,
  { code, stderr }: { readonly code: number | null; readonly stderr: string },
): GloveboxError {
  return new GloveboxError('storage/failed', `${what}: ${stderr.trim() || `exit ${code}`}`);
}

async function listHere(
  folder: string,
  skip: (relativePath: string) => boolean,
  signal: AbortSignal | undefined,
): Promise<Entry[]> {
  const found: Entry[] = [];
  const look = async (below: string): Promise<void> => {
    throwIfAborted(signal);
    for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      const file = path.join(folder, name);
      if (skip(name)) continue;
      if (entry.isDirectory()) await look(name);
      else if (entry.isSymbolicLink()) {
        found.push({ name, bytes: 0, stamp: `-> ${await readlink(file)}` });
      } else if (entry.isFile()) {
        const { size, mtimeMs } = await stat(file);
        found.push({ name, bytes: size, stamp: `${size} ${Math.floor(mtimeMs / 1000)}` });
      }
    }
  };
  await look('').catch((error: unknown) => {
    if (isGloveboxError(error)) throw error;
    throw new GloveboxError('path/not-found', `Cannot read ${folder}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  return found;
}

async function listThere(
  host: Host,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const result = await host.run(['sh', '-c', LIST, 'sh', folder], {
    timeoutMs: LIST_LIMIT_MS,
    signal,
  });
  if (result.code !== 0) throw failed(`Cannot list ${folder} on ${host.name}`, result);
  const fields = result.stdout.split('\0');
  const stamps = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const stamp = fields[at + 1] ?? '';
    stamps.set(fields[at] ?? '', stamp.startsWith('-> ') ? stamp : stamp.replace(/\..*$/, ''));
  }
  return stamps;
}
