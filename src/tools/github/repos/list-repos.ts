/** Repositories in a true order: sorted by GitHub over everything, never a page that was sorted afterwards. */
import { GloveboxError } from '#core/errors.ts';
import type { GithubContext } from '#github/context.ts';
import {
  getOwner,
  listOwnerRepos,
  MAX_SEARCH_HITS,
  searchRepos,
  type GithubRepo,
  type RepoList,
} from '#github/operations.ts';
import {
  decodeCursor,
  encodeCursor,
  oneLine,
  renderCount,
  renderList,
} from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';
import type { ListReposInput } from '../github-list-repos.ts';

const DESCRIPTION_CHARS = 100;
const TOPICS = 5;
const SCANNED_PER_PAGE = 100;
const SCANNED_PAGES = 5;

export interface ListReposCall {
  readonly github: GithubContext;
  readonly signal: AbortSignal;
  readonly input: ListReposInput;
  readonly limit: number;
  readonly budget: number;
  readonly notes: Notes;
}

interface Order {
  readonly sort: 'stars' | 'forks' | 'updated' | 'created';
  readonly order: 'asc' | 'desc';
}

interface Page extends RepoList {
  readonly hasMore: boolean;
}

export async function listRepos(call: ListReposCall): Promise<string> {
  const { input, limit, budget, notes } = call;
  const owner = ownerOf(input.owner);
  const { sort = 'stars', order = 'desc', language } = input;
  const kind = JSON.stringify([owner, input.owner_type, sort, order, language, limit]);
  const [cursorPage, cursorSkip] =
    input.cursor === undefined ? [] : decodeCursor(kind, input.cursor);
  const page = typeof cursorPage === 'number' ? cursorPage : 1;
  const skip = typeof cursorSkip === 'number' ? cursorSkip : 0;
  const list = await load(call, owner, { sort, order }, page);
  if (list.note !== undefined) notes.push(list.note);
  const repos = list.repos.slice(skip);
  const offset = (page - 1) * limit + skip;
  const [first] = repos;
  return renderList(
    {
      head: [
        `# Repositories of ${owner}${language === undefined ? '' : ` in ${language}`}, by ${sort}, ${order === 'desc' ? 'descending' : 'ascending'}`,
      ],
      items: repos.map((repo, at) => renderRepo(repo, offset + at + 1, sort)),
      offset,
      ...(list.total !== undefined && { total: list.total }),
      hasMore: list.hasMore,
      cursorAfter: (shown) =>
        shown < repos.length
          ? encodeCursor(kind, [page, skip + shown])
          : encodeCursor(kind, [page + 1, 0]),
      noun: 'repositories',
      next:
        first === undefined
          ? 'check owner and language.'
          : `github_find_examples(repo="${first.full_name}", keyword="...")`,
      notes,
    },
    budget,
  );
}

function ownerOf(text: string): string {
  const owner = text
    .trim()
    .replace(/^(https?:\/\/)?(www\.)?github\.com\//i, '')
    .replace(/^@/, '')
    .replace(/\/.*$/, '');
  if (/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$/.test(owner)) return owner;
  throw new GloveboxError(
    'input/invalid',
    `owner="${text.slice(0, 60)}" is no user or organisation.`,
    {
      hint: 'such as huggingface.',
    },
  );
}

async function load(
  call: ListReposCall,
  owner: string,
  { sort, order }: Order,
  page: number,
): Promise<Page> {
  const { github, signal, input, limit } = call;
  const { language, owner_type: type = 'auto' } = input;
  if (sort === 'created' || (sort === 'updated' && language === undefined)) {
    const facts =
      type === 'auto' ? await getOwner(github, owner, signal) : { type, publicRepos: undefined };
    const list = { owner, ownerType: facts.type, sort, order };
    if (language !== undefined) return scan(call, list, language, page);
    const found = await listOwnerRepos(github, { ...list, page, perPage: limit }, signal);
    // A token shows private ones too, which are not in the count.
    const { publicRepos } = facts;
    const isWhole =
      publicRepos === undefined || publicRepos >= page * limit - limit + found.repos.length;
    const hasMore = found.repos.length === limit && page * limit !== publicRepos;
    return { ...found, total: isWhole ? publicRepos : undefined, hasMore };
  }
  // "user:" finds organisations too.
  const q = [
    `${type === 'org' ? 'org' : 'user'}:${owner}`,
    'fork:true',
    ...(language === undefined ? [] : [`language:"${language.replaceAll('"', '')}"`]),
  ].join(' ');
  const found = await searchRepos(github, { q, sort, order, page, perPage: limit }, signal);
  const reachable = Math.min(found.total ?? 0, MAX_SEARCH_HITS);
  if ((found.total ?? 0) > MAX_SEARCH_HITS)
    call.notes.push(
      `GitHub gives the first ${renderCount(MAX_SEARCH_HITS)} of ${renderCount(found.total ?? 0)}.`,
    );
  return { ...found, hasMore: page * limit < reachable };
}

/** GitHub cannot filter this order, so the pages are looked through here. */
async function scan(
  { github, signal, limit, notes }: ListReposCall,
  list: {
    readonly owner: string;
    readonly ownerType: 'user' | 'org';
    readonly sort: 'created' | 'updated';
    readonly order: 'asc' | 'desc';
  },
  language: string,
  page: number,
): Promise<Page> {
  const found: GithubRepo[] = [];
  let scanned = 0;
  let isEnd = false;
  for (let at = 1; at <= SCANNED_PAGES && !isEnd; at += 1) {
    const { repos } = await listOwnerRepos(
      github,
      { ...list, page: at, perPage: SCANNED_PER_PAGE },
      signal,
    );
    scanned += repos.length;
    isEnd = repos.length < SCANNED_PER_PAGE;
    found.push(...repos.filter((repo) => repo.language?.toLowerCase() === language.toLowerCase()));
  }
  notes.push(
    `${found.length} of ${scanned} scanned repositories are in ${language}${isEnd ? '' : '; there are more'}.`,
  );
  const repos = found.slice((page - 1) * limit, page * limit);
  return { repos, total: found.length, note: undefined, hasMore: page * limit < found.length };
}

/** The date that the list is sorted by stands there; settings and stars change the date of an update, commits that of a push. */
function datesOf(repo: GithubRepo, sort: Order['sort']): readonly string[] {
  const { created_at: created, updated_at: updated, pushed_at: pushed } = repo;
  const dates = [
    ['created', sort === 'created' ? created : undefined],
    ['updated', updated],
    ['pushed', pushed],
  ] as const;
  return dates.flatMap(([word, time]) =>
    time === undefined ? [] : [`${word} ${time.slice(0, 10)}`],
  );
}

function renderRepo(repo: GithubRepo, index: number, sort: Order['sort']): string {
  const facts = [
    `${renderCount(repo.stargazers_count)} stars`,
    `${renderCount(repo.forks_count)} forks`,
    repo.language,
    ...datesOf(repo, sort),
    repo.archived ? 'ARCHIVED' : undefined,
    repo.fork ? 'fork' : undefined,
    repo.topics.length === 0 ? undefined : repo.topics.slice(0, TOPICS).join(', '),
  ].filter((part) => part !== undefined);
  const about =
    repo.description === undefined ? [] : [`   ${oneLine(repo.description, DESCRIPTION_CHARS)}`];
  return [
    `${index}. ${repo.full_name}`,
    `   ${facts.join(' · ')}`,
    ...about,
    `   ${repo.html_url}`,
  ].join('\n');
}
