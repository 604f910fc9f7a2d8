/** `glovebox stop`: the end of a sandbox, in whatever state it is. */
import { throwIfAborted } from '#core/abort.ts';
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
      .option(
        '--force',
        'stop it also when its sessions cannot be ended and saved first, and, where it is named, one of another project',
      )
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
    // Force is for the one that is named, and not for whatever is found.
    const isNamed = !all && command.args[0] !== undefined;
    const manner = { host: context.host, force: force && isNamed };
    for (const { id } of views) await mayStop(id, services, person, manner);
    context.onInterruptSay(
      'Whether it has stopped is not known. glovebox status tells, glovebox stop tries again.',
    );
    const stopped: SandboxView[] = [];
    const failures: { readonly id: string; readonly error: unknown }[] = [];
    for (const { id } of views) {
      try {
        stopped.push(await stopOne(context, services, id, force));
      } catch (error) {
        throwIfAborted(context.signal);
        failures.push({ id, error });
      }
    }
    const [failure, ...others] = failures;
    if (failure !== undefined) {
      for (const { id, error } of others) context.say(`${id}: ${messageOf(error)}`);
      throw failure.error;
    }
    if (context.json) context.printJson({ stopped: stopped.map(sandboxJson) });
    else if (views.length === 0) context.print('Nothing is running.');
    return EXIT.done;
  },
};

async function stopOne(
  context: CommandContext,
  services: CliServices,
  sandboxId: string,
  force: boolean,
): Promise<SandboxView> {
  context.progress.report({ message: `stopping ${sandboxId}` });
  const sessions = await endSessions(context, services, sandboxId, force);
  const ended = await services.sandboxes.stop(sandboxId, context.signal);
  context.progress.clear();
  for (const { id, notebookPath } of sessions)
    context.say(`Session ${id} has ended; its notebook is saved: ${notebookPath}`);
  for (const note of ended.notes ?? []) context.say(note);
  if (!context.json) context.print(`Sandbox ${sandboxId} is gone.`);
  return ended;
}

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
