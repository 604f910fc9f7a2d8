/** The sections of a page, by anchor, heading or relevance. */
import { splitAtHeadings } from '../markdown-headings.ts';

export interface DocSection {
  readonly depth: number;
  readonly title: string;
  readonly anchor: string;
  /** The line of the heading, from 1. */
  readonly line: number;
  /** Heading and text, without the sections below it. */
  readonly text: string;
}

/** What stands before the first heading belongs to no section unless it says something. */
export function outlineOf(markdown: string): readonly DocSection[] {
  return splitAtHeadings(markdown).flatMap(({ depth, words, line, lines }) => {
    const body = lines
      .join('\n')
      .replaceAll(/<!--[\s\S]*?-->/g, '')
      .trim();
    if (depth === 0)
      return body === '' ? [] : [{ depth: 1, title: '(beginning)', anchor: '', line, text: body }];
    const explicit = /\[\[([^\]]+)\]\]\s*$/.exec(words)?.[1];
    const title = words
      .replace(/\[\[[^\]]*\]\]\s*$/, '')
      .replaceAll(/<[^>]*>/g, '')
      .trim();
    const text = `${'#'.repeat(depth)} ${title}\n\n${body}`.trim();
    return [{ depth, title, anchor: explicit ?? slugOf(title), line, text }];
  });
}

/** As the pages make them. */
const slugOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_.-]/gu, '')
    .trim()
    .replaceAll(/\s+/g, '-');

/** A section with those below it, found by anchor, whole heading, or a part of one that only it has. */
export function findDocSection(
  sections: readonly DocSection[],
  wanted: string,
): readonly DocSection[] | undefined {
  const word = wanted.trim().replace(/^#/, '').toLowerCase();
  const matching = (test: (section: DocSection) => boolean): readonly number[] =>
    sections.flatMap((section, at) => (test(section) ? [at] : []));
  const exact = matching(
    ({ anchor, title }) =>
      anchor.toLowerCase() === word ||
      title.toLowerCase() === word ||
      slugOf(title) === slugOf(word),
  );
  const partial =
    exact.length > 0 ? exact : matching(({ title }) => title.toLowerCase().includes(word));
  const [first] = partial;
  if (first === undefined || (exact.length === 0 && partial.length > 1)) return undefined;
  const depth = sections[first]?.depth ?? 1;
  const end = sections.findIndex((section, at) => at > first && section.depth <= depth);
  return sections.slice(first, end < 0 ? undefined : end);
}

/** Sections by relevance, best first; those without any of the words are left out. */
export async function rankSections(
  sections: readonly DocSection[],
  query: string,
): Promise<readonly DocSection[]> {
  const { rankTexts } = await import('../rank-texts.ts');
  const found = rankTexts(
    sections.map(({ title, text }) => ({ title, text })),
    { title: 3, text: 1 },
    query,
  );
  return found.flatMap((at) => sections.slice(at, at + 1));
}
