/** A program whose stdin and stdout are one byte stream, for as long as both sides want it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import type { HostStream } from './host.ts';
import { forgetGroup, rememberGroup, signalGroup } from './process-groups.ts';
import { spawnFailure } from './process.ts';

export interface ProgramStream {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the program has ended, with the last 4 KiB of its stderr. Never rejects. */
  readonly ended: HostStream['ended'];
  /** SIGTERM to the whole group, 2 s later SIGKILL. Idempotent. */
  close(): void;
}

const STDERR_CHARS = 4096;
const KILL_AFTER_MS = 2000;
const DRAIN_MS = 1000;

/**
 * Starts a program in its own process group. It is ended when this process exits.
 *
 * @throws `path/not-found` for a missing program, `cancelled`: nothing was started then.
 */
export async function openProgram(
  argv: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ProgramStream> {
  throwIfAborted(options.signal);
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { env: options.env, detached: true, stdio: 'pipe' });
  const { pid } = child;
  rememberGroup(pid);
  child.on('error', () => undefined); // A failed start is told by `once` below.
  let stderr = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => (stderr = (stderr + chunk).slice(-STDERR_CHARS)));
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    stream.on('error', () => undefined); // Its end is told by `ended`.
  }
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.once('exit', (code) => {
      forgetGroup(pid);
      const finish = (): void => resolve({ code, stderr });
      // What it left running may hold stderr open for ever.
      const timer = setTimeout(finish, DRAIN_MS);
      child.once('close', () => {
        clearTimeout(timer);
        finish();
      });
    });
  });
  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    child.stdin.destroy();
    child.stdout.destroy();
    if (child.exitCode !== null || child.signalCode !== null) return;
    signalGroup(pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_AFTER_MS);
    child.once('exit', () => clearTimeout(timer));
  };
  try {
    await once(child, 'spawn', { signal: options.signal });
  } catch (error) {
    forgetGroup(pid);
    close();
    throw options.signal?.aborted === true
      ? cancelled(options.signal)
      : await spawnFailure(program, undefined, error);
  }
  return { stdin: child.stdin, stdout: child.stdout, ended, close };
}

/** As a host gives it: the two streams as one; ending it ends stdin only. */
export function toHostStream(
  program: ProgramStream,
  ended: HostStream['ended'] = program.ended,
): HostStream {
  const stream = joinStreams(program.stdout, program.stdin);
  stream.on('error', () => undefined); // Its end is told by `ended`.
  return { stream, ended, close: () => program.close() };
}

/** `Duplex.from` never ends when the reading side ends in order and the writing side then breaks, as with a program that exits early. */
function joinStreams(readable: Readable, writable: Writable): Duplex {
  const duplex = new Duplex({
    read: () => void readable.resume(),
    write: (chunk: Buffer, _encoding, done) => void writable.write(chunk, done),
    final: (done) => void writable.end(done),
    destroy(error, done) {
      readable.destroy();
      writable.destroy();
      done(error);
    },
  });
  readable.on('data', (chunk: Buffer) => {
    if (!duplex.push(chunk)) readable.pause();
  });
  readable.once('end', () => duplex.push(null));
  readable.once('close', () => {
    if (!readable.readableEnded) duplex.destroy();
  });
  // Nothing is read for who has not begun to: a program that ends meanwhile keeps its output here.
  readable.pause();
  return duplex;
}
