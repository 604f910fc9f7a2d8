/** What Semantic Scholar is asked: one function per operation of its API. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { listOf, optional, optionalFlag, optionalNumber, optionalText } from '../lenient.ts';
import type { QueryValue } from '../request.ts';
import { BULK_FIELDS, PAPER_FIELDS, scholarPaperSchema, type ScholarPaper } from './paper.ts';
import { askScholar } from './request.ts';

export interface PaperFilters {
  /** `2024-01-01`. */
  readonly dateFrom?: string | undefined;
  readonly dateTo?: string | undefined;
  readonly fieldsOfStudy?: readonly string[] | undefined;
  readonly minCitations?: number | undefined;
}

export const hasFilters = (filters: PaperFilters): boolean =>
  Object.values(filters).some((value) => value !== undefined);

function filterQuery(filters: PaperFilters): Readonly<Record<string, QueryValue>> {
  const { dateFrom, dateTo, fieldsOfStudy, minCitations } = filters;
  const hasDates = dateFrom !== undefined || dateTo !== undefined;
  return {
    publicationDateOrYear: hasDates ? `${dateFrom ?? ''}:${dateTo ?? ''}` : undefined,
    fieldsOfStudy: fieldsOfStudy?.join(','),
    minCitationCount: minCitations,
  };
}

const pageSchema = z.object({
  total: optionalNumber,
  token: optionalText,
  data: listOf(scholarPaperSchema),
});

/** The service ranks no further. */
export const MAX_RANKED = 1000;

export interface RankedPage {
  readonly papers: readonly ScholarPaper[];
  readonly total: number | undefined;
}

/** GET `/graph/v1/paper/search`: ranked by relevance, plain words, the first 1,000 hits. */
export async function searchScholar(
  hub: HubContext,
  search: {
    readonly text: string;
    readonly filters: PaperFilters;
    readonly offset: number;
    readonly limit: number;
  },
  signal: AbortSignal,
): Promise<RankedPage> {
  const { text, filters, offset, limit } = search;
  const { data, total } = await askScholar(
    hub,
    {
      path: '/graph/v1/paper/search',
      query: { query: text, ...filterQuery(filters), offset, limit, fields: PAPER_FIELDS },
      schema: pageSchema,
      what: 'the search for papers',
    },
    signal,
  );
  return { papers: data, total };
}

export interface SortedPage extends RankedPage {
  /** Continues the same search; absent at its end. */
  readonly token: string | undefined;
}

/** GET `/graph/v1/paper/search/bulk`: sorted by a field, never by relevance; up to 1,000 rows a page, whatever one asks for. */
export async function searchScholarSorted(
  hub: HubContext,
  search: {
    readonly text: string;
    readonly filters: PaperFilters;
    readonly sort: 'citationCount' | 'publicationDate';
    readonly token: string | undefined;
  },
  signal: AbortSignal,
): Promise<SortedPage> {
  const { text, filters, sort, token } = search;
  const { data, ...rest } = await askScholar(
    hub,
    {
      path: '/graph/v1/paper/search/bulk',
      query: {
        query: plainWords(text),
        ...filterQuery(filters),
        sort: `${sort}:desc`,
        fields: BULK_FIELDS,
        token,
      },
      schema: pageSchema,
      what: 'the sorted search for papers',
    },
    signal,
  );
  return { papers: data, total: rest.total, token: rest.token };
}

/** This search reads signs as operators; a question of people is plain words, all of which have to be there. */
const plainWords = (text: string): string =>
  text
    .replaceAll(/[+|*~()"-]+/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();

/** GET `/graph/v1/paper/{id}`. @throws GloveboxError `remote/not-found`. */
export function getScholarPaper(
  hub: HubContext,
  paperId: string,
  signal: AbortSignal,
): Promise<ScholarPaper> {
  return askScholar(
    hub,
    {
      path: `/graph/v1/paper/${encodeId(paperId)}`,
      query: { fields: PAPER_FIELDS },
      schema: scholarPaperSchema,
      what: `the paper ${paperId}`,
    },
    signal,
  );
}

/** The slashes in a DOI are part of the path, as its documentation has them. */
const encodeId = (paperId: string): string =>
  encodeURIComponent(paperId).replaceAll('%2F', '/').replaceAll('%3A', ':');

export interface Edge {
  readonly paper: ScholarPaper;
  readonly isInfluential: boolean;
  readonly intents: readonly string[];
  readonly contexts: readonly string[];
}

export interface EdgePage {
  readonly edges: readonly Edge[];
  /** Whether the service has more than it gave. */
  readonly hasMore: boolean;
}

const edgeFacts = {
  isInfluential: optionalFlag,
  intents: listOf(z.string()),
  contexts: listOf(z.string()),
};
const edgesSchema = z.object({
  next: optionalNumber,
  data: listOf(
    z
      .object({
        ...edgeFacts,
        citingPaper: optional(scholarPaperSchema),
        citedPaper: optional(scholarPaperSchema),
      })
      .transform(({ citingPaper, citedPaper, isInfluential, ...rest }) => ({
        ...rest,
        isInfluential: isInfluential ?? false,
        paper: citingPaper ?? citedPaper,
      }))
      .refine((edge) => edge.paper !== undefined),
  ),
});
const EDGE_FIELDS = 'title,externalIds,year,citationCount,contexts,intents,isInfluential,url';
const MAX_EDGES = 1000;

/** GET `/graph/v1/paper/{id}/citations` or `/references`: up to 1,000, in the order of the service. */
export async function listEdges(
  hub: HubContext,
  paperId: string,
  side: 'citations' | 'references',
  signal: AbortSignal,
): Promise<EdgePage> {
  const { data, next } = await askScholar(
    hub,
    {
      path: `/graph/v1/paper/${encodeId(paperId)}/${side}`,
      query: { fields: EDGE_FIELDS, limit: MAX_EDGES, offset: 0 },
      schema: edgesSchema,
      what: `the ${side} of ${paperId}`,
    },
    signal,
  );
  const edges = data.flatMap(({ paper, ...rest }) =>
    paper === undefined ? [] : [{ ...rest, paper }],
  );
  return { edges, hasMore: next !== undefined };
}

export interface Snippet {
  readonly corpusId: string | undefined;
  readonly title: string;
  readonly section: string | undefined;
  readonly text: string;
}

const snippetsSchema = z.object({
  data: listOf(
    z.object({
      paper: z.object({
        corpusId: optional(z.union([z.string(), z.number()]).transform(String)),
        title: optionalText,
      }),
      snippet: z.object({ text: z.string(), section: optionalText }),
    }),
  ),
});

/** GET `/graph/v1/snippet/search`: passages of about 500 words, ranked. They name their paper by `corpusId` alone. */
export async function searchSnippets(
  hub: HubContext,
  search: { readonly text: string; readonly filters: PaperFilters; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly Snippet[]> {
  const { data } = await askScholar(
    hub,
    {
      path: '/graph/v1/snippet/search',
      query: { query: search.text, ...filterQuery(search.filters), limit: search.limit },
      schema: snippetsSchema,
      what: 'the search for passages',
    },
    signal,
  );
  return data.map(({ paper, snippet }) => ({
    corpusId: paper.corpusId,
    title: paper.title ?? '(without title)',
    section: snippet.section,
    text: snippet.text,
  }));
}

const MAX_BATCH = 500;

/** POST `/graph/v1/paper/batch`: papers by id, in the order of the ids; `undefined` for those it does not know. */
export function getScholarPapers(
  hub: HubContext,
  paperIds: readonly string[],
  signal: AbortSignal,
): Promise<readonly (ScholarPaper | undefined)[]> {
  return askScholar(
    hub,
    {
      path: '/graph/v1/paper/batch',
      query: { fields: 'title,externalIds,year,citationCount,venue,url' },
      body: { ids: paperIds.slice(0, MAX_BATCH) },
      schema: z.array(optional(scholarPaperSchema)),
      what: 'facts about the papers',
    },
    signal,
  );
}

const recommendedSchema = z.object({ recommendedPapers: listOf(scholarPaperSchema) });

/** GET `/recommendations/v1/papers/forpaper/{id}`: recent papers like one. */
export async function recommendFor(
  hub: HubContext,
  paperId: string,
  limit: number,
  signal: AbortSignal,
): Promise<readonly ScholarPaper[]> {
  const { recommendedPapers } = await askScholar(
    hub,
    {
      path: `/recommendations/v1/papers/forpaper/${encodeId(paperId)}`,
      query: { from: 'recent', limit, fields: BULK_FIELDS },
      schema: recommendedSchema,
      what: `papers like ${paperId}`,
    },
    signal,
  );
  return recommendedPapers;
}

/** POST `/recommendations/v1/papers/`: papers like some and unlike others. */
export async function recommendFrom(
  hub: HubContext,
  examples: { readonly positive: readonly string[]; readonly negative: readonly string[] },
  limit: number,
  signal: AbortSignal,
): Promise<readonly ScholarPaper[]> {
  const { recommendedPapers } = await askScholar(
    hub,
    {
      path: '/recommendations/v1/papers/',
      query: { limit, fields: BULK_FIELDS },
      body: { positivePaperIds: examples.positive, negativePaperIds: examples.negative },
      schema: recommendedSchema,
      what: 'recommended papers',
    },
    signal,
  );
  return recommendedPapers;
}
