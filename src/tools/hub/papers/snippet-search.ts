/** Passages out of papers that say something, with the facts about their papers. */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { getScholarPapers, hasFilters, searchSnippets } from '#hub/scholar/operations.ts';
import type { ScholarPaper } from '#hub/scholar/paper.ts';
import { encodeCursor, offsetOf, oneLine, renderCount, renderList } from '../../paged-answer.ts';
import { requireFields } from '../../wide-input.ts';
import { describeFilters, parseFilters } from './filters.ts';
import { scholarName, scholarUrl } from './render-paper.ts';
import type { PapersCall } from './run-papers.ts';

const QUOTE_CHARS = 400;
/** The service ranks and does not page: a later page is the end of a longer answer. */
const MAX_SNIPPETS = 200;

export async function snippetSearch(call: PapersCall): Promise<string> {
  const { hub, input, limit, budget, notes, signal } = call;
  const { query: text } = requireFields('snippet_search', input, ['query']);
  const filters = parseFilters(input);
  const kind = JSON.stringify(['snippets', text, filters]);
  const offset = offsetOf(kind, input.cursor);
  const wanted = Math.min(MAX_SNIPPETS, offset + limit);
  const found = await searchSnippets(hub, { text, filters, limit: wanted }, signal);
  const snippets = found.slice(offset);
  const papers = await papersOf(
    call,
    snippets.flatMap(({ corpusId }) => corpusId ?? []),
  );
  const hubUrl = hub.hosts().hub;
  const items = snippets.map(({ corpusId, title, section, text: quote }, at) => {
    const paper = corpusId === undefined ? undefined : papers.get(corpusId);
    const facts = [
      paper === undefined ? `CorpusId:${corpusId ?? '?'}` : scholarName(paper),
      paper?.year?.toString(),
      paper?.citationCount === undefined
        ? undefined
        : `${renderCount(paper.citationCount)} citations`,
      section === undefined || section === '' ? undefined : `section ${oneLine(section, 80)}`,
    ].filter((part) => part !== undefined);
    return [
      `${offset + at + 1}. ${oneLine(title, 300)}`,
      `   ${facts.join(' · ')}`,
      `   "${oneLine(quote, QUOTE_CHARS)}"`,
      ...(paper === undefined ? [] : [`   ${scholarUrl(paper, hubUrl)}`]),
    ].join('\n');
  });
  const best = [...papers.values()].find(({ externalIds }) => externalIds?.ArXiv !== undefined)
    ?.externalIds?.ArXiv;
  const described = hasFilters(filters) ? `, ${describeFilters(filters)}` : '';
  return renderList(
    {
      head: [`# Passages for "${text}"${described}`, 'Source: Semantic Scholar, by relevance'],
      items,
      offset,
      hasMore: found.length === wanted && wanted < MAX_SNIPPETS,
      cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
      noun: 'passages',
      next:
        best === undefined
          ? 'use other words, or weaker filters.'
          : `hf_papers(operation="read_paper", arxiv_id="${best}")`,
      notes,
    },
    budget,
  );
}

/** By corpus id. Without these facts the passages are still worth showing. */
async function papersOf(
  { hub, notes, signal }: PapersCall,
  corpusIds: readonly string[],
): Promise<ReadonlyMap<string, ScholarPaper>> {
  const ids = [...new Set(corpusIds)];
  if (ids.length === 0) return new Map();
  try {
    const papers = await getScholarPapers(
      hub,
      ids.map((id) => `CorpusId:${id}`),
      signal,
    );
    return new Map(
      ids.flatMap((id, at): [string, ScholarPaper][] => {
        const paper = papers[at];
        return paper === undefined ? [] : [[id, paper]];
      }),
    );
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    notes.push(`years, citations and arXiv ids are missing: ${messageOf(error).split('\n', 1)[0]}`);
    return new Map();
  }
}
