import { expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest.ts';

it('finds what a mistyped word meant', () => {
  const known = ['execute_code', 'edit_cell', 'move_cell'];
  expect(nearest('excute_code', known)).toBe('execute_code');
  expect(nearest('EDIT_CELL', known)).toBe('edit_cell');
  expect(nearest('mvoe_cell', known)).toBe('move_cell');
});

it('suggests nothing rather than nonsense', () => {
  expect(nearest('shutdown', ['execute_code', 'edit_cell'])).toBeUndefined();
  expect(nearest('anything', [])).toBeUndefined();
  expect(didYouMean('zzz', ['a'])).toBe('');
});

it('counts swapped neighbours as one mistake', () => {
  expect(nearest('lcoal', ['local', 'focal'])).toBe('local');
});
