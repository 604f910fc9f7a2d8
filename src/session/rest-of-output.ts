/** What a run prints beyond what its notebook takes, as it comes, for somebody who prints all of it and keeps nothing. */
import type { CellOutput } from '#notebook/contract.ts';
import {
  createOutputCollector,
  type OutputCollector,
  type OutputMessage,
} from '#notebook/output-collector.ts';

export interface RestReader {
  /** The limit is reached. @param kept what stands before it; it does not change any more */
  begin(kept: readonly CellOutput[]): void;
  /** Everything from there on, in order: text as it was printed, and displays and errors, whether they are kept or not. */
  output(output: CellOutput): void;
}

/** @returns to be called with each message after `collector` has taken it in */
export function restFollower(
  collector: OutputCollector,
  reader: RestReader,
): (message: OutputMessage) => void {
  let droppedBefore = collector.droppedBytes;
  let hasBegun = false;
  return (message) => {
    const dropped = collector.droppedBytes - droppedBefore;
    droppedBefore = collector.droppedBytes;
    if (hasBegun) return outputsIn(message).forEach((output) => reader.output(output));
    if (dropped <= 0) return undefined;
    hasBegun = true;
    // The last one says that something is left out.
    reader.begin(collector.outputs.slice(0, -1));
    return outputsIn(message).forEach((output) => reader.output(lastBytes(output, dropped)));
  };
}

function outputsIn(message: OutputMessage): readonly CellOutput[] {
  const { name, text } = message.content;
  // Not read as a terminal would: whoever prints it has one, or wants it as it is.
  if (message.type === 'stream')
    return [
      { output_type: 'stream', name: name === 'stderr' ? 'stderr' : 'stdout', text: wholeOf(text) },
    ];
  const one = createOutputCollector();
  one.add(message);
  return one.outputs;
}

const wholeOf = (text: unknown): string =>
  Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';

/** The end of a text, whose beginning still had room. */
const lastBytes = (output: CellOutput, bytes: number): CellOutput =>
  output.output_type === 'stream'
    ? { ...output, text: Buffer.from(output.text).subarray(-bytes).toString() }
    : output;
