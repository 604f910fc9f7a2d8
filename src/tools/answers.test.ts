import { expect, it } from 'vitest';
import type { CellView } from '#notebook/contract.ts';
import { outline } from './answers.ts';

const cell: CellView = {
  id: 'ab12cd34',
  index: 0,
  type: 'code',
  source: '1 / 0\n2',
  executionCount: 3,
  metadata: {},
  outputs: [],
};

it('an outline says where a notebook broke', () => {
  const error = {
    output_type: 'error',
    ename: 'ZeroDivisionError',
    evalue: '',
    traceback: [],
  } as const;
  expect(outline([cell, { ...cell, index: 1, outputs: [error] }])).toBe(
    '0  ab12cd34  [3]  1 / 0\n1  ab12cd34  [3] ZeroDivisionError  1 / 0',
  );
});
