/** The log of a sandbox: what its main process wrote, by lines. */
import { isGloveboxError } from '#core/errors.ts';
import { withLimit, type Connection } from './connection.ts';

export const TAIL_LINES = 40;
const TAIL_LIMIT_MS = 5000;
/** The service tells pieces, not lines; of these, one call tells so many at most. */
const MAX_PIECES = 2000;

/** The last lines, oldest first. @throws trouble on the way. */
export async function readLog(
  modalId: string,
  lines: number,
  connection: Connection,
  signal: AbortSignal,
): Promise<string[]> {
  const sdk = await connection.sdk();
  const text = await sdk.log(modalId, Math.min(MAX_PIECES, Math.max(lines, 100)), signal);
  const all = text.split(/\r?\n/);
  return all.filter((line, at) => line !== '' || at < all.length - 1).slice(-lines);
}

/** For the text of an end: at most 40 lines, none when they cannot be had soon. @throws nothing but `cancelled`. */
export async function logTail(
  modalId: string | undefined,
  connection: Connection,
  signal: AbortSignal,
): Promise<string[]> {
  if (modalId === undefined) return [];
  try {
    return await withLimit(connection.clock, TAIL_LIMIT_MS, signal, (limited) =>
      readLog(modalId, TAIL_LINES, connection, limited),
    );
  } catch (error) {
    if (isGloveboxError(error, 'cancelled') && signal.aborted) throw error;
    return [];
  }
}
