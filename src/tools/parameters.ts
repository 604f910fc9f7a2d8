/** Parameters that several tools share, described once. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { Position } from '#notebook/contract.ts';

export const sessionId = z
  .string()
  .describe('Session id, as start_new_notebook or list_sessions gave it (s-...).');

export const sandboxId = z
  .string()
  .optional()
  .describe("Sandbox id. Default: the project's own, started if need be.");

export const waitS = z
  .number()
  .min(0)
  .max(600)
  .optional()
  .describe(
    'Seconds to wait for the end before answering with what there is (default 45). The end of the wait stops nothing.',
  );

export const timeoutS = z
  .number()
  .positive()
  .optional()
  .describe('Interrupt the code after this many seconds. Default: never.');

export const cell = z
  .union([z.string(), z.int32()])
  .describe('Cell id, or index from 0, or from the end with -1.');

export const at = z
  .union([z.string(), z.int32()])
  .optional()
  .describe('Where: an index, "after:<cell id>" or "before:<cell id>". Default: the end.');

/** @throws `input/invalid` for a text that is neither of the two forms. */
export function toPosition(value: string | number | undefined): Position {
  if (value === undefined || value === 'end') return { at: 'end' };
  if (typeof value === 'number') return { at: 'index', index: value };
  const match = /^(after|before):(.+)$/.exec(value);
  const [, side, id] = match ?? [];
  if ((side === 'after' || side === 'before') && id !== undefined) return { at: side, cell: id };
  if (/^-?\d+$/.test(value)) return { at: 'index', index: Number(value) };
  throw new GloveboxError('input/invalid', `"${value}" is not a position.`, {
    hint: 'Give an index, "after:<cell id>", "before:<cell id>" or "end".',
  });
}

/** A cell named by a model: `"3"` and `"-1"` mean the index, unless a cell has that text as its id. */
export function toCellRef(value: string | number, ids: readonly string[]): string | number {
  if (typeof value === 'string' && !ids.includes(value) && /^-?\d+$/.test(value))
    return Number(value);
  return value;
}
