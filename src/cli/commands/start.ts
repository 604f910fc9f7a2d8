/** `glovebox start`: a sandbox, new or the one that lives. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { admitWith } from '#tools/sandbox-admission.ts';
import { sandboxSummary } from '#tools/sandbox-answers.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT, exitCodeOfState, type ExitCode } from '../exit-codes.ts';
import type { CliServices, SandboxView } from '../host.ts';
import { sandboxJson } from '../sandbox-choice.ts';
import { APPROVE_MAX_HELP, mayStop, personOf } from '../person.ts';
import { makeRequest, type StartRequest, type WantedSandbox } from '../start-request.ts';
import {
  countIn,
  firstWaitMs,
  followOn,
  startSeveral,
  type SeveralFlags,
} from '../start-several.ts';
import { pause } from '../time.ts';

interface StartOptions extends WantedSandbox, SeveralFlags {
  readonly foreground?: boolean;
  readonly approveMaxUsd?: string;
}

export const start: CliCommand = {
  usage: 'start [time]',
  about:
    "Start a sandbox, or go on with the project's own that is queued or runs already. TIME limits its life, where the back end has limits.",
  configure: (command) =>
    command
      .option('--backend <name>', 'where it runs (GLOVEBOX_BACKEND, else local)')
      .option('--name <name>', 'a name of your own')
      .option('--profile <name>', 'options from [sandbox.NAME] of a glovebox.toml')
      .option('--config <file>', 'options from a JSON file, as Sandbox.create takes them')
      .option(
        '--wait-s <seconds>',
        'how long to wait until it is ready (default: GLOVEBOX_QUEUE_TIMEOUT for the queue, then until it answers)',
      )
      .option('--no-wait', 'return as soon as it is asked for')
      .option('--takeover', 'stop the sandbox that this project has on another back end')
      .option('--approve-max-usd <dollars>', APPROVE_MAX_HELP)
      .option('--count <number>', 'so many at once, called NAME-1 and so on')
      .option('--all-or-nothing', 'with --count: when one fails, end the others')
      .option('--foreground', 'stay, and stop the sandbox on Ctrl-C')
      .addHelpText('after', '\nOptions of a back end are flags as well; an unknown one lists them.')
      .allowUnknownOption()
      .allowExcessArguments(),
  async run(context, command) {
    const given = command.opts<StartOptions>();
    const services = await context.services();
    const person = personOf(context, given.approveMaxUsd);
    const count = countIn(given);
    const wanted = await makeRequest(context, services, given, command.args, person);
    const admit = admitWith(person, services.policy, (note) => {
      if (note !== undefined) context.say(note);
    });
    if (count > 1) return startSeveral(context, services, { ...wanted, count }, given, person);
    const request = { ...wanted, admit };
    context.onInterruptSay(
      'The sandbox is kept. glovebox start goes on with it, glovebox stop ends it.',
    );
    const view = await create(context, services, request, given);
    if (given.foreground === true && view.status.state !== 'ended') {
      // Ctrl-C ends it, also where it was there before.
      await mayStop(view.id, services, person, context);
      return stay(context, services, view);
    }
    show(context, view);
    return exitCodeOfState(view.status.state);
  },
};

/** A failed start is thrown, with the last lines of the log in its text. */
async function create(
  context: CommandContext,
  services: CliServices,
  request: StartRequest,
  given: StartOptions,
): Promise<SandboxView> {
  const view = await services.sandboxes.create(request, context.wait(firstWaitMs(context, given)));
  return followOn(context, services, view, given);
}

function show(context: CommandContext, view: SandboxView): void {
  const nowMs = context.host.clock.now();
  if (context.json) return context.printJson(sandboxJson(view));
  context.print(sandboxSummary(view, nowMs));
  const age = nowMs - view.createdMs;
  if (view.status.state === 'ready' && age > 60_000)
    context.say(`It runs already, since ${renderDuration(age)}.`);
  const next = view.backend === 'local' ? 'glovebox start' : `glovebox wait ${view.id}`;
  if (exitCodeOfState(view.status.state) === EXIT.pending) {
    context.say(`Nothing is lost. ${next} goes on waiting, glovebox stop ${view.id} ends it.`);
  }
  return undefined;
}

async function stay(
  context: CommandContext,
  services: CliServices,
  view: SandboxView,
): Promise<ExitCode> {
  const { sandboxes } = services;
  show(context, view);
  context.say('Ctrl-C stops it.');
  context.onInterruptSay(
    `Whether sandbox ${view.id} has stopped is not known. glovebox status tells, glovebox stop ${view.id} tries again.`,
  );
  try {
    for (;;) {
      throwIfAborted(context.signal);
      const { status } = await sandboxes.get(view.id, context.signal);
      if (status.state === 'ended') {
        context.say(`It has ended: ${status.end?.message ?? 'no reason known'}`);
        return EXIT.failed;
      }
      await pause(context, 2000);
    }
  } catch (error) {
    if (!isGloveboxError(error, 'cancelled')) throw error;
    context.onInterruptSay(await endStay(view.id, services));
    throw error;
  }
}

/** @returns what became of it: after Ctrl-C nothing else is told. */
async function endStay(id: string, { sandboxes, sessions }: CliServices): Promise<string> {
  try {
    await sessions.endAllIn(id);
  } catch (error) {
    return `Sandbox ${id} lives on: its sessions cannot be ended (${messageOf(error)}). glovebox stop ${id} --force stops it all the same.`;
  }
  try {
    await sandboxes.stop(id, new AbortController().signal);
    return `Sandbox ${id} was stopped.`;
  } catch (error) {
    return `${messageOf(error)} glovebox stop ${id} tries again.`;
  }
}
