/** Repositories of the Hub that name a paper: one function per kind. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { listAnswer, listOf, optional, optionalNumber, optionalText } from '../lenient.ts';
import { askHub, nextPageOf, type QueryValue } from '../request.ts';

const CACHE_MS = 900_000;

export interface RepoQuery {
  readonly arxivId: string;
  /** `downloads`, `likes` or `trendingScore`. */
  readonly sort: string;
  readonly limit: number;
  /** As the page before gave it. */
  readonly cursor: string | undefined;
}

export interface RepoPage<T> {
  readonly items: readonly T[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor: string | undefined;
}

const repoSchema = z.object({
  id: z.string(),
  downloads: optionalNumber,
  likes: optionalNumber,
  tags: listOf(z.string()),
  description: optionalText,
  pipeline_tag: optionalText,
  library_name: optionalText,
  sdk: optionalText,
  gated: optional(z.union([z.boolean(), z.string()])),
  lastModified: optionalText,
});
export type HubRepo = z.output<typeof repoSchema>;

const collectionSchema = z.object({
  slug: z.string(),
  title: z.string(),
  description: optionalText,
  upvotes: optionalNumber,
  owner: optional(z.object({ name: optionalText })),
  items: listOf(z.unknown()),
  numItems: optionalNumber,
});
export type HubCollection = z.output<typeof collectionSchema>;

const listing = async <T>(
  hub: HubContext,
  path: string,
  query: Readonly<Record<string, QueryValue>>,
  item: z.ZodType<T>,
  what: string,
  signal: AbortSignal,
): Promise<RepoPage<T>> => {
  const question = { path, query, schema: listAnswer(item), what, cacheMs: CACHE_MS };
  const { data, response } = await askHub(hub, question, signal);
  const next = nextPageOf(response);
  const cursor = next === undefined ? undefined : new URL(next).searchParams.get('cursor');
  return { items: data, cursor: cursor ?? undefined };
};

const listRepos =
  (path: string, kind: string) =>
  (hub: HubContext, query: RepoQuery, signal: AbortSignal): Promise<RepoPage<HubRepo>> => {
    const { arxivId, sort, limit, cursor } = query;
    const asked = { filter: `arxiv:${arxivId}`, sort, direction: -1, limit, cursor };
    return listing(hub, path, asked, repoSchema, `${kind} of the paper ${arxivId}`, signal);
  };

/** GET `/api/datasets?filter=arxiv:{id}`. */
export const listPaperDatasets = listRepos('/api/datasets', 'datasets');
/** GET `/api/models?filter=arxiv:{id}`. */
export const listPaperModels = listRepos('/api/models', 'models');
/** GET `/api/spaces?filter=arxiv:{id}`. */
export const listPaperSpaces = listRepos('/api/spaces', 'Spaces');

/** GET `/api/collections?item=papers/{id}`: the only filter that names a paper. */
export function listPaperCollections(
  hub: HubContext,
  { arxivId, limit, cursor }: Omit<RepoQuery, 'sort'>,
  signal: AbortSignal,
): Promise<RepoPage<HubCollection>> {
  const query = { item: `papers/${arxivId}`, limit, cursor };
  const what = `collections with the paper ${arxivId}`;
  return listing(hub, '/api/collections', query, collectionSchema, what, signal);
}
