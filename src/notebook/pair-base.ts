/** What a notebook and its copy had in common when they were last brought together, and how a cell is compared with it. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { isRecord } from '#core/json.ts';
import type { CellView, OpenNotebook } from './contract.ts';

const cell = z.object({ id: z.string(), code: z.string(), outputs: z.string() });

/** The cells in their order, by digests: equality is all that is asked of them. */
export const pairBase = z.object({
  cells: z.array(cell),
  /** A save that the copy contained; a copy that lacks it is older than this. */
  mark: z.object({ writer: z.string(), count: z.number() }).exactOptional(),
});
export type PairBase = z.output<typeof pairBase>;

/** A cell as one side has it now. */
export interface SeenCell {
  readonly view: CellView;
  /** Of type and source. */
  readonly code: string;
  /** Of outputs and execution count. */
  readonly outputs: string;
}

export type SeenCells = ReadonlyMap<string, SeenCell>;

const known = new WeakMap<object, Pick<SeenCell, 'code' | 'outputs'>>();

/** The cells of one side by id, in their order. Digests are made once per version of a cell. */
export function seeCells(notebook: OpenNotebook): SeenCells {
  const { versions } = notebook;
  return new Map(
    notebook.cells().map((view) => {
      const version = versions[view.index] ?? {};
      const digests = known.get(version) ?? digestsOf(view);
      known.set(version, digests);
      return [view.id, { view, ...digests }];
    }),
  );
}

export const toBase = (cells: SeenCells): PairBase => ({
  cells: [...cells].map(([id, { code, outputs }]) => ({ id, code, outputs })),
});

function digestsOf({
  type,
  source,
  outputs,
  executionCount,
}: CellView): Pick<SeenCell, 'code' | 'outputs'> {
  const isEmpty = outputs.length === 0 && executionCount === null;
  return {
    code: digest([type, source]),
    outputs: isEmpty ? '' : digest([executionCount, outputs]),
  };
}

/** Whatever the order of keys is, which differs between writers of notebooks. */
function digest(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    isRecord(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
