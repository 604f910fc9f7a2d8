/** Makes the log of a Job readable: what uv installs is one line, what was asked for is found, and the middle goes first. */
import { stripVTControlCharacters } from 'node:util';
import { runInNewContext } from 'node:vm';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { LogLine } from '#hub/jobs/job-logs.ts';
import { createRedactionStream, type RedactionStream } from '#policy/redaction/redaction-stream.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import { headAndTail } from '#shell/head-and-tail.ts';

const CONTEXT_LINES = 2;
/** Longer lines are cut before a pattern sees them. */
const MAX_LINE_CHARS = 4000;
const MAX_LINES = 20_000;
const SEARCH_MS = 1000;
const TROUBLE = /error|failed|no solution|conflict|warning/i;

/** So much is gathered before it is redacted in one go. */
const BATCH_CHARS = 16_384;

/** Keeps the newest lines of a log, redacted as one text, and counts the others. */
export class LogLines {
  /** Whole only after `end`. */
  readonly lines: string[] = [];
  dropped = 0;
  readonly #sinceMs: number;
  readonly #redaction: RedactionStream;
  /** Not redacted yet. */
  #batch = '';
  /** Redacted, without the end of its line. */
  #begun = '';

  /** @throws GloveboxError `input/invalid` for a time that is none. */
  constructor(redactor: Pick<Redactor, 'text'>, since?: string) {
    this.#redaction = createRedactionStream(redactor);
    this.#sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
    if (!Number.isNaN(this.#sinceMs)) return;
    throw new GloveboxError('input/invalid', `since: "${since}" is no time.`, {
      hint: 'write it as 2026-01-31T12:00:00Z.',
    });
  }

  add({ text, timestamp }: LogLine): void {
    if (Date.parse(timestamp) < this.#sinceMs) return;
    this.#batch += `${stripVTControlCharacters(text)}\n`;
    if (this.#batch.length >= BATCH_CHARS) this.#take(this.#redactBatch());
  }

  /** No line comes after this. */
  end(): void {
    this.#take(this.#redactBatch() + this.#redaction.end());
  }

  #redactBatch(): string {
    const text = this.#redaction.push(this.#batch);
    this.#batch = '';
    return text;
  }

  #take(text: string): void {
    const lines = (this.#begun + text).split('\n');
    this.#begun = lines.pop() ?? '';
    for (const line of lines) this.lines.push(line.slice(0, MAX_LINE_CHARS));
    this.dropped += this.lines.splice(0, this.lines.length - MAX_LINES).length;
  }
}

/** Everything before uv's `Installed 12 packages` in one line, unless something went wrong there. */
export function foldInstallation(lines: readonly string[]): readonly string[] {
  const end = lines.findIndex((line) => /^Installed \d+ packages? in /.test(line));
  const before = lines.slice(0, end);
  if (end < 1 || before.some((line) => TROUBLE.test(line))) return lines;
  return [`[${before.length} lines of uv left out] ${lines[end]}`, ...lines.slice(end + 1)];
}

/** Lines that hold the text, or match `/regex/flags`, with those around them; gaps are marked. */
export function grepLines(lines: readonly string[], pattern: string): readonly string[] {
  const shown = new Set<number>();
  for (const at of matchesIn(lines, pattern))
    for (let near = at - CONTEXT_LINES; near <= at + CONTEXT_LINES; near += 1) shown.add(near);
  const kept = [...shown].filter((at) => at >= 0 && at < lines.length).toSorted((a, b) => a - b);
  return kept.flatMap((at, index) => {
    const isGap = index > 0 && kept[index - 1] !== at - 1;
    return isGap ? ['--', lines[at] ?? ''] : [lines[at] ?? ''];
  });
}

/** There are expressions that a single line keeps busy for ever; only a context of its own can be ended. */
const SEARCH =
  'const regex = new RegExp(source, flags); lines.flatMap((line, at) => (regex.test(line) ? [at] : [])).join()';

function matchesIn(lines: readonly string[], pattern: string): readonly number[] {
  const [, source, flags] = /^\/(.+)\/([imsu]*)$/s.exec(pattern) ?? [];
  if (source === undefined) {
    return lines.flatMap((line, at) => (line.includes(pattern) ? [at] : []));
  }
  try {
    const found: unknown = runInNewContext(
      SEARCH,
      { source, flags, lines },
      { timeout: SEARCH_MS },
    );
    return String(found).split(',').filter(Boolean).map(Number);
  } catch (error) {
    const isLate = isRecord(error) && error['code'] === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    throw new GloveboxError(
      'input/invalid',
      isLate
        ? `grep: ${pattern} takes longer than ${SEARCH_MS / 1000} s.`
        : `grep: ${pattern} is no regular expression.`,
      { hint: 'leave the slashes out to search for plain text.', cause: error },
    );
  }
}

/** Within the budget: the beginning, and for more of it the end. */
export const cutLog = (lines: readonly string[], chars: number): string =>
  headAndTail(lines.join('\n'), chars).text;
