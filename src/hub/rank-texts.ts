/** Ranks texts by relevance to plain words: BM25 over stemmed words, any of which may match. */
import MiniSearch from 'minisearch';
import { stem, wordsOf } from '#core/words.ts';

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
