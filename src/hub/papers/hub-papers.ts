/** Papers as the Hub knows them: the daily list, its search, and one paper. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { listAnswer, listOf, optional, optionalNumber, optionalText } from '../lenient.ts';
import { askHub, encodePath } from '../request.ts';

const HOUR_MS = 3_600_000;

const paperSchema = z.object({
  id: z.string(),
  title: z.string(),
  summary: optionalText,
  ai_summary: optionalText,
  ai_keywords: listOf(z.string()),
  authors: listOf(z.object({ name: z.string() })),
  upvotes: optionalNumber,
  publishedAt: optionalText,
  githubRepo: optionalText,
  githubStars: optionalNumber,
  projectPage: optionalText,
});
export type HubPaper = z.output<typeof paperSchema>;

/** In lists the paper is wrapped, with facts about its place in the list beside it. */
const listedSchema = z
  .object({ paper: optional(z.unknown()) })
  .loose()
  .transform((item): unknown => item.paper ?? item)
  .pipe(paperSchema);

/** Which days: one day (`2026-01-31`), one week (`2026-W05`) or one month (`2026-01`). */
export type PaperPeriod =
  | { readonly date: string }
  | { readonly week: string }
  | { readonly month: string };

/** GET `/api/daily_papers`. Without a period the papers that people look at now, since the API's own order is by date. */
export async function listDailyPapers(
  hub: HubContext,
  query: {
    readonly period: PaperPeriod | undefined;
    readonly page: number;
    readonly limit: number;
  },
  signal: AbortSignal,
): Promise<readonly HubPaper[]> {
  const { period, page, limit } = query;
  const { data } = await askHub(
    hub,
    {
      path: '/api/daily_papers',
      query: { p: page, limit, ...(period ?? { sort: 'trending' }) },
      schema: listAnswer(listedSchema),
      what: 'the list of papers',
      cacheMs: HOUR_MS / 4,
    },
    signal,
  );
  return data;
}

/** The most that one answer of the search holds. */
export const MAX_SEARCH_RESULTS = 120;

/** GET `/api/papers/search`: ranked by relevance, without filters and without pages. */
export async function searchHubPapers(
  hub: HubContext,
  query: { readonly text: string; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly HubPaper[]> {
  const { data } = await askHub(
    hub,
    {
      path: '/api/papers/search',
      query: { q: query.text, limit: query.limit },
      schema: listAnswer(listedSchema),
      what: 'the search for papers',
      cacheMs: HOUR_MS,
    },
    signal,
  );
  return data;
}

/** GET `/api/papers/{id}`. @throws GloveboxError `remote/not-found` for a paper the Hub has no page of. */
export async function getHubPaper(
  hub: HubContext,
  arxivId: string,
  signal: AbortSignal,
): Promise<HubPaper> {
  const { data } = await askHub(
    hub,
    {
      path: `/api/papers/${encodePath(arxivId)}`,
      schema: paperSchema,
      what: `the paper ${arxivId}`,
      cacheMs: HOUR_MS,
    },
    signal,
  );
  return data;
}
