/** `glovebox wait`: until a sandbox is ready, has ended, or the time is over. */
import { sandboxSummary } from '#tools/sandbox-answers.ts';
import { WITHOUT_LIMIT_MS, type CliCommand } from '../command.ts';
import { exitCodeOfState } from '../exit-codes.ts';
import { chooseSandbox, noSandbox, sandboxJson } from '../sandbox-choice.ts';
import { parseSeconds } from '../time.ts';

export const wait: CliCommand = {
  usage: 'wait [sandbox]',
  about: 'Wait until a sandbox is ready, or say why it is not.',
  configure: (command) =>
    command.option('--timeout <seconds>', 'give up waiting after this long (default: never)'),
  async run(context, command) {
    const { timeout } = command.opts<{ readonly timeout?: string }>();
    const limitMs = timeout === undefined ? WITHOUT_LIMIT_MS : parseSeconds('--timeout', timeout);
    const services = await context.services();
    const found = await chooseSandbox(services, command.args[0], context.signal);
    if (found === undefined) throw noSandbox('There is no sandbox to wait for.');
    context.onInterruptSay(`The sandbox is kept. glovebox wait ${found.id} goes on waiting.`);
    const view = await services.sandboxes.wait(found.id, context.wait(limitMs));
    if (context.json) context.printJson(sandboxJson(view));
    else context.print(sandboxSummary(view, context.host.clock.now()));
    return exitCodeOfState(view.status.state);
  },
};
