/** SEC6: however a secret is cut, nothing of it is let through, and nothing else is lost. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OutputMask } from './output-mask.ts';

const SECRET = 'sk-abcab-1234';
const newMask = (): OutputMask =>
  new OutputMask({ forms: [SECRET], replace: (text) => text.replaceAll(SECRET, '[x]') });
const shown = (pieces: readonly string[]): string => {
  const mask = newMask();
  const parts = pieces.map((piece) => mask.stream('stdout', piece));
  return [...parts, ...mask.rest().map(({ text }) => text)].join('');
};

it('lets through what is no secret, at once where it cannot become one', () => {
  const mask = newMask();
  expect(mask.stream('stdout', 'line\n')).toBe('line\n');
  expect(mask.stream('stdout', 'ask')).toBe('a');
  expect(mask.stream('stderr', 'other')).toBe('other');
  expect(mask.stream('stdout', 'ing')).toBe('sking');
  expect(mask.stream('stdout', 'sk-abc')).toBe('');
  expect(mask.rest()).toEqual([{ name: 'stdout', text: 'sk-abc' }]);
  expect(mask.rest()).toEqual([]);
});

it('SEC6, acceptance 51: of any cut of any text gives what the whole text gives', () => {
  const word = fc.constantFrom(SECRET, 'sk-', 'abc', 'a', '\n', '-1234', 's');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), fc.array(fc.nat(60)), (words, cuts) => {
      const text = words.join('');
      const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b)];
      const pieces = places.map((from, at) => text.slice(from, places[at + 1] ?? text.length));
      expect(shown(pieces)).toBe(text.replaceAll(SECRET, '[x]'));
    }),
  );
});

it('goes through all texts of a message', () => {
  const content = { data: { 'text/plain': `'${SECRET}'` }, traceback: [`a ${SECRET}`, 1], n: null };
  expect(newMask().content(content)).toEqual({
    data: { 'text/plain': "'[x]'" },
    traceback: ['a [x]', 1],
    n: null,
  });
  expect(newMask().content({ 'application/json': { [SECRET]: 1 } })).toEqual({
    'application/json': { '[x]': 1 },
  });
});
