/** `glovebox logs`: what a sandbox wrote to its log. */
import { GloveboxError } from '#core/errors.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { chooseSandbox, noSandbox } from '../sandbox-choice.ts';
import { pause } from '../time.ts';

const FOLLOW_LINES = 500;

export const logs: CliCommand = {
  usage: 'logs [sandbox]',
  about: 'Print the log of a sandbox.',
  configure: (command) =>
    command
      .option('-n, --lines <count>', 'how many lines from the end', '100')
      .option('-f, --follow', 'go on with new lines until Ctrl-C'),
  async run(context, command) {
    const { lines, follow = false } = command.opts<{
      readonly lines: string;
      readonly follow?: boolean;
    }>();
    const count = toCount(lines);
    const services = await context.services();
    const view = await chooseSandbox(services, command.args[0], context.signal);
    if (view === undefined) throw noSandbox('No sandbox has been started in this project.');
    const { sandboxes } = services;
    let seen = await sandboxes.logs(view.id, count, context.signal);
    if (context.json) context.printJson({ sandbox_id: view.id, lines: seen });
    else for (const line of seen) context.print(line);
    if (!follow || context.json) return EXIT.done;
    for (;;) {
      await pause(context, 1000);
      if (context.signal.aborted) return EXIT.interrupted;
      const now = await sandboxes.logs(view.id, FOLLOW_LINES, context.signal);
      for (const line of newLines(seen, now)) context.print(line);
      seen = now;
    }
  },
};

function toCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new GloveboxError('input/invalid', `--lines is "${text}", which is no number of lines.`);
}

/** The lines of `now` after the end of `seen`: the longest tail of `seen` that `now` contains, at its earliest place. */
export function newLines(seen: readonly string[], now: readonly string[]): readonly string[] {
  if (seen.length === 0) return now;
  for (let start = now.length; start > 0; start -= 1) {
    const tail = seen.slice(-start);
    if (tail.every((line, index) => line === now[start - tail.length + index]))
      return now.slice(start);
  }
  return now;
}
