/** Many buffers into one file without joining them first. */
import { writevSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** What one call takes on Linux. */
const MOST_BUFFERS = 1024;

/** Writes everything from the start of the file on. @returns how many bytes that were */
export async function writeAll(handle: FileHandle, chunks: readonly Buffer[]): Promise<number> {
  let position = 0;
  for (let from = 0; from < chunks.length; from += MOST_BUFFERS) {
    let batch = chunks.slice(from, from + MOST_BUFFERS).filter(({ length }) => length > 0);
    while (batch.length > 0) {
      const { bytesWritten } = await handle.writev(batch, position);
      position += bytesWritten;
      batch = behind(batch, bytesWritten);
    }
  }
  return position;
}

/** The same by direct system calls, for what is small. */
export function writeAllNow(descriptor: number, chunks: readonly Buffer[]): void {
  for (let from = 0; from < chunks.length; from += MOST_BUFFERS) {
    let batch = chunks.slice(from, from + MOST_BUFFERS).filter(({ length }) => length > 0);
    while (batch.length > 0) batch = behind(batch, writevSync(descriptor, batch));
  }
}

function behind(batch: readonly Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  let index = 0;
  for (const { length } of batch) {
    if (left < length) break;
    left -= length;
    index += 1;
  }
  const [first, ...rest] = batch.slice(index);
  return first === undefined ? [] : [first.subarray(left), ...rest];
}
