/** Words as a shell would make them, and nothing that only a shell may do. */
import { expect, it } from 'vitest';
import { splitWords } from './words-of-shell.ts';

it.each([
  ['python  train.py --lr 1e-4', ['python', 'train.py', '--lr', '1e-4']],
  [`sh -c 'echo "$HOME" > x' "a b" c\\ d`, ['sh', '-c', 'echo "$HOME" > x', 'a b', 'c d']],
  [`"a \\"b\\" \\n" ''`, ['a "b" \\n', '']],
  ['$(x) `y` a;b *.py', ['$(x)', '`y`', 'a;b', '*.py']],
  ['  ', []],
])('%s', (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

it('refuses a quote that does not end', () => {
  expect(() => splitWords(`echo 'x`)).toThrow('does not end');
});
