/** Reads a notebook that nobody has open, without opening it. */
import { readFile } from 'node:fs/promises';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { CellView } from '#notebook/contract.ts';
import { parseNotebook } from '#notebook/format.ts';

/**
 * The cells as the file has them now. Nothing is written, and nothing is kept.
 *
 * @throws GloveboxError `path/not-found`, `notebook/invalid` or `notebook/unsupported`.
 */
export async function readNotebookFile(file: string): Promise<readonly CellView[]> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new GloveboxError('path/not-found', `Cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  });
  return parseNotebook(bytes, file).cells.map((cell, index) => cell.view(index));
}
