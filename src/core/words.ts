/** Takes names and short texts apart into words that can be compared. */

/** Words as people see them in names of code too: `createRepo`, `repo_type`, `/api/models`. */
export function wordsOf(text: string): string[] {
  return text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** Words in order, separated by commas or blanks. */
export const wordsOfList = (text: string): readonly string[] =>
  text.split(/[\s,]+/).filter((word) => word !== '');

const ENDINGS: readonly (readonly [RegExp, string])[] = [
  [/ies$/, 'y'],
  [/(ss|us|is)$/, '$1'],
  [/(sh|ch|x|z)es$/, '$1'],
  [/s$/, ''],
];

/** Enough of English for names and short texts: the plural, `-ing` and `-ed`, and the `e` that they swallow. */
export function stem(word: string): string {
  let result = word.toLowerCase();
  if (result.length <= 3) return result;
  const ending = ENDINGS.find(([pattern]) => pattern.test(result));
  if (ending !== undefined) result = result.replace(ending[0], ending[1]);
  result = result.replace(/(?<=[a-z]{3})(?:ing|ed)$/, '').replace(/([bdgmnprt])\1$/, '$1');
  return result.length > 3 ? result.replace(/e$/, '') : result;
}
