/** What people read now, or what was listed on a day, in a week or in a month. */
import { GloveboxError } from '#core/errors.ts';
import { listDailyPapers, type HubPaper, type PaperPeriod } from '#hub/papers/hub-papers.ts';
import { encodeCursor, offsetOf, renderList } from '../../paged-answer.ts';
import { renderHubPaper } from './render-paper.ts';
import type { PapersCall } from './run-papers.ts';

const PAGE = 50;
/** With a filter, so many pages are looked through in one call. */
const SCANNED_PAGES = 3;

export async function trending({
  hub,
  input,
  limit,
  budget,
  notes,
  signal,
}: PapersCall): Promise<string> {
  const period = input.date === undefined ? undefined : parsePeriod(input.date);
  const words = input.query?.toLowerCase();
  const kind = `trending ${input.date ?? ''} ${words ?? ''}`;
  const start = offsetOf(kind, input.cursor);
  const found: { readonly paper: HubPaper; readonly at: number }[] = [];
  let at = start;
  let isEnd = false;
  for (let pages = 0; pages < SCANNED_PAGES && found.length < limit && !isEnd; pages += 1) {
    const page = Math.floor(at / PAGE);
    const papers = await listDailyPapers(hub, { period, page, limit: PAGE }, signal);
    isEnd = papers.length < PAGE;
    for (const paper of papers.slice(at - page * PAGE)) {
      if (found.length === limit) break;
      if (words === undefined || matches(paper, words)) found.push({ paper, at });
      at += 1;
    }
    if (found.length === limit) isEnd &&= at >= page * PAGE + papers.length;
  }
  const days = input.date === undefined ? 'now' : `of ${input.date}`;
  const scanned = at - start;
  const head =
    words === undefined
      ? [`# Papers that people read ${days}`]
      : [
          `# Papers ${days} with "${input.query}" in title, summary or keywords`,
          `${found.length} of ${scanned} scanned${start > 0 ? ` (from number ${start + 1} on)` : ''} · operation="search" looks at all papers`,
        ];
  const [first] = found;
  return renderList(
    {
      head,
      items: found.map(({ paper }, index) =>
        renderHubPaper(paper, (words === undefined ? start : 0) + index + 1, hub.hosts().hub),
      ),
      offset: words === undefined ? start : 0,
      hasMore: !isEnd,
      cursorAfter: (shown) => encodeCursor(kind, [found[shown]?.at ?? at]),
      noun: words === undefined ? 'papers' : 'matches',
      ...(first !== undefined && {
        next: `hf_papers(operation="read_paper", arxiv_id="${first.paper.id}")`,
      }),
      notes,
    },
    budget,
  );
}

function matches({ title, summary, ai_summary, ai_keywords }: HubPaper, words: string): boolean {
  const text = [title, summary, ai_summary, ...ai_keywords].join('\n').toLowerCase();
  return words.split(/\s+/).every((word) => text.includes(word));
}

function parsePeriod(text: string): PaperPeriod {
  const [, year, month, date] = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(text) ?? [];
  const isMonth = Number(month) >= 1 && Number(month) <= 12;
  if (year !== undefined && isMonth && date === undefined) return { month: text };
  if (isMonth && isDay(text)) return { date: text };
  const week = /^\d{4}-W(\d{2})$/i.exec(text)?.[1];
  if (week !== undefined && Number(week) >= 1 && Number(week) <= 53)
    return { week: text.toUpperCase() };
  throw new GloveboxError('input/invalid', `date="${text}" is no day, week or month.`, {
    hint: 'write a day as 2026-01-31, a week as 2026-W05, a month as 2026-01.',
  });
}

/** A day that is in the calendar. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
