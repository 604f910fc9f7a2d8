/** sandbox_read: a window of a text file in a sandbox, or what is in a folder. */
import { Buffer } from 'node:buffer';
import * as z from 'zod';
import { renderBytes } from '#core/units.ts';
import type { ReadAnswer, TextWindow } from '#shell/file-answers.ts';
import { fileKindOf } from '#shell/file-kind.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { sandboxId } from '../parameters.ts';
import { waitOf } from '../render-run.ts';

const DEFAULT_LINES = 2000;
const MAX_LINE_CHARS = 2000;

export const sandboxRead = defineTool({
  name: 'sandbox_read',
  toolset: 'sandbox',
  title: 'Read a file in a sandbox',
  description:
    'Reads a text file in a sandbox as "number<TAB>line", or lists a folder. Says how many lines there are and how to read on. ' +
    'A file has to be read before sandbox_write or sandbox_edit may change it. Of a binary file it tells size and kind.',
  input: z.strictObject({
    sandbox_id: sandboxId,
    path: z
      .string()
      .min(1)
      .describe('Absolute, from ~, or relative to the sandbox root (the project).'),
    offset: z.int32().min(1).optional().describe('First line, from 1. Default: 1.'),
    limit: z.int32().min(1).max(10_000).optional().describe('Lines at most. Default: 2000.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(input, context) {
    const offset = input.offset ?? 1;
    const place = { sandboxId: input.sandbox_id, path: input.path };
    const window = {
      offset,
      limit: input.limit ?? DEFAULT_LINES,
      maxChars: context.settings.outputChars(),
      maxLineChars: MAX_LINE_CHARS,
    };
    const answer = await context.files.read(place, window, waitOf(undefined, context));
    return textResult(render(answer, offset, window.maxChars), { path: answer.real });
  },
});

function render(answer: ReadAnswer, offset: number, maxChars: number): string {
  if ('entries' in answer) return renderFolder(answer, maxChars);
  if ('binary' in answer) {
    const kind = fileKindOf(Buffer.from(answer.magic, 'base64'));
    return `${answer.real} is a binary file: ${kind}, ${renderBytes(answer.size)}. Its content is not shown.`;
  }
  return renderText(answer, offset, maxChars);
}

function renderText(answer: TextWindow, offset: number, maxChars: number): string {
  const { real, lines, total_lines: total, size } = answer;
  if (size === 0) return `${real} is empty.`;
  if (lines.length === 0) return `${real} has ${total} lines; there is none from ${offset} on.`;
  const notes = answer.valid_utf8
    ? []
    : [
        'Some bytes are not valid UTF-8 and are shown as \uFFFD; sandbox_edit does not take this file.',
      ];
  const shown: string[] = [];
  // Room for the last line of the answer.
  let left = maxChars - 300;
  for (const [index, { text, cut }] of lines.entries()) {
    const line = `${offset + index}\t${text}${cut ? ' [line cut at 2000 characters]' : ''}`;
    left -= line.length + 1;
    if (left < 0 && shown.length > 0) break;
    shown.push(line);
  }
  const last = offset + shown.length - 1;
  const count = total.toLocaleString('en-US');
  const rest =
    last < total
      ? `[lines ${offset}-${last} of ${count} · more: offset=${last + 1}]`
      : `[lines ${offset}-${last} of ${count}]`;
  return [...shown, ...notes, rest].join('\n');
}

function renderFolder(
  { real, entries, count }: Extract<ReadAnswer, { entries: unknown }>,
  maxChars: number,
): string {
  const lines = entries.map(({ name, folder, size }) =>
    folder ? `${name}/` : `${name}  ${size === null ? '(cannot be looked at)' : renderBytes(size)}`,
  );
  const shown: string[] = [];
  let left = maxChars - real.length - 200;
  for (const line of lines) {
    left -= line.length + 1;
    if (left < 0) break;
    shown.push(line);
  }
  const rest =
    shown.length < count
      ? [`[${shown.length} of ${count} entries · more: sandbox_bash with ls]`]
      : [];
  return [`${real} is a folder with ${count} entries:`, ...shown, ...rest].join('\n');
}
