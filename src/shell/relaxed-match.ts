/** Finds whole lines that are the wanted ones but for blanks and typography, and fits the new text to them. */
import { GloveboxError } from '#core/errors.ts';

export interface RelaxedMatch {
  readonly start: number;
  readonly end: number;
  /** Indented as the lines it replaces. */
  readonly newText: string;
  readonly how: string;
}

// oxlint-disable-next-line no-misleading-character-class
const NOTHING = /[\u200b\u200c\u200d\u2060\ufeff\u00ad]/g;

/** Each looser than the one before. Lines are folded one by one, so that nothing that is dropped can shift a match. */
const PASSES: readonly { readonly how: string; readonly fold: (line: string) => string }[] = [
  { how: 'blanks at line ends ignored', fold: (line) => line.replace(/[ \t]+$/, '') },
  { how: 'indentation ignored', fold: (line) => line.replaceAll(/^[ \t]+|[ \t]+$/g, '') },
  { how: 'typography ignored', fold: (line) => foldTypography(line).trim() },
];

function foldTypography(line: string): string {
  return line
    .replace(NOTHING, '')
    .replaceAll(/[\u2010-\u2015\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d]/g, '-')
    .replaceAll(/[\u2018-\u201b\u2032\u2035\uff07]/g, "'")
    .replaceAll(/[\u201c-\u201f\u2033\u2036\u00ab\u00bb\uff02]/g, '"')
    .replaceAll(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g, ' ');
}

/** @throws `file/no-match`, with line numbers when there are several places. */
export function findRelaxed(text: string, oldText: string, newText: string): RelaxedMatch {
  const lines = text.split('\n');
  const endsLine = oldText.endsWith('\n');
  const wanted = (endsLine ? oldText.slice(0, -1) : oldText).split('\n');
  const found = PASSES.map(({ how, fold }) => ({ how, first: candidates(lines, wanted, fold) }));
  const all = [...new Set(found.flatMap(({ first }) => first))].toSorted((a, b) => a - b);
  const [place] = all;
  if (place === undefined) throw nothing(lines, wanted);
  if (all.length > 1) {
    throw new GloveboxError(
      'file/no-match',
      `old_str is not in the file as given, and similar lines are there ${all.length} times, at ${lineList(all.map((line) => line + 1))}.`,
      { hint: 'Copy the text from sandbox_read, with enough around it to be unique.' },
    );
  }
  const pass = found.findIndex(({ first }) => first.length > 0);
  const region = lines.slice(place, place + wanted.length);
  const fitted = pass === 0 ? newText : reindent(region, wanted, newText, place);
  const start = lines.slice(0, place).join('\n').length + (place === 0 ? 0 : 1);
  const end = start + region.join('\n').length;
  const hasLineEnd = end < text.length;
  const how = `${found[pass]?.how ?? ''}, line ${place + 1}`;
  if (!endsLine) return { start, end, newText: fitted, how };
  if (hasLineEnd) return { start, end: end + 1, newText: fitted, how };
  // The last line of the file has no end, and keeps having none.
  return { start, end, newText: fitted.replace(/\n$/, ''), how };
}

function candidates(
  lines: readonly string[],
  wanted: readonly string[],
  fold: (line: string) => string,
): readonly number[] {
  const folded = wanted.map(fold);
  // Blank lines alone are everywhere.
  if (folded.every((line) => line === '')) return [];
  const here = lines.map(fold);
  return here.flatMap((_, at) =>
    folded.every((line, index) => here[at + index] === line) ? [at] : [],
  );
}

function nothing(lines: readonly string[], wanted: readonly string[]): GloveboxError {
  const first = foldTypography(wanted.find((line) => line.trim() !== '') ?? '').trim();
  const similar =
    first === ''
      ? []
      : lines.flatMap((line, at) => (foldTypography(line).includes(first) ? [at + 1] : []));
  const where =
    similar.length === 0
      ? 'Its first line is nowhere in the file.'
      : `Its first line is in ${lineList(similar)}, but what follows is different.`;
  return new GloveboxError('file/no-match', `old_str is not in the file. ${where}`, {
    hint: 'Copy the text from sandbox_read, without the line numbers.',
  });
}

const indentOf = (line: string): string => /^[ \t]*/.exec(line)?.[0] ?? '';
const isBlank = (line: string): boolean => line.trim() === '';

/** @throws `file/no-match` when the lines do not agree about how the indentation differs. */
function reindent(
  region: readonly string[],
  wanted: readonly string[],
  newText: string,
  place: number,
): string {
  const pairs = wanted
    .map((line, index) => ({ given: indentOf(line), there: indentOf(region[index] ?? ''), line }))
    .filter(({ line }) => !isBlank(line));
  const change = indentChange(pairs);
  const fitted = newText.split('\n').map((line) => {
    if (isBlank(line)) return line;
    const indent = indentOf(line);
    const changed = change?.(indent);
    return changed === undefined ? undefined : changed + line.slice(indent.length);
  });
  if (fitted.every((line) => line !== undefined)) return fitted.join('\n');
  throw new GloveboxError(
    'file/no-match',
    `The lines from ${place + 1} on are the wanted ones, but are indented differently, and not by the same amount.`,
    {
      hint: 'Copy old_str from sandbox_read with its indentation, and indent new_str in the same way.',
    },
  );
}

type Pair = { readonly given: string; readonly there: string };

/** How an indentation of the given text becomes one of the file; decided by the first line, confirmed by all. */
function indentChange(
  pairs: readonly Pair[],
): ((indent: string) => string | undefined) | undefined {
  const [first] = pairs;
  if (first === undefined) return (indent) => indent;
  const changes = [added(first), removed(first), toTabs(pairs), toSpaces(pairs)];
  return changes.find(
    (change) => change !== undefined && pairs.every(({ given, there }) => change(given) === there),
  );
}

function added({ given, there }: Pair): ((indent: string) => string | undefined) | undefined {
  if (!there.endsWith(given)) return undefined;
  const more = there.slice(0, there.length - given.length);
  return (indent) => more + indent;
}

function removed({ given, there }: Pair): ((indent: string) => string | undefined) | undefined {
  if (!given.endsWith(there)) return undefined;
  const less = given.slice(0, given.length - there.length);
  return (indent) => (indent.startsWith(less) ? indent.slice(less.length) : undefined);
}

/** Spaces were given where the file has tabs: as many spaces as the first line tells make a tab. */
function toTabs(pairs: readonly Pair[]): ((indent: string) => string | undefined) | undefined {
  const told = pairs.find(({ given, there }) => /^ +$/.test(given) && /^\t+$/.test(there));
  if (told === undefined) return undefined;
  const width = told.given.length / told.there.length;
  return (indent) =>
    /^ *$/.test(indent) && indent.length % width === 0
      ? '\t'.repeat(indent.length / width)
      : undefined;
}

function toSpaces(pairs: readonly Pair[]): ((indent: string) => string | undefined) | undefined {
  const told = pairs.find(({ given, there }) => /^\t+$/.test(given) && /^ +$/.test(there));
  if (told === undefined) return undefined;
  const width = told.there.length / told.given.length;
  if (!Number.isInteger(width)) return undefined;
  return (indent) => (/^\t*$/.test(indent) ? ' '.repeat(indent.length * width) : undefined);
}

export function lineList(lines: readonly number[]): string {
  const shown = lines.slice(0, 20).join(', ');
  return `line${lines.length === 1 ? '' : 's'} ${shown}${lines.length > 20 ? ', ...' : ''}`;
}
