/** Turns a transcript into what may leave the machine: redacted line by line, without the parts that nobody asked to send. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import { Tally, type SecretCount } from '#policy/redaction/secret-classes.ts';
import type { TranscriptPart } from './contract.ts';

export interface RedactedTranscript {
  /** When the session began, ISO; undefined when no line says it. */
  readonly startedAt: string | undefined;
  readonly lines: number;
  readonly redacted: readonly SecretCount[];
  /** `3 images`, `2 lines of subagents`. */
  readonly leftOut: readonly string[];
}

/**
 * Reads texts of any cut, writes whole lines. A line of JSON keeps its structure and its characters; any other is redacted as
 * text; blank lines stay.
 *
 * @throws GloveboxError `policy/refused` when an exact value of a known secret is still there after everything: then nothing
 * may be sent. Whatever the redactor throws.
 */
export async function redactTranscript(
  chunks: AsyncIterable<string>,
  write: (line: string) => Promise<void>,
  redactor: Redactor,
  include: readonly TranscriptPart[],
): Promise<RedactedTranscript> {
  const total = new Tally();
  const left = { images: 0, 'tool results': 0, 'lines of subagents': 0 };
  let startedAt: string | undefined;
  let lines = 0;

  const leaveOut = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(leaveOut);
    if (!isRecord(value)) return value;
    if (value['type'] === 'image' && !include.includes('images')) {
      left.images += 1;
      return { type: 'text', text: `[an image of ${sizeOf(value)} was left out]` };
    }
    if (value['type'] === 'tool_result' && !include.includes('tool-results')) {
      left['tool results'] += 1;
      return { ...value, content: `[a result of ${sizeOf(value['content'])} was left out]` };
    }
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, leaveOut(each)]));
  };

  const safeLine = (line: string): string | undefined => {
    if (line.trim() === '') return line;
    const value = parseLine(line);
    if (value === undefined) {
      const { value: text, counts } = redactor.text(line);
      total.addCounts(counts);
      return text;
    }
    if (value['isSidechain'] === true && !include.includes('subagents')) {
      left['lines of subagents'] += 1;
      return undefined;
    }
    const at = value['timestamp'];
    if (startedAt === undefined && typeof at === 'string' && !Number.isNaN(Date.parse(at)))
      startedAt = new Date(at).toISOString();
    const kept =
      include.includes('tool-results') || value['toolUseResult'] === undefined
        ? value
        : { ...value, toolUseResult: `[${sizeOf(value['toolUseResult'])} were left out]` };
    const { value: safe, counts } = redactor.json(leaveOut(kept));
    total.addCounts(counts);
    return JSON.stringify(safe);
  };

  for await (const line of splitLines(chunks)) {
    const safe = safeLine(line.text);
    if (safe === undefined) continue;
    if (redactor.holdsKnown(safe)) throw stillThere();
    lines += 1;
    await write(safe + line.end);
  }
  return {
    startedAt,
    lines,
    redacted: total.counts(),
    leftOut: Object.entries(left).flatMap(([what, count]) =>
      count > 0 ? [`${count} ${what}`] : [],
    ),
  };
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const sizeOf = (value: unknown): string =>
  `${(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).length} characters`;

interface Line {
  readonly text: string;
  /** `\n`, or nothing for a last line without one. */
  readonly end: string;
}

/** At `\n` alone: every other line end of Unicode is a character of the text. */
async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let parts: string[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', from)) {
      parts.push(chunk.slice(from, at));
      yield { text: parts.join(''), end: '\n' };
      parts = [];
      from = at + 1;
    }
    parts.push(chunk.slice(from));
  }
  const last = parts.join('');
  if (last !== '') yield { text: last, end: '' };
}

const stillThere = (): GloveboxError =>
  new GloveboxError(
    'policy/refused',
    'A known secret was still in the transcript after redaction, so nothing was sent.',
    {
      hint: 'glovebox transcripts preview shows the transcript as it would be sent; report this as a defect.',
    },
  );
