/** What on the Hub belongs to a paper: datasets, models, Spaces, collections. */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { parseArxivId } from '#hub/papers/paper-id.ts';
import {
  listPaperCollections,
  listPaperDatasets,
  listPaperModels,
  listPaperSpaces,
  type HubCollection,
  type HubRepo,
  type RepoPage,
} from '#hub/repos/list-repos.ts';
import {
  decodeCursor,
  encodeCursor,
  fitItems,
  oneLine,
  renderCount,
  renderList,
} from '../../paged-answer.ts';
import { requireFields } from '../../wide-input.ts';
import type { PapersCall } from './run-papers.ts';

const TAGS = 5;
const DESCRIPTION_CHARS = 300;

/** The Hub says no total, so a cursor of ours holds its cursor, how many of that page were shown, and how many before it. */
interface Place {
  readonly cursor: string | undefined;
  readonly skip: number;
  readonly before: number;
}

function placeOf(kind: string, cursor: string | undefined): Place {
  const [theirs, skip, before] = cursor === undefined ? [] : decodeCursor(kind, cursor);
  return {
    cursor: typeof theirs === 'string' && theirs !== '' ? theirs : undefined,
    skip: typeof skip === 'number' ? skip : 0,
    before: typeof before === 'number' ? before : 0,
  };
}

export async function findRepos(call: PapersCall, type: 'dataset' | 'model'): Promise<string> {
  const { hub, input, limit, signal } = call;
  const { arxiv_id: given } = requireFields(input.operation, input, ['arxiv_id']);
  const { id } = parseArxivId(given);
  const sort = sortOf(call);
  const kind = `${type} ${id} ${sort} ${limit}`;
  const place = placeOf(kind, input.cursor);
  const list = type === 'dataset' ? listPaperDatasets : listPaperModels;
  const page = await list(hub, { arxivId: id, sort, limit, cursor: place.cursor }, signal);
  const render = type === 'dataset' ? renderDataset : renderModel;
  const first = page.items[place.skip];
  const next =
    first === undefined
      ? `hf_papers(operation="find_all_resources", arxiv_id="${id}")`
      : type === 'dataset'
        ? `hf_inspect_dataset(dataset="${first.id}")`
        : `hf_repo_files(operation="list", repo_id="${first.id}")`;
  const heading = `# ${type === 'dataset' ? 'Datasets' : 'Models'} of arXiv ${id}, by ${input.sort ?? 'downloads'}`;
  return renderPage(call, { heading, kind, place, page, next, noun: `${type}s` }, (repo, index) =>
    render(repo, index, hub.hosts().hub),
  );
}

export async function findCollections(call: PapersCall): Promise<string> {
  const { hub, input, limit, signal } = call;
  const { arxiv_id: given } = requireFields('find_collections', input, ['arxiv_id']);
  const { id } = parseArxivId(given);
  const kind = `collections ${id} ${limit}`;
  const place = placeOf(kind, input.cursor);
  const page = await listPaperCollections(
    hub,
    { arxivId: id, limit, cursor: place.cursor },
    signal,
  );
  const next = `hf_papers(operation="find_all_resources", arxiv_id="${id}")`;
  const heading = `# Collections with arXiv ${id}`;
  return renderPage(
    call,
    { heading, kind, place, page, next, noun: 'collections' },
    (item, index) => renderCollection(item, index, hub.hosts().hub),
  );
}

interface PageOf<T> {
  readonly heading: string;
  readonly kind: string;
  readonly place: Place;
  readonly page: RepoPage<T>;
  readonly next: string;
  readonly noun: string;
}

function renderPage<T>(
  { budget, notes }: PapersCall,
  { heading, kind, place, page, next, noun }: PageOf<T>,
  render: (item: T, index: number) => string,
): string {
  const items = page.items.slice(place.skip);
  const offset = place.before + place.skip;
  return renderList(
    {
      head: [heading],
      items: items.map((item, at) => render(item, offset + at + 1)),
      offset,
      hasMore: page.cursor !== undefined,
      cursorAfter: (shown) =>
        shown < items.length || page.cursor === undefined
          ? encodeCursor(kind, [place.cursor ?? '', place.skip + shown, place.before])
          : encodeCursor(kind, [page.cursor, 0, place.before + page.items.length]),
      noun,
      next: items.length === 0 ? `nothing on the Hub names it there; ${next}` : next,
      notes,
    },
    budget,
  );
}

const PER_PART = 10;

/** One part failing leaves the others. @throws what the first part threw when all failed. */
export async function findAllResources(call: PapersCall): Promise<string> {
  const { hub, input, limit, budget, notes, signal } = call;
  const { arxiv_id: given } = requireFields('find_all_resources', input, ['arxiv_id']);
  const { id } = parseArxivId(given);
  const hubUrl = hub.hosts().hub;
  const query = {
    arxivId: id,
    sort: sortOf(call),
    limit: Math.min(limit, PER_PART),
    cursor: undefined,
  };
  const repoPart = async (
    list: typeof listPaperDatasets,
    render: (repo: HubRepo, index: number, hubUrl: string) => string,
  ): Promise<Part> => {
    const { items, cursor } = await list(hub, query, signal);
    return {
      lines: items.map((item, at) => render(item, at + 1, hubUrl)),
      isCut: cursor !== undefined,
    };
  };
  const collections = async (): Promise<Part> => {
    const { items, cursor } = await listPaperCollections(hub, query, signal);
    return {
      lines: items.map((item, at) => renderCollection(item, at + 1, hubUrl)),
      isCut: cursor !== undefined,
    };
  };
  const parts = [
    { title: 'Datasets', more: 'find_datasets', work: repoPart(listPaperDatasets, renderDataset) },
    { title: 'Models', more: 'find_models', work: repoPart(listPaperModels, renderModel) },
    { title: 'Spaces', more: undefined, work: repoPart(listPaperSpaces, renderSpace) },
    { title: 'Collections', more: 'find_collections', work: collections() },
  ];
  const results = await Promise.allSettled(parts.map(({ work }) => work));
  const failed = results.flatMap((result): unknown[] =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  const cancelled = failed.find((error) => isGloveboxError(error, 'cancelled'));
  if (cancelled !== undefined || failed.length === parts.length) throw cancelled ?? failed[0];
  const head = [`# On the Hub for arXiv ${id}`, ...notes.map((note) => `Note: ${note}`)].join('\n');
  const room = (budget - head.length - 500) / parts.length;
  const texts = parts.map(({ title, more }, at) => {
    const result = results[at];
    if (result?.status !== 'fulfilled')
      return `## ${title}\nThis part failed: ${messageOf(result?.reason).split('\n', 1)[0]}`;
    const { text, shown } = fitItems(result.value.lines, room);
    const isCut = result.value.isCut || shown < result.value.lines.length;
    const rest = isCut
      ? `\n(more: ${more === undefined ? `${hub.hosts().hub}/papers/${id}` : `operation="${more}"`})`
      : '';
    return `## ${title}${shown === 0 ? ': none' : ` (${isCut ? `the first ${shown}` : shown})`}\n${text}${rest}`.trim();
  });
  const dataset = /^1\. (\S+)/m.exec(texts[0] ?? '')?.[1];
  const next =
    dataset === undefined
      ? `hf_papers(operation="paper_details", arxiv_id="${id}")`
      : `hf_inspect_dataset(dataset="${dataset}")`;
  return `${head}\n\n${texts.join('\n\n')}\n\nNext: ${next}`;
}

interface Part {
  readonly lines: readonly string[];
  readonly isCut: boolean;
}

const sortOf = ({ input }: PapersCall): string =>
  input.sort === 'trending' ? 'trendingScore' : (input.sort ?? 'downloads');

const facts = (parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== '').join(' · ');

const counted = (count: number | undefined, noun: string): string | undefined =>
  count === undefined ? undefined : `${renderCount(count)} ${noun}`;

const gatedMark = ({ gated }: HubRepo): string | undefined =>
  gated === undefined || gated === false ? undefined : 'gated';

function renderDataset(repo: HubRepo, index: number, hubUrl: string): string {
  const tags = repo.tags.filter((tag) => !/^(arxiv|region):/.test(tag)).slice(0, TAGS);
  const line = facts([
    counted(repo.downloads, 'downloads'),
    counted(repo.likes, 'likes'),
    gatedMark(repo),
    tags.join(', '),
  ]);
  const about =
    repo.description === undefined ? [] : [`   ${oneLine(repo.description, DESCRIPTION_CHARS)}`];
  return [`${index}. ${repo.id}`, `   ${line}`, ...about, `   ${hubUrl}/datasets/${repo.id}`].join(
    '\n',
  );
}

function renderModel(repo: HubRepo, index: number, hubUrl: string): string {
  const line = facts([
    counted(repo.downloads, 'downloads'),
    counted(repo.likes, 'likes'),
    gatedMark(repo),
    repo.pipeline_tag,
    repo.library_name,
  ]);
  return `${index}. ${repo.id}\n   ${line}\n   ${hubUrl}/${repo.id}`;
}

function renderSpace(repo: HubRepo, index: number, hubUrl: string): string {
  return `${index}. ${repo.id}\n   ${facts([counted(repo.likes, 'likes'), repo.sdk])}\n   ${hubUrl}/spaces/${repo.id}`;
}

function renderCollection(item: HubCollection, index: number, hubUrl: string): string {
  const line = facts([
    item.owner?.name === undefined ? undefined : `by ${item.owner.name}`,
    counted(item.upvotes, 'upvotes'),
    counted(item.numItems ?? item.items.length, 'items'),
  ]);
  return `${index}. ${oneLine(item.title, 200)}\n   ${line}\n   ${hubUrl}/collections/${item.slug}`;
}
