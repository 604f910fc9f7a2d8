/** Who cites a paper and what it cites, influential ones first. */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { parsePaperId, scholarIdOf } from '#hub/papers/paper-id.ts';
import { listEdges, type Edge, type EdgePage } from '#hub/scholar/operations.ts';
import { decodeCursor, encodeCursor, fitItems, oneLine, renderCount } from '../../paged-answer.ts';
import { requireFields } from '../../wide-input.ts';
import { scholarName, scholarUrl } from './render-paper.ts';
import type { PapersCall } from './run-papers.ts';
import { firstId } from './search-papers.ts';

const CONTEXTS = 2;
const CONTEXT_CHARS = 200;
type Side = 'citations' | 'references';

interface Half {
  readonly side: Side;
  readonly edges: readonly Edge[];
  readonly hasMore: boolean;
  readonly offset: number;
}

export async function citationGraph(call: PapersCall): Promise<string> {
  const { hub, input, limit, budget, notes, signal } = call;
  const { arxiv_id: given } = requireFields('citation_graph', input, ['arxiv_id']);
  const id = parsePaperId(given);
  const direction = input.direction ?? 'both';
  const sides: readonly Side[] = direction === 'both' ? ['citations', 'references'] : [direction];
  const kind = `citation_graph ${id.id} ${direction}`;
  const offsets = input.cursor === undefined ? [] : decodeCursor(kind, input.cursor);
  const pages = await Promise.allSettled(
    sides.map((side) => listEdges(hub, scholarIdOf(id), side, signal)),
  );
  if (pages.every(({ status }) => status === 'rejected') || signal.aborted) {
    const [first] = pages;
    if (first?.status === 'rejected') throw first.reason;
  }
  const halves = sides.flatMap((side, at): Half[] => {
    const page = pages[at];
    if (page?.status !== 'fulfilled') {
      if (page !== undefined && isGloveboxError(page.reason, 'cancelled')) throw page.reason;
      notes.push(`the ${side} are missing: ${messageOf(page?.reason).split('\n', 1)[0]}`);
      return [];
    }
    const offset = offsets[at];
    return [toHalf(side, page.value, typeof offset === 'number' ? offset : 0)];
  });
  const head = [
    `# Citations of ${id.kind === 'arxiv' ? `arXiv ${id.id}` : id.id}`,
    'Source: Semantic Scholar · influential ones first, then by how often they are cited themselves',
    ...notes.map((note) => `Note: ${note}`),
  ].join('\n');
  const room = (budget - head.length - 400) / Math.max(1, halves.length);
  const rendered = halves.map((half) => renderHalf(half, limit, room, hub.hosts().hub));
  const best = firstId(
    halves.flatMap(({ edges, offset }) => edges.slice(offset).map(({ paper }) => paper)),
  );
  const next =
    best === undefined ? '' : `\nNext: hf_papers(operation="paper_details", arxiv_id="${best}")`;
  return `${head}\n\n${rendered.map(({ text }) => text).join('\n\n')}${next}${positionLine(kind, sides, halves, rendered)}`;
}

/** The order of the service is by date; what was built upon a paper is among its influential citations. */
function toHalf(side: Side, { edges, hasMore }: EdgePage, offset: number): Half {
  const sorted = edges.toSorted(
    (a, b) =>
      Number(b.isInfluential) - Number(a.isInfluential) ||
      (b.paper.citationCount ?? 0) - (a.paper.citationCount ?? 0),
  );
  return { side, edges: sorted, hasMore, offset };
}

interface Rendered {
  readonly text: string;
  readonly shown: number;
}

function renderHalf(half: Half, limit: number, room: number, hubUrl: string): Rendered {
  const { side, edges, hasMore, offset } = half;
  const title = side === 'citations' ? '## Cited by' : '## Cites';
  const total = hasMore
    ? `the ${renderCount(edges.length)} that Semantic Scholar lists first, of more`
    : renderCount(edges.length);
  const items = edges
    .slice(offset, offset + limit)
    .map((edge, at) => renderEdge(edge, offset + at + 1, hubUrl));
  const { text, shown } = fitItems(items, room);
  return { text: `${title} (${total})\n${text === '' ? '(none)' : text}`, shown };
}

function renderEdge(
  { paper, isInfluential, intents, contexts }: Edge,
  index: number,
  hubUrl: string,
): string {
  const facts = [
    scholarName(paper),
    paper.year?.toString(),
    paper.citationCount === undefined ? undefined : `${renderCount(paper.citationCount)} citations`,
    isInfluential ? 'INFLUENTIAL' : undefined,
    intents.length > 0 ? intents.join(', ') : undefined,
  ].filter((part) => part !== undefined && part !== '');
  return [
    `${index}. ${oneLine(paper.title, 300)}`,
    `   ${facts.join(' · ')}`,
    ...contexts.slice(0, CONTEXTS).map((context) => `   "${oneLine(context, CONTEXT_CHARS)}"`),
    `   ${scholarUrl(paper, hubUrl)}`,
  ].join('\n');
}

function positionLine(
  kind: string,
  sides: readonly Side[],
  halves: readonly Half[],
  rendered: readonly Rendered[],
): string {
  const ends = halves.map(({ side, edges, offset }, at) => ({
    side,
    start: offset + 1,
    end: offset + (rendered[at]?.shown ?? 0),
    total: edges.length,
  }));
  if (ends.every(({ start, end, total }) => start === 1 && end >= total)) return '';
  const parts = ends
    .filter(({ start, end }) => end >= start)
    .map(
      ({ side, start, end, total }) =>
        `${side} ${renderCount(start)}–${renderCount(end)} of ${renderCount(total)}`,
    );
  const text = parts.length === 0 ? 'nothing more' : parts.join(', ');
  if (ends.every(({ end, total }) => end >= total)) return `\n[${text}, the end]`;
  const cursor = encodeCursor(
    kind,
    sides.map((side) => ends.find((each) => each.side === side)?.end ?? 0),
  );
  return `\n[${text} · more: cursor=${cursor}]`;
}
