/** How a shell command ended, read from what its program published. */
import * as z from 'zod';
import type { CellOutput } from '#notebook/contract.ts';

/** The name in the metadata of its last output under which `python/shell.py` publishes the result. */
const FACTS = 'glovebox_shell';

const file = z.object({ path: z.string(), bytes: z.number() }).nullable();

const ended = z.object({
  exit_code: z.number().nullable(),
  signal: z.string().nullable(),
  ended_by: z.enum(['timeout', 'too-much-output', 'interrupt']).nullable().catch(null),
  background: z.boolean(),
  stdout: file,
  stderr: file,
  cwd: z.string(),
  seconds: z.number(),
});
const refused = z.object({ refused: z.string(), message: z.string() });

/** `refused`: nothing was started. Files hold all output; a stream that had none has no file. */
export type ShellResult = z.output<typeof ended> | z.output<typeof refused>;

/** `undefined` while the command runs, and when its end was not seen. */
export function shellResultOf(outputs: readonly CellOutput[]): ShellResult | undefined {
  for (const output of outputs) {
    if (output.output_type !== 'display_data') continue;
    const published = output.metadata[FACTS];
    if (published !== undefined) return z.union([refused, ended]).parse(published);
  }
  return undefined;
}

export const streamOf = (outputs: readonly CellOutput[], name: 'stdout' | 'stderr'): string =>
  outputs
    .map((output) => (output.output_type === 'stream' && output.name === name ? output.text : ''))
    .join('');
