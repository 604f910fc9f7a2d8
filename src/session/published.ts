/** What a program of ours published in a kernel: a display under a type of its own, which no notebook keeps. */
import type { Run } from './run.ts';

/** The first display of that type, as JSON; undefined when there is none. */
export function publishedBy(run: Run, mime: string): unknown {
  const [text] = run.collector.outputs.flatMap((output) =>
    output.output_type === 'display_data' ? [output.data[mime]] : [],
  );
  return typeof text === 'string' ? JSON.parse(text) : undefined;
}
