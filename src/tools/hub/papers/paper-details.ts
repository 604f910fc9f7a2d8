/** One paper: what the Hub and Semantic Scholar say about it. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { getHubPaper, type HubPaper } from '#hub/papers/hub-papers.ts';
import { parsePaperId, scholarIdOf, type PaperId } from '#hub/papers/paper-id.ts';
import { getScholarPaper } from '#hub/scholar/operations.ts';
import type { ScholarPaper } from '#hub/scholar/paper.ts';
import { renderCount, shorten } from '../../paged-answer.ts';
import { requireFields } from '../../wide-input.ts';
import { scholarUrl } from './render-paper.ts';
import type { PapersCall } from './run-papers.ts';

const AUTHORS = 10;

export async function paperDetails(call: PapersCall): Promise<string> {
  const { hub, signal, budget, notes } = call;
  const { arxiv_id: given } = requireFields('paper_details', call.input, ['arxiv_id']);
  const id = parsePaperId(given);
  const [ofHub, ofScholar] = await Promise.allSettled([
    id.kind === 'arxiv' ? getHubPaper(hub, id.id, signal) : undefined,
    getScholarPaper(hub, scholarIdOf(id), signal),
  ]);
  const page = ofHub.status === 'fulfilled' ? ofHub.value : undefined;
  const facts = ofScholar.status === 'fulfilled' ? ofScholar.value : undefined;
  if (page === undefined && facts === undefined) throw bothFailed(given, ofHub, ofScholar);
  if (ofHub.status === 'rejected') notes.push(noteOf('The Hub', ofHub.reason));
  if (ofScholar.status === 'rejected') notes.push(noteOf('Semantic Scholar', ofScholar.reason));
  return shorten(render(call, id, page, facts).join('\n'), budget);
}

/** A caller that gave up hears that, whatever the halves said. */
function bothFailed(
  given: string,
  ...halves: readonly PromiseSettledResult<unknown>[]
): GloveboxError {
  const errors = halves.flatMap((half): unknown[] =>
    half.status === 'rejected' ? [half.reason] : [],
  );
  const decisive =
    errors.find((error) => isGloveboxError(error, 'cancelled')) ??
    errors.find((error) => !isGloveboxError(error, 'remote/not-found')) ??
    errors[0];
  if (isGloveboxError(decisive) && decisive.code !== 'remote/not-found') return decisive;
  return new GloveboxError(
    'remote/not-found',
    `There is no paper ${given}.\n${errors.map((error) => messageOf(error).split('\n', 1)[0]).join(' ')}`,
    {
      hint: 'check the id; hf_papers(operation="search", query="...") finds papers.',
      cause: decisive,
    },
  );
}

const noteOf = (who: string, error: unknown): string =>
  `${who} gave nothing: ${messageOf(error).split('\n', 1)[0]}`;

function render(
  { hub, notes }: PapersCall,
  id: PaperId,
  page: HubPaper | undefined,
  facts: ScholarPaper | undefined,
): readonly string[] {
  const { hub: hubUrl, arxiv } = hub.hosts();
  const arxivId =
    page?.id ?? facts?.externalIds?.ArXiv ?? (id.kind === 'arxiv' ? id.id : undefined);
  const authors = (page?.authors.length ?? 0) > 0 ? page?.authors : facts?.authors;
  const url = facts === undefined ? '' : scholarUrl(facts, hubUrl);
  const links =
    arxivId === undefined
      ? [url]
      : [...(page === undefined ? [] : [`${hubUrl}/papers/${arxivId}`]), `${arxiv}/abs/${arxivId}`];
  return [
    `# ${page?.title ?? facts?.title ?? id.id}`,
    factsLine(arxivId, page, facts),
    ...notes.map((note) => `Note: ${note}`),
    ...(authors === undefined ? [] : [`Authors: ${authorLine(authors.map(({ name }) => name))}`]),
    `Links: ${links.join(' · ')}`,
    ...(page?.githubRepo === undefined
      ? []
      : [
          `Code: ${page.githubRepo}${page.githubStars === undefined ? '' : ` (${renderCount(page.githubStars)} stars)`}`,
        ]),
    ...(page?.projectPage === undefined ? [] : [`Project: ${page.projectPage}`]),
    ...(page === undefined || page.ai_keywords.length === 0
      ? []
      : [`Keywords: ${page.ai_keywords.join(', ')}`]),
    ...paragraph('Summary (by the Hub)', page?.ai_summary),
    ...paragraph('TL;DR (by Semantic Scholar)', facts?.tldr?.text),
    ...paragraph('Abstract', page?.summary ?? facts?.abstract),
    '',
    arxivId === undefined
      ? `Next: hf_papers(operation="citation_graph", arxiv_id="${id.id}")`
      : `Next: hf_papers(operation="read_paper", arxiv_id="${arxivId}")`,
  ];
}

const paragraph = (title: string, text: string | undefined): readonly string[] =>
  text === undefined || text.trim() === '' ? [] : ['', `${title}: ${shorten(text.trim(), 4000)}`];

function factsLine(
  arxivId: string | undefined,
  page: HubPaper | undefined,
  facts: ScholarPaper | undefined,
): string {
  const influential = facts?.influentialCitationCount;
  const parts = [
    arxivId === undefined ? undefined : `arXiv ${arxivId}`,
    facts?.externalIds?.DOI === undefined ? undefined : `DOI:${facts.externalIds.DOI}`,
    page?.publishedAt?.slice(0, 10) ?? facts?.publicationDate ?? facts?.year?.toString(),
    facts?.venue,
    facts?.citationCount === undefined
      ? undefined
      : `${renderCount(facts.citationCount)} citations${influential === undefined ? '' : ` (${renderCount(influential)} influential)`}`,
    page?.upvotes === undefined ? undefined : `${renderCount(page.upvotes)} upvotes`,
    facts === undefined || facts.fieldsOfStudy.length === 0
      ? undefined
      : facts.fieldsOfStudy.join(', '),
  ];
  return parts.filter((part) => part !== undefined && part !== '').join(' · ');
}

const authorLine = (names: readonly string[]): string =>
  names.length <= AUTHORS
    ? names.join(', ')
    : `${names.slice(0, AUTHORS).join(', ')} + ${names.length - AUTHORS} more`;
