import { expect, it } from 'vitest';
import { createLoopGuard } from './loop-guard.ts';

/** Which of these calls got a line; each is a letter, and its answer stands behind it. */
function lines(calls: readonly string[]): readonly (string | undefined)[] {
  const guard = createLoopGuard();
  return calls.map((call) => guard.seen(call[0] ?? '', { a: 1 }, call));
}

const at = (calls: readonly string[]): readonly number[] =>
  lines(calls).flatMap((line, index) => (line === undefined ? [] : [index]));

it.each([
  ['three times the same', ['a', 'a', 'a'], [2]],
  [
    'then silence, until something else happens',
    ['a', 'a', 'a', 'a', 'a', 'b', 'a', 'a', 'a'],
    [2, 8],
  ],
  ['two in turn', ['a', 'b', 'a', 'b', 'a', 'b'], [5]],
  ['five in turn', Array.from('abcdeabcdeabcde'), [14]],
  ['six in turn', Array.from('abcdefabcdefabcdef'), []],
  ['asking again with other answers', ['a1', 'a2', 'a3', 'a4'], []],
  ['twice', ['a', 'a', 'b', 'a', 'a'], []],
])('10: %s', (_, calls, told) => expect(at(calls)).toEqual(told));

it('10: the order of keys makes no other call, that of lists does', () => {
  const guard = createLoopGuard();
  guard.seen('t', { a: 1, b: { c: 1, d: 2 } }, 'x');
  guard.seen('t', { b: { d: 2, c: 1 }, a: 1 }, 'x');
  expect(guard.seen('t', { a: 1, b: { c: 1, d: 2 } }, 'x')).toMatch(
    /Same call, same result, 3 times/,
  );
  const lists = createLoopGuard();
  lists.seen('t', [1, 2], 'x');
  lists.seen('t', [2, 1], 'x');
  expect(lists.seen('t', [1, 2], 'x')).toBeUndefined();
});
