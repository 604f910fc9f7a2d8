/** Cuts the Markdown of a paper into numbered sections, and finds the one that somebody means. */
import { GloveboxError } from '#core/errors.ts';
import { NUMBER_MARK } from '../html-to-markdown.ts';
import { splitAtHeadings, textOfPart, type MarkdownPart } from '../markdown-headings.ts';

export interface PaperSection {
  /** `3.2.1`, `A.1`, `IV`; without one in the paper undefined. */
  readonly number: string | undefined;
  readonly title: string;
  /** 1 for the highest. */
  readonly level: number;
  /** Its own text, without that of its subsections. */
  readonly text: string;
}

export interface SectionedPaper {
  readonly title: string | undefined;
  readonly abstract: string | undefined;
  readonly sections: readonly PaperSection[];
}

const DIGITS = /^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+(?=\S)/;
const LETTER = /^(?:Appendix\s+)?([A-Z](?:\.\d{1,2})*)[.:]?\s+(?=\S)/;
const ROMAN = /^([IVXL]{1,6}(?:-[A-Z](?:\.\d+)?)?)\.?\s+(?=\S)/;

export function parseSections(markdown: string): SectionedPaper {
  const headings = splitAtHeadings(markdown);
  const [before, first] = headings;
  const hasTitle =
    first !== undefined &&
    first.depth === 1 &&
    headings.filter(({ depth }) => depth === 1).length === 1;
  const rest = headings.slice(hasTitle ? 2 : 1);
  const isAbstract = ({ words }: MarkdownPart): boolean => /^abstract$/i.test(wordsOnly(words));
  const abstract = rest.find(isAbstract);
  const body = rest.filter((heading) => heading !== abstract);
  const numberOf = numbering(body.map(({ words }) => words));
  const top = Math.min(...body.map(({ depth }) => depth));
  const preface = textOfPart(hasTitle ? first : before);
  return {
    title: hasTitle ? wordsOnly(first.words) : undefined,
    abstract: abstract === undefined ? preface || undefined : textOfPart(abstract),
    sections: body.map((heading) => ({
      ...numberOf(heading.words),
      level: heading.depth - top + 1,
      text: textOfPart(heading),
    })),
  };
}

const wordsOnly = (words: string): string =>
  words
    .replaceAll(NUMBER_MARK, ' ')
    .replaceAll(/[*_]{1,3}(\S.*?)[*_]{1,3}/g, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim();

type Named = Pick<PaperSection, 'number' | 'title'>;

/** A letter or a roman figure before a title counts as its number only when the paper has a second one in its row. */
function numbering(headings: readonly string[]): (words: string) => Named {
  const plain = headings.map(wordsOnly);
  const letters = plain.map((words) => LETTER.exec(words)?.[1]);
  const hasLetters = letters.some(
    (letter) => letter?.startsWith('B') === true || letter?.includes('.') === true,
  );
  const hasRomans = plain.some((words) => /^II\.?\s/.test(words));
  return (words) => {
    const [tag, title] = words.includes(NUMBER_MARK) ? words.split(NUMBER_MARK, 2) : [];
    if (tag !== undefined && title !== undefined) {
      const number = tag
        .replace(/^\s*(appendix|section|part|chapter)\s+/i, '')
        .replace(/[.:\s]+$/, '')
        .trim();
      return { number: number === '' ? undefined : number, title: wordsOnly(title) };
    }
    const text = wordsOnly(words);
    const isSure = /^Appendix\s+[A-Z]\b/.test(text) || /^[A-Z]\.\d/.test(text);
    const found =
      DIGITS.exec(text) ??
      (hasRomans ? ROMAN.exec(text) : null) ??
      (isSure || hasLetters ? LETTER.exec(text) : null);
    if (found === null) return { number: undefined, title: text };
    return { number: found[1], title: text.slice(found[0].length).trim() };
  };
}

/** A section together with everything below it. */
export function withSubsections(
  sections: readonly PaperSection[],
  at: number,
): readonly PaperSection[] {
  const first = sections[at];
  if (first === undefined) return [];
  const end = sections.findIndex((section, index) => index > at && section.level <= first.level);
  return sections.slice(at, end < 0 ? undefined : end);
}

/** Long, and seldom wanted: no text of the paper, and shown only to whoever asks for it by name. */
export const isReferenceList = ({ title }: PaperSection): boolean =>
  /^(references|bibliography)$/i.test(title);

/** `3.2 Title` */
export const sectionName = ({ number, title }: PaperSection): string =>
  number === undefined ? title : `${number} ${title}`;

/**
 * Exact number, exact title, unique part of a title, beginning of a number, in this order; with everything below.
 *
 * @throws GloveboxError `input/invalid` with the candidates, or with all sections.
 */
export function findSection(
  sections: readonly PaperSection[],
  wanted: string,
): readonly PaperSection[] {
  const name = fold(wanted.replace(/^\s*(section|appendix|§)\s*(?=[\dA-Z]|[ivxl]+\b)/i, ''));
  const words = fold(wanted);
  const ways: readonly ((section: PaperSection) => boolean)[] = [
    ({ number }) => number !== undefined && fold(number) === name,
    (section) => fold(section.title) === words || fold(sectionName(section)) === words,
    (section) => fold(section.title).includes(words),
    ({ number }) => number !== undefined && fold(number).startsWith(`${name}.`),
  ];
  for (const [index, way] of ways.entries()) {
    const found = sections.flatMap((section, at) => (way(section) ? [at] : []));
    const [first] = found;
    if (first === undefined) continue;
    // All that begin with a number are what was meant by it.
    if (index === ways.length - 1) return found.flatMap((at) => sections.slice(at, at + 1));
    if (found.length === 1) return withSubsections(sections, first);
    throw unclear(
      wanted,
      found.flatMap((at) => sections.slice(at, at + 1)),
      'fits several sections',
    );
  }
  throw unclear(wanted, sections, 'is no section of this paper');
}

const fold = (text: string): string =>
  text.toLowerCase().replaceAll(/\s+/g, ' ').trim().replace(/[.:]$/, '');

function unclear(wanted: string, candidates: readonly PaperSection[], why: string): GloveboxError {
  const names = candidates.map((section) => `  ${sectionName(section)}`).slice(0, 80);
  return new GloveboxError(
    'input/invalid',
    `section="${wanted.slice(0, 80)}" ${why}:\n${names.join('\n')}`,
    {
      hint: 'give the number or the whole title of one of these.',
    },
  );
}
