/** Splits a line into words as a shell would, and does nothing else that a shell does. */
import { GloveboxError } from './errors.ts';

/**
 * Quotes and backslashes as in sh; no variables, no patterns, no operators: `$(x)` and `>` are words like any other.
 *
 * @throws GloveboxError `input/invalid` for a quote that does not end.
 */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (char === quote) {
      quote = '';
    } else if (char === '\\' && isEscape(quote, line.charAt(at + 1))) {
      at += 1;
      word = `${word ?? ''}${line.charAt(at)}`;
    } else {
      word = `${word ?? ''}${char}`;
    }
  }
  if (quote !== '')
    throw new GloveboxError('input/invalid', `A quote ${quote} does not end in: ${line}`, {
      hint: 'Give a list of words instead of one text.',
    });
  return word === undefined ? words : [...words, word];
}

const isEscape = (quote: string, next: string): boolean =>
  next !== '' && (quote === '' || (quote === '"' && /["\\$`]/.test(next)));
