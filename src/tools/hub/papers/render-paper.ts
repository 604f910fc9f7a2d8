/** How one paper looks in a list. */
import type { HubPaper } from '#hub/papers/hub-papers.ts';
import type { ScholarPaper } from '#hub/scholar/paper.ts';
import { oneLine, renderCount } from '../../paged-answer.ts';

const SUMMARY_CHARS = 300;

const compact = (parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== false && part !== '').join(' · ');

/** `2024-05-29`; only the day of a time. */
const day = (time: string | undefined): string | undefined => time?.slice(0, 10);

export function renderHubPaper(paper: HubPaper, index: number, hubUrl: string): string {
  const { id, title, publishedAt, upvotes, githubRepo, githubStars, ai_summary, summary } = paper;
  const stars = githubStars === undefined ? '' : ` (${renderCount(githubStars)} stars)`;
  const facts = compact([
    `arXiv ${id}`,
    day(publishedAt),
    upvotes !== undefined && `${renderCount(upvotes)} upvotes`,
    githubRepo !== undefined && `code ${githubRepo}${stars}`,
  ]);
  return [
    `${index}. ${oneLine(title, 300)}`,
    `   ${facts}`,
    ...summaryLine(ai_summary ?? summary),
    `   ${hubUrl}/papers/${id}`,
  ].join('\n');
}

export function renderScholarPaper(paper: ScholarPaper, index: number, hubUrl: string): string {
  const { title, year, publicationDate, venue, citationCount, influentialCitationCount } = paper;
  const influential =
    influentialCitationCount === undefined || influentialCitationCount === 0
      ? ''
      : ` (${renderCount(influentialCitationCount)} influential)`;
  const facts = compact([
    scholarName(paper),
    publicationDate ?? year?.toString(),
    citationCount !== undefined && `${renderCount(citationCount)} citations${influential}`,
    venue,
  ]);
  return [
    `${index}. ${oneLine(title, 300)}`,
    `   ${facts}`,
    ...summaryLine(paper.tldr?.text ?? paper.abstract),
    `   ${scholarUrl(paper, hubUrl)}`,
  ].join('\n');
}

const summaryLine = (text: string | undefined): readonly string[] =>
  text === undefined || text.trim() === '' ? [] : [`   ${oneLine(text, SUMMARY_CHARS)}`];

/** By which it can be asked for again. */
export function scholarName({
  externalIds,
  paperId,
}: Pick<ScholarPaper, 'externalIds'> & Partial<Pick<ScholarPaper, 'paperId'>>): string {
  if (externalIds?.ArXiv !== undefined) return `arXiv ${externalIds.ArXiv}`;
  if (externalIds?.DOI !== undefined) return `DOI:${externalIds.DOI}`;
  if (externalIds?.CorpusId !== undefined) return `CorpusId:${externalIds.CorpusId}`;
  return paperId ?? '';
}

/** The page on the Hub where there is one: it leads on to code, models and datasets. */
export function scholarUrl(
  { externalIds, paperId, url, openAccessPdf }: ScholarPaper,
  hubUrl: string,
): string {
  if (externalIds?.ArXiv !== undefined) return `${hubUrl}/papers/${externalIds.ArXiv}`;
  const page =
    url ?? (paperId === undefined ? undefined : `https://www.semanticscholar.org/paper/${paperId}`);
  return page ?? openAccessPdf?.url ?? '(no page)';
}
