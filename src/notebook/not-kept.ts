/** Reads what our Jupyter server says in the place of output that it did not keep while no client was connected: see `python/offline_buffer.py`. */
import { isRecord } from '#core/json.ts';
import { renderBytes } from '#core/units.ts';

interface Message {
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const countsOf = ({ metadata }: Message): unknown => metadata?.['glovebox_not_kept'];

/** Whether the message, a stream, stands for others. */
export const standsForOthers = (message: Message): boolean => isRecord(countsOf(message));

/** What a reader of the run has to know; undefined for any other message. */
export function notKeptNotice(message: Message): string | undefined {
  const counts = countsOf(message);
  if (!isRecord(counts)) return undefined;
  const count = (name: string): number => {
    const value = counts[name];
    return typeof value === 'number' ? value : 0;
  };
  const parts = [
    [count('text_bytes'), `${renderBytes(count('text_bytes'))} of text (${count('lines')} lines)`],
    [count('displays'), `${count('displays')} displays`],
    [count('updates'), `${count('updates')} updates of displays or widgets`],
  ] as const;
  const what = parts.flatMap(([number, words]) => (number > 0 ? [words] : [])).join(', ');
  return (
    `Not all of its output was kept: ${what} came while no client was connected to the kernel, for which its Jupyter server ` +
    `holds ${renderBytes(count('limit_bytes'))}. The output says where it is missing. Write so much to a file instead.`
  );
}
