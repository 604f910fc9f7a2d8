/** `glovebox stop`: the end of a sandbox, in whatever state it is. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { CliServices, SandboxView } from '../host.ts';
import { mayStop, personSaying, YES_HELP } from '../person.ts';
import { chooseSandbox, sandboxJson } from '../sandbox-choice.ts';

export const stop: CliCommand = {
  usage: 'stop [sandbox]',
  about: 'Stop a sandbox. Notebooks are saved first; all variables in its kernels are lost.',
  configure: (command) =>
    command
      .option('--all', 'every sandbox of this project')
      .option('--force', 'stop it also when its sessions cannot be ended and saved first')
      .option('--yes', YES_HELP),
  async run(context, command) {
    const {
      all = false,
      force = false,
      yes = false,
    } = command.opts<{
      readonly all?: boolean;
      readonly force?: boolean;
      readonly yes?: boolean;
    }>();
    const person = personSaying(yes, context);
    const services = await context.services();
    const views = await toStop(context, services, all, command.args[0]);
    for (const { id } of views) await mayStop(id, services, person);
    context.onInterruptSay(
      'Whether it has stopped is not known. glovebox status tells, glovebox stop tries again.',
    );
    const stopped: SandboxView[] = [];
    for (const view of views) {
      context.progress.report({ message: `stopping ${view.id}` });
      const sessions = await endSessions(context, services, view.id, force);
      const ended = await services.sandboxes.stop(view.id, context.signal);
      stopped.push(ended);
      context.progress.clear();
      for (const { id, notebookPath } of sessions)
        context.say(`Session ${id} has ended; its notebook is saved: ${notebookPath}`);
      for (const note of ended.notes ?? []) context.say(note);
      if (!context.json) context.print(`Sandbox ${view.id} is gone.`);
    }
    if (context.json) context.printJson({ stopped: stopped.map(sandboxJson) });
    else if (views.length === 0) context.print('Nothing is running.');
    return EXIT.done;
  },
};

async function endSessions(
  context: CommandContext,
  { sessions }: CliServices,
  id: string,
  force: boolean,
): Promise<Awaited<ReturnType<CliServices['sessions']['endAllIn']>>> {
  try {
    return await sessions.endAllIn(id);
  } catch (error) {
    if (!force) {
      throw new GloveboxError(
        'sandbox/stop-failed',
        `The sessions in ${id} cannot be ended, so it was not stopped: ${messageOf(error)}`,
        { hint: `glovebox stop ${id} --force stops it all the same.`, cause: error },
      );
    }
    context.say(`The sessions in ${id} could not be ended first: ${messageOf(error)}`);
    return [];
  }
}

async function toStop(
  context: CommandContext,
  services: CliServices,
  all: boolean,
  id: string | undefined,
): Promise<readonly SandboxView[]> {
  const { sandboxes, projectDir } = services;
  if (all) return sandboxes.list({ projectDir }, context.signal);
  const view = await chooseSandbox(services, id, context.signal);
  // One that ended is stopped again only when it is named: its back end may have something left to clear away.
  return view === undefined || (id === undefined && view.status.state === 'ended') ? [] : [view];
}
