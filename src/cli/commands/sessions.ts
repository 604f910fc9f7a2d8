/** `glovebox sessions`: the project's sessions. */
import { sessionLine } from '#tools/answers.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { sessionJson } from '../session-json.ts';

export const sessions: CliCommand = {
  usage: 'sessions',
  about: "List the project's sessions with their runs.",
  configure: (command) => command.option('--all', 'also those that were shut down'),
  async run(context, command) {
    const { all = false } = command.opts<{ readonly all?: boolean }>();
    const services = await context.services();
    const views = await services.sessions.list(all);
    if (context.json) context.printJson({ sessions: views.map(sessionJson) });
    else if (views.length === 0) context.print('No sessions in this project.');
    else context.print(views.map(sessionLine).join('\n'));
    return EXIT.done;
  },
};
