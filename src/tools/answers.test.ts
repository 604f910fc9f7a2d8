import { expect, it } from 'vitest';
import type { CellView } from '#notebook/contract.ts';
import { outline } from './answers.ts';
import { offerLines, parseTags, sandboxSummary } from './sandbox-answers.ts';

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

it('5.4: what a sandbox costs counts from when it was paid for, and what was rented on the way', () => {
  const status = {
    id: 'modal-x',
    state: 'ready',
    generation: 1,
    usdPerHour: 1.2,
    deadlineMs: 90 * 60_000,
    paidSinceMs: 30 * 60_000,
    beforehandUsd: 0.25,
  } as const;
  const view = {
    id: 'modal-x',
    name: 'modal-x',
    backend: 'modal',
    projectDir: '/p',
    createdMs: 0,
    options: {},
  } as const;
  const said = (more: object): string =>
    sandboxSummary({ ...view, status: { ...status, ...more } }, 60 * 60_000);
  expect(said({})).toContain('cost: $1.20/h, about $0.85 so far, at most $1.45 in all');
  const end = { cause: 'stopped', message: 'It was stopped.', atMs: 45 * 60_000 } as const;
  expect(said({ state: 'ended', end })).toContain('cost: at most $0.55 in all');
});

it('says once where prices come from, and with each where they come from different places', () => {
  const offer = (name: string, priceSource: string) => ({
    name,
    description: 'd',
    usdPerHour: 1,
    priceSource,
  });
  const unknown = { name: 'c', description: 'd' };
  expect(offerLines([offer('a', 'the list'), offer('b', 'the list'), unknown])).toEqual([
    'a: d, no GPU, $1.00/h',
    'b: d, no GPU, $1.00/h',
    'c: d, no GPU, price unknown',
    'prices: the list',
  ]);
  expect(offerLines([offer('a', 'the list'), offer('b', 'you')])).toEqual([
    'a: d, no GPU, $1.00/h (the list)',
    'b: d, no GPU, $1.00/h (you)',
  ]);
});

it('reads tags as people write them in one line', () => {
  expect(parseTags(['a=b', 'c=d=e'])).toEqual({ a: 'b', c: 'd=e' });
  expect(() => parseTags(['a'])).toThrow('is not written name=value');
});
