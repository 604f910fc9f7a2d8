/** `glovebox sandboxes`: everything that runs, of all projects. */
import { parseTags, sandboxLine } from '#tools/sandbox-answers.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { sandboxJson } from '../sandbox-choice.ts';

export const sandboxes: CliCommand = {
  usage: 'sandboxes',
  about: 'List the sandboxes of all projects.',
  configure: (command) =>
    command
      .option('--all', 'also those that have ended')
      .option('--tag <name=value...>', 'only those that were asked for with this tag'),
  async run(context, command) {
    const { all = false, tag = [] } = command.opts<{
      readonly all?: boolean;
      readonly tag?: readonly string[];
    }>();
    const tags = parseTags(tag);
    const services = await context.services();
    context.progress.report({ message: 'asking the back ends' });
    const views = await services.sandboxes.list({ includeEnded: all, tags }, context.signal);
    const now = context.host.clock.now();
    if (context.json) context.printJson({ sandboxes: views.map(sandboxJson) });
    else if (views.length === 0) context.print('No sandbox is running.');
    else context.print(views.map((view) => sandboxLine(view, now)).join('\n'));
    return EXIT.done;
  },
};
