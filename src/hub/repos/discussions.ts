/** Discussions and pull requests of a repository. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { askHub } from '../request.ts';
import { apiPath, type RepoRef } from './repo-ref.ts';
import { repoTarget } from './tree.ts';

const text = z.string().nullish().catch(undefined);
const author = z.object({ name: text }).nullish().catch(undefined);

const summary = z.object({
  num: z.number(),
  title: text,
  status: text,
  isPullRequest: z.boolean().nullish().catch(undefined),
  author,
  createdAt: text,
  numComments: z.number().nullish().catch(undefined),
});
export type DiscussionSummary = z.output<typeof summary>;

const page = z.object({
  discussions: z.array(summary),
  count: z.number().nullish().catch(undefined),
});

const event = z.object({
  type: z.string(),
  author,
  createdAt: text,
  data: z
    .object({
      latest: z.object({ raw: text }).nullish().catch(undefined),
      hidden: z.boolean().nullish().catch(undefined),
      subject: text,
      oid: text,
      status: text,
      from: text,
      to: text,
    })
    .nullish()
    .catch(undefined),
});
const detail = summary.extend({
  events: z
    .array(event)
    .nullish()
    .catch(undefined)
    .transform((events) => events ?? []),
  diff: text,
  changes: z.object({ base: text, mergeCommitId: text }).nullish().catch(undefined),
  filesWithConflicts: z
    .union([z.boolean(), z.array(z.string())])
    .nullish()
    .catch(undefined),
});
export type DiscussionDetail = z.output<typeof detail>;

export interface DiscussionQuery {
  /** From 0. */
  readonly page: number;
  readonly type: 'all' | 'discussion' | 'pull_request';
  readonly status: 'all' | 'open' | 'closed';
}

/** One page, as large as the Hub makes it. */
export async function listDiscussions(
  hub: HubContext,
  repo: RepoRef,
  query: DiscussionQuery,
  signal: AbortSignal,
): Promise<{
  readonly discussions: readonly DiscussionSummary[];
  readonly total: number | undefined;
}> {
  const { data } = await askHub(
    hub,
    {
      path: `${apiPath(repo)}/discussions`,
      query: { p: query.page, type: query.type, status: query.status },
      schema: page,
      ...repoTarget(hub, repo),
    },
    signal,
  );
  return { discussions: data.discussions, total: data.count ?? undefined };
}

/** With its changes as a difference. */
export async function readDiscussion(
  hub: HubContext,
  repo: RepoRef,
  num: number,
  signal: AbortSignal,
): Promise<DiscussionDetail> {
  const target = repoTarget(hub, repo);
  const { data } = await askHub(
    hub,
    {
      path: `${apiPath(repo)}/discussions/${num}`,
      query: { diff: 1 },
      schema: detail,
      ...target,
      what: `number ${num} of the discussions of ${target.what}`,
    },
    signal,
  );
  return data;
}

const created = z.object({ num: z.number() });

/** A draft, until it is opened. @returns its number. */
export async function createPullRequest(
  hub: HubContext,
  repo: RepoRef,
  { title, description }: { readonly title: string; readonly description: string },
  signal: AbortSignal,
): Promise<number> {
  const body = { title, description, pullRequest: true };
  const { data } = await post(hub, repo, '', body, created, signal);
  return data.num;
}

export const mergePullRequest = (
  hub: HubContext,
  repo: RepoRef,
  num: number,
  comment: string | undefined,
  signal: AbortSignal,
) => post(hub, repo, `/${num}/merge`, withComment({}, comment), z.unknown(), signal);

export const changeStatus = (
  hub: HubContext,
  repo: RepoRef,
  num: number,
  change: { readonly status: 'open' | 'closed'; readonly comment: string | undefined },
  signal: AbortSignal,
) =>
  post(
    hub,
    repo,
    `/${num}/status`,
    withComment({ status: change.status }, change.comment),
    z.unknown(),
    signal,
  );

export const commentOn = (
  hub: HubContext,
  repo: RepoRef,
  num: number,
  comment: string,
  signal: AbortSignal,
) => post(hub, repo, `/${num}/comment`, { comment }, z.unknown(), signal);

const withComment = (
  body: Readonly<Record<string, string>>,
  comment: string | undefined,
): Readonly<Record<string, string>> => (comment === undefined ? body : { ...body, comment });

function post<T>(
  hub: HubContext,
  repo: RepoRef,
  path: string,
  body: Readonly<Record<string, string | boolean>>,
  schema: z.ZodType<T>,
  signal: AbortSignal,
) {
  return askHub(
    hub,
    {
      path: `${apiPath(repo)}/discussions${path}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      schema,
      ...repoTarget(hub, repo, 'write'),
    },
    signal,
  );
}
