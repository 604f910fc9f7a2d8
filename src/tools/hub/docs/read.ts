/** A page of documentation within a budget: outline, section, best parts, window. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '#hub/context.ts';
import { fetchDocPage } from '#hub/docs/fetch-page.ts';
import { findDocSection, outlineOf, rankSections, type DocSection } from '#hub/docs/outline.ts';
import { parsePageAddress } from '#hub/docs/page-address.ts';
import { renderCount, shorten, windowOf } from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';
import type { FetchInput } from '../fetch-hf-docs.ts';

export interface ReadCall {
  readonly hub: HubContext;
  readonly signal: AbortSignal;
  readonly input: FetchInput;
  readonly budget: number;
  readonly notes: Notes;
}

/** Of a page that does not fit, the outline may take this part of the answer. */
const OUTLINE_SHARE = 0.4;

export async function readDocs(call: ReadCall): Promise<string> {
  const { hub, signal, input } = call;
  const address = parsePageAddress(hub, input.url);
  const page = await fetchDocPage(hub, address, signal);
  const sections = outlineOf(page.markdown);
  const title = sections.find(({ anchor }) => anchor !== '')?.title ?? page.url;
  const head = [`# ${title}`, page.url];
  const wanted = input.section ?? address.anchor;
  if (wanted !== undefined) return oneSection(call, head, sections, wanted);
  if (input.query !== undefined) return bestSections(call, head, sections, input.query);
  return wholePage(call, head, page.markdown, sections);
}

const headText = (head: readonly string[], notes: Notes): string =>
  [...head, ...notes.map((note) => `Note: ${note}`)].join('\n');

function renderOutline(sections: readonly DocSection[], chars: number): string {
  const lines = sections.map(({ depth, title, anchor, line, text }) => {
    const name = anchor === '' ? '' : ` #${anchor}`;
    return `${'  '.repeat(Math.max(0, depth - 1))}${title}${name} (line ${line}, ${renderCount(text.length)} characters)`;
  });
  return shorten(lines.join('\n'), chars);
}

function wholePage(
  { input, budget, notes }: ReadCall,
  head: readonly string[],
  markdown: string,
  sections: readonly DocSection[],
): string {
  const top = headText(head, notes);
  const offset = Math.max(0, input.offset ?? 0);
  const fits = markdown.length <= budget - top.length - 100;
  const outline =
    fits || offset > 0
      ? ''
      : `\n\n## Outline (section="..." reads one)\n${renderOutline(sections, budget * OUTLINE_SHARE)}\n\n---`;
  const { text, position } = windowOf(markdown, offset, budget - top.length - outline.length - 100);
  return `${top}${outline}\n\n${text}${position === '' ? '' : `\n${position}`}`;
}

function oneSection(
  { input, budget, notes }: ReadCall,
  head: readonly string[],
  sections: readonly DocSection[],
  wanted: string,
): string {
  const found = findDocSection(sections, wanted);
  if (found === undefined) {
    notes.push(`there is no one section "${shorten(wanted, 80)}"; this is the outline.`);
    const top = headText(head, notes);
    return `${top}\n\n${renderOutline(sections, budget - top.length - 120)}\n\nNext: the same call with section= one of these.`;
  }
  const whole = found.map(({ text }) => text).join('\n\n');
  const top = headText(head, notes);
  const { text, position } = windowOf(
    whole,
    Math.max(0, input.offset ?? 0),
    budget - top.length - 100,
  );
  return `${top}\n\n${text}${position === '' ? '' : `\n${position}`}`;
}

async function bestSections(
  { input, budget, notes }: ReadCall,
  head: readonly string[],
  sections: readonly DocSection[],
  query: string,
): Promise<string> {
  const ranked = await rankSections(sections, query);
  if (ranked.length === 0) {
    throw new GloveboxError(
      'input/invalid',
      `No section of this page has any word of "${shorten(query, 80)}".`,
      {
        hint: `leave query out to read the page, or search all pages: explore_hf_docs(query="...").`,
      },
    );
  }
  const top = headText([...head, `${ranked.length} sections for "${query}", best first`], notes);
  const whole = ranked.map(({ text, line }) => `(line ${line})\n${text}`).join('\n\n');
  const { text, position } = windowOf(
    whole,
    Math.max(0, input.offset ?? 0),
    budget - top.length - 100,
  );
  return `${top}\n\n${text}${position === '' ? '' : `\n${position}`}`;
}
