/** What the progress line of a run says of its output. */
import { isRecord } from '#core/json.ts';
import type { StoredMessage } from './journal.ts';

/** What is printed, or stands in a display that is replaced as the work goes on; undefined where that says nothing. */
export function wordsOf({ type, content }: StoredMessage): string | undefined {
  const isUpdate = type === 'update_display_data';
  const text =
    isUpdate && isRecord(content['data']) ? content['data']['text/plain'] : content['text'];
  const isRepr = isUpdate && typeof text === 'string' && /^<.*>$/.test(text);
  return typeof text === 'string' && /\S/.test(text) && !isRepr ? text : undefined;
}

/** The last line with something in it, as a terminal would show it after carriage returns. */
export function lastLine(text: string): string | undefined {
  const tail = text.slice(-2000);
  const lines = tail.split('\n').map((line) => line.replace(/\r+$/, ''));
  const line = lines.findLast((candidate) => candidate.trim() !== '');
  return line?.slice(line.lastIndexOf('\r') + 1).trim();
}
