/** Searches the documentation: by meaning and by words, merged. */
import * as z from 'zod';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { listAnswer, listOf, optionalText } from '../lenient.ts';
import { askHub } from '../request.ts';
import type { DocProduct } from './products.ts';

const CACHE_MS = 3_600_000;
/** The most that the search by meaning gives. */
const MAX_RESULTS = 25;
/** Of reciprocal rank fusion: how little the very first ranks count more than the next ones. */
const RANK_OFFSET = 60;

export interface DocPassage {
  /** The page and the headings down to the passage. */
  readonly path: readonly string[];
  readonly url: string;
  readonly text: string;
  readonly product: string | undefined;
}

interface DocQuery {
  readonly text: string;
  /** All of them when left out. */
  readonly product: DocProduct | undefined;
}

const headings = {
  heading1: optionalText,
  heading2: optionalText,
  heading3: optionalText,
  heading4: optionalText,
  heading5: optionalText,
};
const meaningSchema = listAnswer(
  z
    .object({
      text: z.string(),
      product: optionalText,
      source_page_url: z.string(),
      source_page_title: optionalText,
      ...headings,
    })
    .transform(({ text, product, source_page_url: url, source_page_title: title, ...rest }) => ({
      path: titles([title, ...Object.values(rest)]),
      url,
      text,
      product,
    })),
);

/** GET `/api/docs/search`: passages that mean the same. */
async function searchByMeaning(
  hub: HubContext,
  { text, product }: DocQuery,
  signal: AbortSignal,
): Promise<readonly DocPassage[]> {
  const { data } = await askHub(
    hub,
    {
      path: '/api/docs/search',
      query: { q: text, limit: MAX_RESULTS, product: product?.id },
      schema: meaningSchema,
      what: 'the search by meaning',
      credentials: 'none',
      cacheMs: CACHE_MS,
    },
    signal,
  );
  return data;
}

const wordsSchema = z.object({
  hits: listOf(
    z
      .object({
        url: z.string(),
        content: optionalText,
        hierarchy_lvl0: optionalText,
        hierarchy_lvl1: optionalText,
        hierarchy_lvl2: optionalText,
        product: optionalText,
      })
      .transform(({ url, content, product, ...levels }) => ({
        path: titles([levels.hierarchy_lvl0, levels.hierarchy_lvl1, levels.hierarchy_lvl2]),
        url,
        text: content ?? '',
        product,
      })),
  ),
});

/** GET `/api/docs/search/full-text`: passages with the same words. */
async function searchByWords(
  hub: HubContext,
  { text, product }: DocQuery,
  signal: AbortSignal,
): Promise<readonly DocPassage[]> {
  const { data } = await askHub(
    hub,
    {
      path: '/api/docs/search/full-text',
      query: { q: text, limit: MAX_RESULTS, domain: product?.id },
      schema: wordsSchema,
      what: 'the search by words',
      credentials: 'none',
      cacheMs: CACHE_MS,
    },
    signal,
  );
  return data.hits;
}

export interface DocSearch {
  readonly passages: readonly DocPassage[];
  readonly notes: readonly string[];
}

/** Both searches at once; one failing is a note. @throws what the first one threw when both fail. */
export async function searchDocs(
  hub: HubContext,
  query: DocQuery,
  signal: AbortSignal,
): Promise<DocSearch> {
  const answers = await Promise.allSettled([
    searchByMeaning(hub, query, signal),
    searchByWords(hub, query, signal),
  ]);
  const failed = answers.flatMap((answer): unknown[] =>
    answer.status === 'rejected' ? [answer.reason] : [],
  );
  const cancelled = failed.find((error) => isGloveboxError(error, 'cancelled'));
  if (cancelled !== undefined || failed.length === answers.length) throw cancelled ?? failed[0];
  const lists = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  return {
    passages: fuse(lists.map((list) => list.flatMap((passage) => settle(hub, query, passage)))),
    notes: failed.map(
      (error) => `half of the search failed: ${messageOf(error).split('\n', 1)[0]}`,
    ),
  };
}

/** An address on the Hub that was asked, below the product; others are dropped, whatever the service thinks of its filter. */
function settle(
  hub: HubContext,
  { product }: DocQuery,
  passage: DocPassage,
): readonly DocPassage[] {
  const base = hub.hosts().hub;
  if (!URL.canParse(passage.url, base)) return [];
  const url = new URL(passage.url, base);
  const isOurs = [new URL(base).origin, 'https://huggingface.co', 'https://hf.co'].includes(
    url.origin,
  );
  if (!isOurs || (product !== undefined && !`${url.pathname}/`.startsWith(`${product.path}/`)))
    return [];
  const path = url.pathname.replace(/\.md$/, '');
  return [{ ...passage, url: `${new URL(base).origin}${path}${url.hash}` }];
}

/** Reciprocal rank fusion: what both lists have, and have early, comes first. Each passage once. */
export function fuse(lists: readonly (readonly DocPassage[])[]): readonly DocPassage[] {
  const scores = new Map<string, { readonly passage: DocPassage; score: number }>();
  for (const list of lists) {
    const seen = new Set<string>();
    for (const [rank, passage] of list.entries()) {
      if (seen.has(passage.url)) continue;
      seen.add(passage.url);
      const known = scores.get(passage.url) ?? { passage, score: 0 };
      known.score += 1 / (RANK_OFFSET + rank + 1);
      scores.set(passage.url, known);
    }
  }
  return [...scores.values()].toSorted((a, b) => b.score - a.score).map(({ passage }) => passage);
}

/** Without blanks, marks of highlighting and the same title twice in a row. */
function titles(parts: readonly (string | undefined)[]): readonly string[] {
  const clean = parts.map((part) =>
    (part ?? '')
      .replaceAll(/<\/?(?:em|mark)>/g, '')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );
  return clean.filter((part, at) => part !== '' && part !== clean[at - 1]);
}
