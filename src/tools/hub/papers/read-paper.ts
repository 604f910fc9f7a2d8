/** The text of a paper: its contents first, then a section, in windows, to the very end. */
import type { PaperText } from '#hub/papers/paper-text.ts';
import { getPaperText } from '#hub/papers/paper-text.ts';
import { parseArxivId } from '#hub/papers/paper-id.ts';
import {
  findSection,
  isReferenceList,
  sectionName,
  withSubsections,
  type PaperSection,
} from '#hub/papers/paper-sections.ts';
import { oneLine, renderCount, shorten, windowOf } from '../../paged-answer.ts';
import { requireFields } from '../../wide-input.ts';
import type { PapersCall } from './run-papers.ts';

const PREVIEW_CHARS = 280;

export async function readPaper(call: PapersCall): Promise<string> {
  const { hub, input, signal } = call;
  const { arxiv_id: given } = requireFields('read_paper', input, ['arxiv_id']);
  const id = parseArxivId(given);
  const name = `${id.id}${id.version ?? ''}`;
  const paper = await getPaperText(hub, id, signal);
  const links = `arXiv ${name} · source: ${paper.source}, ${paper.url}`;
  const head = [`# ${paper.title ?? name}`, links];
  if (!paper.isFull) return abstractAlone(call, head, paper, name);
  return input.section === undefined
    ? contents(call, head, paper, name)
    : sections(call, head, paper, input.section);
}

function abstractAlone(
  { budget, notes, hub }: PapersCall,
  head: readonly string[],
  paper: PaperText,
  name: string,
): string {
  const lines = [
    ...head,
    `Note: no full text was found, only the abstract. ${paper.notes.join(' ')}`,
    ...notes.map((note) => `Note: ${note}`),
    '',
    paper.abstract ?? '(no abstract)',
    '',
    `Next: read ${hub.hosts().arxiv}/pdf/${name} where PDF files can be read.`,
  ];
  return shorten(lines.join('\n'), budget);
}

function contents(
  { input, budget, notes }: PapersCall,
  head: readonly string[],
  paper: PaperText,
  name: string,
): string {
  const list = paper.sections.map((section, at) => {
    const whole = withSubsections(paper.sections, at);
    const below = whole.length > 1 ? `, with subsections ${renderCount(lengthOf(whole))}` : '';
    const indent = '  '.repeat(section.level - 1);
    const preview =
      section.text === '' || isReferenceList(section)
        ? ''
        : `\n${indent}  ${oneLine(section.text, PREVIEW_CHARS)}`;
    return `${indent}${sectionName(section)} (${renderCount(section.text.length)} characters${below})${preview}`;
  });
  const whole = [
    ...(paper.abstract === undefined ? [] : [`Abstract: ${shorten(paper.abstract, 3000)}`, '']),
    '## Contents',
    ...list,
  ].join('\n');
  const first =
    paper.sections.find(({ title }) => /method|approach|experiment/i.test(title)) ??
    paper.sections[0];
  const next =
    first === undefined
      ? ''
      : `\nNext: hf_papers(operation="read_paper", arxiv_id="${name}", section="${first.number ?? first.title}")`;
  return inWindow(
    [...head, ...notes.map((note) => `Note: ${note}`)],
    whole,
    input.offset ?? 0,
    budget,
    next,
  );
}

function sections(
  { input, budget, notes }: PapersCall,
  head: readonly string[],
  paper: PaperText,
  wanted: string,
): string {
  const isAbstract = /^\s*abstract\s*$/i.test(wanted) && paper.abstract !== undefined;
  const whole = isAbstract
    ? `## Abstract\n\n${paper.abstract ?? ''}`
    : findSection(paper.sections, wanted).map(render).join('\n\n');
  return inWindow(
    [...head, ...notes.map((note) => `Note: ${note}`)],
    whole,
    input.offset ?? 0,
    budget,
    '',
  );
}

const render = (section: PaperSection): string =>
  `${'#'.repeat(section.level + 1)} ${sectionName(section)}\n\n${section.text}`.trim();

const lengthOf = (parts: readonly PaperSection[]): number =>
  parts.reduce((sum, { text }) => sum + text.length, 0);

function inWindow(
  head: readonly string[],
  whole: string,
  offset: number,
  budget: number,
  next: string,
): string {
  const room = budget - head.join('\n').length - next.length - 80;
  const { text, position } = windowOf(whole, Math.max(0, offset), room);
  return `${head.join('\n')}\n\n${text}${next}${position === '' ? '' : `\n${position}`}`;
}
