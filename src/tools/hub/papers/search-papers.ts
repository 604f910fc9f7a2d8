/** Search for papers: who is asked depends on what is wanted, and no filter is ever dropped in silence. */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { MAX_SEARCH_RESULTS, searchHubPapers } from '#hub/papers/hub-papers.ts';
import {
  hasFilters,
  MAX_RANKED,
  searchScholar,
  searchScholarSorted,
  type PaperFilters,
} from '#hub/scholar/operations.ts';
import type { ScholarPaper } from '#hub/scholar/paper.ts';
import {
  decodeCursor,
  encodeCursor,
  isCursorOf,
  offsetOf,
  renderList,
} from '../../paged-answer.ts';
import { requireFields } from '../../wide-input.ts';
import { describeFilters, parseFilters } from './filters.ts';
import { renderHubPaper, renderScholarPaper, scholarName } from './render-paper.ts';
import type { PapersCall } from './run-papers.ts';

/** What binds a cursor to the question that it continues. */
const questionOf = (
  way: string,
  { query, date_from, date_to, categories, min_citations, sort_by }: PapersCall['input'],
): string =>
  JSON.stringify(['search', way, query, date_from, date_to, categories, min_citations, sort_by]);

export async function searchPapers(call: PapersCall): Promise<string> {
  const { query: text } = requireFields('search', call.input, ['query']);
  const sort = call.input.sort_by ?? 'relevance';
  const filters = parseFilters(call.input);
  if (sort === 'relevance' && !hasFilters(filters)) return searchHub(call, text, []);
  const { cursor } = call.input;
  // Its list is another one: what was begun without filters goes on without them.
  if (cursor !== undefined && isCursorOf(questionOf('without', call.input), cursor))
    return searchHub(call, text, [withoutWords(filters, sort)]);
  try {
    return sort === 'relevance'
      ? await searchRanked(call, text, filters)
      : await searchSorted(call, text, filters, sort);
  } catch (error) {
    const isTheirs = isGloveboxError(error) && /^(remote|http)\/|^timeout$/.test(error.code);
    if (!isTheirs || call.input.cursor !== undefined) throw error;
    const reason = messageOf(error).split('\n', 1)[0];
    return searchHub(call, text, [withoutWords(filters, sort, reason)]);
  }
}

/** `filters and sorting not applied (reason) ...`: the first line of such an answer. */
function withoutWords(filters: PaperFilters, sort: string, reason?: string): string {
  const dropped = [hasFilters(filters) && 'filters', sort !== 'relevance' && 'sorting'];
  const what = dropped.filter((part) => part !== false).join(' and ');
  return `${what} not applied (${reason ?? 'as in the answer that this continues.'}) These are the Hub's results for the words alone.`;
}

/** The Hub ranks and does not page: a later page is the end of a longer answer. */
async function searchHub(
  call: PapersCall,
  text: string,
  first: readonly string[],
): Promise<string> {
  const { hub, input, limit, budget, notes, signal } = call;
  const kind = questionOf(first.length > 0 ? 'without' : 'hub', input);
  const offset = offsetOf(kind, input.cursor);
  const wanted = Math.min(MAX_SEARCH_RESULTS, offset + limit);
  const papers = await searchHubPapers(hub, { text, limit: wanted }, signal);
  const items = papers.slice(offset);
  const [best] = items;
  return renderList(
    {
      head: [...first, `# Papers on the Hub for "${text}", by relevance`],
      items: items.map((paper, at) => renderHubPaper(paper, offset + at + 1, hub.hosts().hub)),
      offset,
      hasMore: papers.length === wanted && wanted < MAX_SEARCH_RESULTS,
      cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
      noun: 'papers',
      next:
        best === undefined
          ? 'use fewer or other words; a filter such as date_from asks Semantic Scholar, which knows more papers.'
          : `hf_papers(operation="paper_details", arxiv_id="${best.id}")`,
      notes,
    },
    budget,
  );
}

async function searchRanked(
  call: PapersCall,
  text: string,
  filters: PaperFilters,
): Promise<string> {
  const { hub, input, limit, signal } = call;
  const kind = questionOf('ranked', input);
  const offset = offsetOf(kind, input.cursor);
  const page = Math.min(limit, MAX_RANKED - offset);
  const { papers, total } = await searchScholar(
    hub,
    { text, filters, offset, limit: page },
    signal,
  );
  const reachable = total === undefined ? undefined : Math.min(total, MAX_RANKED);
  return renderPage(call, {
    heading: `# Papers for "${text}", by relevance, ${describeFilters(filters)}`,
    papers,
    offset,
    total,
    hasMore: papers.length > 0 && offset + papers.length < (reachable ?? MAX_RANKED),
    cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
  });
}

/** One page of the service has up to 1,000 rows; the cursor holds its token and how many of its rows were shown. */
async function searchSorted(
  call: PapersCall,
  text: string,
  filters: PaperFilters,
  sort: 'citationCount' | 'publicationDate',
): Promise<string> {
  const { hub, input, limit, signal } = call;
  const kind = questionOf(sort, input);
  const [token, skipped, before] =
    input.cursor === undefined ? [] : decodeCursor(kind, input.cursor);
  const at = typeof token === 'string' && token !== '' ? token : undefined;
  const skip = typeof skipped === 'number' ? skipped : 0;
  const earlier = typeof before === 'number' ? before : 0;
  const page = await searchScholarSorted(hub, { text, filters, sort, token: at }, signal);
  const papers = page.papers.slice(skip, skip + limit);
  const order = sort === 'citationCount' ? 'most cited first' : 'newest first';
  const described = describeFilters(filters);
  return renderPage(call, {
    heading: `# Papers for "${text}", ${order}${described === '' ? '' : `, ${described}`}`,
    papers,
    offset: earlier + skip,
    total: page.total,
    hasMore: skip + papers.length < page.papers.length || page.token !== undefined,
    cursorAfter: (shown) => {
      const next = skip + shown;
      return next < page.papers.length || page.token === undefined
        ? encodeCursor(kind, [at ?? '', next, earlier])
        : encodeCursor(kind, [page.token, 0, earlier + page.papers.length]);
    },
  });
}

interface Page {
  readonly heading: string;
  readonly papers: readonly ScholarPaper[];
  readonly offset: number;
  readonly total: number | undefined;
  readonly hasMore: boolean;
  readonly cursorAfter: (shown: number) => string;
}

function renderPage({ hub, budget, notes }: PapersCall, page: Page): string {
  const { heading, papers, total, ...rest } = page;
  const best = firstId(papers);
  return renderList(
    {
      ...rest,
      head: [heading, 'Source: Semantic Scholar'],
      items: papers.map((paper, at) =>
        renderScholarPaper(paper, page.offset + at + 1, hub.hosts().hub),
      ),
      ...(total !== undefined && { total }),
      noun: 'papers',
      next:
        best === undefined
          ? 'use fewer words or weaker filters.'
          : `hf_papers(operation="paper_details", arxiv_id="${best}")`,
      notes,
    },
    budget,
  );
}

/** By which hf_papers finds it again; undefined for one that has only an id of Semantic Scholar's own. */
export const idArgument = ({ externalIds }: ScholarPaper): string | undefined =>
  externalIds === undefined || Object.values(externalIds).every((id) => id === undefined)
    ? undefined
    : scholarName({ externalIds }).replace(/^arXiv /, '');

/** The first of them that can be asked about. */
export const firstId = (papers: readonly ScholarPaper[]): string | undefined =>
  papers.map(idArgument).find((id) => id !== undefined);
