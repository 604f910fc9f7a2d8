/** Ranks texts by relevance to plain words: BM25 over stemmed words, any of which may match. */
import MiniSearch from 'minisearch';

/**
 * The indexes of `documents` that have any of the words, best first. `weights` says how much a hit in each field counts.
 * Operators mean nothing here: everything is words.
 */
export function rankTexts<Field extends string>(
  documents: readonly Readonly<Record<Field, string>>[],
  weights: Readonly<Record<Field, number>>,
  query: string,
): readonly number[] {
  const index = new MiniSearch<Readonly<Record<string, unknown>>>({
    fields: Object.keys(weights),
    tokenize: wordsOf,
    processTerm: (term) => stem(term),
    searchOptions: { boost: weights, combineWith: 'OR', prefix: (term) => term.length > 4 },
  });
  index.addAll(documents.map((document, id) => ({ id, ...document })));
  return index.search(query).flatMap(({ id }) => (typeof id === 'number' ? [id] : []));
}

/** Words as people see them in names of code too: `createRepo`, `repo_type`, `/api/models`. */
export function wordsOf(text: string): string[] {
  return text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

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
