/** Makes the ids that Glovebox hands out. All are random, so that two processes never make the same one. */
import { randomFillSync, randomUUID } from 'node:crypto';

/** No 0/o, 1/l/i: ids are read aloud and typed by people. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

/** Asking the system for a few bytes costs as much as asking for many, and ids are made in the way of answers. */
const pool = Buffer.alloc(512);
let poolUsed = pool.length;

function randomBytes(length: number): Buffer {
  if (poolUsed + length > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += length;
  return pool.subarray(poolUsed - length, poolUsed);
}

function randomWord(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

export const newSessionId = (): string => `s-${randomWord(8)}`;
/** `r-<word of the session>-<word>`: the id tells whose run it is. */
export const newRunId = (sessionId: string): string => `r-${sessionId.slice(2)}-${randomWord(5)}`;
export const newSandboxSuffix = (): string => randomWord(6);

/** Eight hexadecimal digits, a valid nbformat 4.5 cell id (`^[a-zA-Z0-9-_]{1,64}$`). */
export const newCellId = (): string => randomBytes(4).toString('hex');

/** Eight hexadecimal digits, for the name of a file that lives for milliseconds. */
export const newFileMark = (): string => randomBytes(4).toString('hex');

/** For `msg_id` and the connection's `session_id` in the Jupyter protocol. */
export const newUuid = (): string => randomUUID();
