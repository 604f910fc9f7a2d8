/** Hands each operation of hf_papers to the function that does it. */
import type { ToolContext, ToolResult } from '../../define-tool.ts';
import { textResult } from '../../define-tool.ts';
import { budgetOf } from '../../paged-answer.ts';
import { unreadFields, unreadWords, type FieldsOf } from '../../unread-fields.ts';
import { clamp, type Notes } from '../../wide-input.ts';
import type { PapersInput } from '../hf-papers.ts';
import { citationGraph } from './citation-graph.ts';
import { findAllResources, findCollections, findRepos } from './find-resources.ts';
import { paperDetails } from './paper-details.ts';
import { readPaper } from './read-paper.ts';
import { recommend } from './recommend.ts';
import { searchPapers } from './search-papers.ts';
import { snippetSearch } from './snippet-search.ts';
import { trending } from './trending.ts';

/** What every operation gets: checked limits, and a place for what has to be said beside the answer. */
export interface PapersCall extends Pick<ToolContext, 'hub' | 'signal'> {
  readonly input: PapersInput;
  readonly limit: number;
  /** Characters of the answer. */
  readonly budget: number;
  readonly notes: Notes;
}

export async function runPapers(input: PapersInput, context: ToolContext): Promise<ToolResult> {
  const { operation } = input;
  const notes: Notes = unreadFields(operation, input, READS, ALWAYS).map((name) =>
    unreadWords(operation, name, READS),
  );
  const call: PapersCall = {
    hub: context.hub,
    signal: context.signal,
    input,
    limit: clamp('limit', input.limit, { fallback: 10, min: 1, max: 50 }, notes),
    budget: budgetOf(input.max_chars, context.settings, notes),
    notes,
  };
  return textResult(await ANSWERS[input.operation](call));
}

const FILTERS = ['query', 'date_from', 'date_to', 'categories', 'min_citations'] as const;
const READS: FieldsOf<PapersInput['operation']> = {
  trending: ['query', 'date'],
  search: [...FILTERS, 'sort_by'],
  paper_details: ['arxiv_id'],
  read_paper: ['arxiv_id', 'section', 'offset'],
  citation_graph: ['arxiv_id', 'direction'],
  snippet_search: FILTERS,
  recommend: ['arxiv_id', 'positive_ids', 'negative_ids'],
  find_datasets: ['arxiv_id', 'sort'],
  find_models: ['arxiv_id', 'sort'],
  find_collections: ['arxiv_id'],
  find_all_resources: ['arxiv_id', 'sort'],
};
/** For all of them, or no more than the default. */
const ALWAYS = {
  operation: undefined,
  limit: undefined,
  cursor: undefined,
  max_chars: undefined,
  direction: 'both',
  sort_by: 'relevance',
  sort: 'downloads',
};

const ANSWERS: Readonly<Record<PapersInput['operation'], (call: PapersCall) => Promise<string>>> = {
  trending,
  search: searchPapers,
  paper_details: paperDetails,
  read_paper: readPaper,
  citation_graph: citationGraph,
  snippet_search: snippetSearch,
  recommend,
  find_datasets: (call) => findRepos(call, 'dataset'),
  find_models: (call) => findRepos(call, 'model'),
  find_collections: findCollections,
  find_all_resources: findAllResources,
};
