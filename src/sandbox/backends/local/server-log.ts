/** Reads the end of a server's log, and what it says about the server's end. */
import { open, rename } from 'node:fs/promises';
import { errnoOf } from '#platform/files.ts';

const MAX_TAIL_BYTES = 256 * 1024;

/** The last lines, oldest first; empty when there is no log. */
export async function logTail(file: string, lines: number): Promise<string[]> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, MAX_TAIL_BYTES);
    const { buffer } = await handle.read({ buffer: Buffer.alloc(length), position: size - length });
    const all = buffer.toString('utf8').split('\n');
    // The first line may be cut.
    const whole = size > length ? all.slice(1) : all;
    return whole.filter((line, index) => line !== '' || index < whole.length - 1).slice(-lines);
  } finally {
    await handle.close();
  }
}

/** Each start has a log of its own; the one before it is kept. */
export async function rotateLog(file: string): Promise<void> {
  await rename(file, `${file}.1`).catch(() => undefined);
}

export interface LoggedEnd {
  readonly cause: 'idle' | 'time-limit' | 'stopped' | 'out-of-memory' | 'unknown';
  readonly message: string;
}

/** What the log says about an end that nobody here asked for. */
export function endFromLog(tail: readonly string[]): LoggedEnd {
  const idle = tail.findLast((line) => line.includes('GLOVEBOX-END idle'));
  if (idle !== undefined) {
    return { cause: 'idle', message: 'It ended itself, because nobody had used it for long.' };
  }
  if (tail.some((line) => line.includes('GLOVEBOX-END time-limit'))) {
    return { cause: 'time-limit', message: 'It ended at its time limit (max_lifetime_seconds).' };
  }
  if (tail.some((line) => /received signal 15/.test(line))) {
    return { cause: 'stopped', message: 'Somebody ended its process (SIGTERM).' };
  }
  if (tail.some((line) => /Shutting down on \/api\/shutdown request/i.test(line))) {
    return { cause: 'stopped', message: 'It was shut down from the browser.' };
  }
  if (tail.some((line) => /MemoryError|Cannot allocate memory/.test(line))) {
    return { cause: 'out-of-memory', message: 'It ran out of memory.' };
  }
  return {
    cause: 'unknown',
    message:
      'Its process ended without a word, as after SIGKILL or when the machine runs out of memory.',
  };
}
