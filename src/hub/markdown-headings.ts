/** Cuts Markdown at its headings. */

export interface MarkdownPart {
  /** Number of signs; 0 for what stands before the first heading. */
  readonly depth: number;
  /** The heading as it is written, without the signs. */
  readonly words: string;
  /** The line of the heading, from 1. */
  readonly line: number;
  /** What follows, up to the next heading. */
  readonly lines: string[];
}

/** The first entry is what stands before any heading. A sign inside of a fence is no heading. */
export function splitAtHeadings(markdown: string): readonly MarkdownPart[] {
  const found: MarkdownPart[] = [{ depth: 0, words: '', line: 1, lines: [] }];
  let fence: string | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const ticks = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (ticks !== undefined)
      fence = fence === undefined ? ticks : line.trim().startsWith(fence) ? undefined : fence;
    const [, signs, words] =
      (fence === undefined && /^(#{1,6})\s+(.+?)(?:\s+#+)?\s*$/.exec(line)) || [];
    if (signs !== undefined && words !== undefined)
      found.push({ depth: signs.length, words, line: index + 1, lines: [] });
    else found.at(-1)?.lines.push(line);
  }
  return found;
}

export const textOfPart = (part: MarkdownPart | undefined): string =>
  (part?.lines ?? []).join('\n').trim();
