/** Outputs between the JSON of a notebook file, where texts may be lists of lines, and the form that readers see. */
import { isRecord } from '#core/json.ts';
import type { CellOutput, MimeBundle } from './contract.ts';

/** Where Python's `splitlines` breaks, which is what Jupyter uses. */
const BREAKS = String.raw`\n\r\v\f\x1c-\x1e\x85\u2028\u2029`;
const LINE = new RegExp(`[^${BREAKS}]*(?:\\r\\n|[${BREAKS}])|[^${BREAKS}]+`, 'g');

/** The lines of a text, each with its end. */
export const splitLines = (text: string): readonly string[] => text.match(LINE) ?? [];

/** A text that a file holds as one string or as a list of lines. */
export function joinLines(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isTextList(value) ? value.join('') : undefined;
}

const isTextList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((line) => typeof line === 'string');

/** Types whose value is JSON and no text. */
export const isJsonMime = (mime: string): boolean =>
  mime === 'application/json' || (mime.startsWith('application/') && mime.endsWith('+json'));

/** Types whose text Jupyter splits into lines. */
const isSplitMime = (mime: string): boolean =>
  mime.startsWith('text/') || mime === 'application/javascript' || mime === 'image/svg+xml';

/** Joins lists of lines. A value that its type does not allow becomes text, so that the file stays valid. */
export function toBundle(data: Readonly<Record<string, unknown>>): MimeBundle {
  return Object.fromEntries(
    Object.entries(data).map(([mime, value]) => [
      mime,
      isJsonMime(mime) ? value : (joinLines(value) ?? JSON.stringify(value) ?? ''),
    ]),
  );
}

/** One output of a parsed file. What is no output that nbformat 4 knows becomes an empty display. */
export function toOutput(value: unknown): CellOutput {
  const raw = isRecord(value) ? value : {};
  const metadata = isRecord(raw['metadata']) ? raw['metadata'] : {};
  const data = isRecord(raw['data']) ? toBundle(raw['data']) : {};
  switch (raw['output_type']) {
    case 'stream':
      return {
        output_type: 'stream',
        name: raw['name'] === 'stderr' ? 'stderr' : 'stdout',
        text: joinLines(raw['text']) ?? '',
      };
    case 'execute_result':
      return {
        output_type: 'execute_result',
        data,
        metadata,
        execution_count: toCount(raw['execution_count']),
      };
    case 'error':
      return {
        output_type: 'error',
        ename: toText(raw['ename']),
        evalue: toText(raw['evalue']),
        traceback: isTextList(raw['traceback']) ? raw['traceback'] : [],
      };
    default:
      return { output_type: 'display_data', data, metadata };
  }
}

export const toCount = (value: unknown): number | null =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null;

export const toText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What the file holds for an output. */
export function fromOutput(output: CellOutput, linesAsLists: boolean): Record<string, unknown> {
  if (!linesAsLists || output.output_type === 'error') return { ...output };
  if (output.output_type === 'stream') return { ...output, text: splitLines(output.text) };
  const data = Object.entries(output.data).map(([mime, value]) => [
    mime,
    typeof value === 'string' && isSplitMime(mime) ? splitLines(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(data) };
}
