/** Cuts a list of files into requests of a bounded size: many small files go together, a large one in pieces. */

export interface Piece {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

/** Bytes of one request. With base64 a third more, far below what a Jupyter server takes as one message. */
const BATCH_BYTES = 2 * 1024 * 1024;
const BATCH_PIECES = 500;

/** Each file has at least one piece, also an empty one. */
export function* batchesOf(
  files: readonly { readonly index: number; readonly size: number }[],
): Generator<readonly Piece[]> {
  let batch: Piece[] = [];
  let room = BATCH_BYTES;
  for (const { index, size } of files) {
    let offset = 0;
    do {
      const length = Math.min(size - offset, room);
      batch.push({ index, offset, length });
      offset += length;
      room -= length;
      if (room === 0 || batch.length === BATCH_PIECES) {
        yield batch;
        batch = [];
        room = BATCH_BYTES;
      }
    } while (offset < size);
  }
  if (batch.length > 0) yield batch;
}
