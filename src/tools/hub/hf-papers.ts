/** hf_papers: find, read and connect papers. */
import * as z from 'zod';
import { defineTool } from '../define-tool.ts';
import { limitOf, maxChars } from '../paged-answer.ts';
import { requiredChoice, wideChoice, wideInt, wideList, wideText } from '../wide-input.ts';

const OPERATIONS = [
  'trending',
  'search',
  'paper_details',
  'read_paper',
  'citation_graph',
  'snippet_search',
  'recommend',
  'find_datasets',
  'find_models',
  'find_collections',
  'find_all_resources',
] as const;

const input = z.strictObject({
  operation: requiredChoice(OPERATIONS, 'What to do; see above.'),
  query: wideText('search, snippet_search: plain words. trending: a filter.'),
  arxiv_id: wideText(
    'Id or URL of the paper; also DOI:, PMID:, CorpusId: for details, citations, recommend.',
  ),
  section: wideText('read_paper: number or title. Default: abstract and contents.'),
  offset: wideInt('read_paper: from this character on.', { min: 0 }),
  direction: wideChoice(['citations', 'references', 'both'], 'citation_graph. Default: both.'),
  date: wideText('trending: YYYY-MM-DD, YYYY-Www or YYYY-MM.'),
  date_from: wideText('Searches: published since, YYYY-MM-DD.'),
  date_to: wideText('Searches: published until, YYYY-MM-DD.'),
  categories: wideText('Searches: field of study, such as Computer Science.'),
  min_citations: wideInt('Searches: cited at least so often.', { min: 0 }),
  sort_by: wideChoice(
    ['relevance', 'citationCount', 'publicationDate'],
    'search. Default: relevance.',
  ),
  positive_ids: wideList('recommend: papers to resemble, instead of arxiv_id.'),
  negative_ids: wideList('recommend: papers to avoid.'),
  sort: wideChoice(['downloads', 'likes', 'trending'], 'find_*. Default: downloads.'),
  limit: limitOf(10, 50),
  cursor: wideText('Continues a list, with the same arguments.'),
  max_chars: maxChars,
});

export type PapersInput = z.output<typeof input>;

export const hfPapers = defineTool({
  name: 'hf_papers',
  toolset: 'hub',
  title: 'Find and read papers',
  description:
    'Papers on the Hugging Face Hub, arXiv and Semantic Scholar; no token needed. Operations:\n' +
    'trending: what people read now, or of a day, week or month. search: by words, with filters and sorting. snippet_search: passages that say something.\n' +
    'paper_details: abstract, code, citations. read_paper: contents with lengths, then a section by number or title; arXiv text with formulas and tables.\n' +
    'citation_graph: who cites it and what it cites, influential ones first. recommend: similar recent papers.\n' +
    'find_datasets, find_models, find_collections, find_all_resources: what on the Hub belongs to the paper.\n' +
    'To find a recipe: search, citation_graph of the anchor, read_paper of methods and experiments, then find_datasets.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { runPapers } = await import('./papers/run-papers.ts');
    return runPapers(arguments_, context);
  },
});
