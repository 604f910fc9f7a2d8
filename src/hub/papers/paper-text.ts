/** Gets the text of a paper from whoever has it: the Hub, arXiv, ar5iv, else the abstract alone. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { checkHubAnswer, isSuccess } from '../failures.ts';
import { elementOf, htmlToMarkdown } from '../html-to-markdown.ts';
import { getHubPaper } from './hub-papers.ts';
import type { ArxivId } from './paper-id.ts';
import { isReferenceList, parseSections, type SectionedPaper } from './paper-sections.ts';

const WEEK_MS = 7 * 86_400_000;
const TIMEOUT_MS = 30_000;
/** With fewer the Markdown is an abstract with a title, whatever it calls itself. */
const MIN_HEADINGS = 2;

export interface PaperText extends SectionedPaper {
  /** Who had it, for the answer: `arXiv HTML`. */
  readonly source: string;
  readonly url: string;
  /** False when only the abstract was to be had. */
  readonly isFull: boolean;
  /** What the sources before this one said. */
  readonly notes: readonly string[];
}

type Found = Omit<PaperText, 'notes'>;

/** @throws GloveboxError `remote/not-found` when nobody has it, `remote/failed` when nobody answers, `cancelled`. */
export async function getPaperText(
  hub: HubContext,
  paper: ArxivId,
  signal: AbortSignal,
): Promise<PaperText> {
  const { arxiv, ar5iv } = hub.hosts();
  const sources: readonly (() => Promise<Found>)[] = [
    () => fromHubMarkdown(hub, paper, signal),
    () => fromHtml(hub, `${arxiv}/html/${paper.id}${paper.version ?? ''}`, 'arXiv HTML', signal),
    () => fromHtml(hub, `${ar5iv}/html/${paper.id}`, 'ar5iv HTML', signal),
    () => abstractOnly(hub, paper, signal),
  ];
  const notes: string[] = [];
  let isGone = true;
  for (const source of sources) {
    try {
      return { ...(await source()), notes };
    } catch (error) {
      if (isGloveboxError(error, 'cancelled') || isGloveboxError(error, 'config/invalid'))
        throw error;
      isGone &&= isGloveboxError(error, 'remote/not-found');
      notes.push(messageOf(error).split('\n', 1)[0] ?? '');
    }
  }
  throw new GloveboxError(
    isGone ? 'remote/not-found' : 'remote/failed',
    `No text of ${paper.id} was found.\n${notes.join('\n')}`,
    { hint: `check the id with operation="paper_details", or read ${arxiv}/pdf/${paper.id}.` },
  );
}

async function fromHubMarkdown(
  hub: HubContext,
  { id }: ArxivId,
  signal: AbortSignal,
): Promise<Found> {
  const url = `${hub.hosts().hub}/papers/${id}.md`;
  const response = await hub.web.send({ url, timeoutMs: TIMEOUT_MS, cacheMs: WEEK_MS }, signal);
  checkHubAnswer(hub, response, { what: `the Markdown of ${id}` });
  const parsed = parseSections(response.text);
  if (parsed.sections.length < MIN_HEADINGS)
    throw new GloveboxError('remote/not-found', 'The Hub has no full text of it.');
  return { ...parsed, source: 'Hugging Face Markdown', url, isFull: true };
}

async function fromHtml(
  hub: HubContext,
  url: string,
  source: string,
  signal: AbortSignal,
): Promise<Found> {
  let isSentToArxiv = false;
  const redirects = (to: URL): boolean => {
    isSentToArxiv ||= to.origin === new URL(hub.hosts().arxiv).origin;
    return to.origin === new URL(url).origin;
  };
  const request = { url, timeoutMs: TIMEOUT_MS, cacheMs: WEEK_MS, redirects };
  const response = await hub.web.send(request, signal).catch((error: unknown) => {
    // So ar5iv says that it has not converted the paper.
    if (!isSentToArxiv || !isGloveboxError(error, 'http/refused')) throw error;
    throw new GloveboxError('remote/not-found', `${source}: it has only the address of arXiv.`);
  });
  if (!isSuccess(response))
    throw new GloveboxError(
      response.status === 404 ? 'remote/not-found' : 'remote/failed',
      `${source}: status ${response.status}.`,
    );
  const markdown = await htmlToMarkdown(elementOf(response.text, 'article'));
  const parsed = parseSections(markdown);
  if (parsed.sections.every(isReferenceList))
    throw new GloveboxError('remote/not-found', `${source}: no sections in it.`);
  return { ...parsed, source, url: response.url, isFull: true };
}

async function abstractOnly(hub: HubContext, { id }: ArxivId, signal: AbortSignal): Promise<Found> {
  const { title, summary } = await getHubPaper(hub, id, signal);
  if (summary === undefined)
    throw new GloveboxError('remote/not-found', 'The Hub has no abstract of it.');
  const url = `${hub.hosts().hub}/papers/${id}`;
  return {
    title,
    abstract: summary,
    sections: [],
    source: 'Hugging Face, abstract only',
    url,
    isFull: false,
  };
}
