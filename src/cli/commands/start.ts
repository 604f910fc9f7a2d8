/** `glovebox start`: a sandbox, new or the one that lives. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { sandboxSummary } from '#tools/sandbox-answers.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT, exitCodeOfState, type ExitCode } from '../exit-codes.ts';
import type { CliServices, SandboxView } from '../host.ts';
import { sandboxJson } from '../sandbox-choice.ts';
import { parseSeconds, pause } from '../time.ts';
import { describeFlags, parseFlags } from '../tool-arguments.ts';

interface StartOptions {
  readonly backend?: string;
  readonly name?: string;
  readonly profile?: string;
  readonly waitS: string;
  readonly wait: boolean;
  readonly foreground?: boolean;
}

export const start: CliCommand = {
  usage: 'start [time]',
  about:
    "Start a sandbox, or show the project's local one that runs already. TIME limits its life, where the back end has limits.",
  configure: (command) =>
    command
      .option('--backend <name>', 'where it runs (GLOVEBOX_BACKEND, else local)')
      .option('--name <name>', 'a name of your own')
      .option('--profile <name>', 'options from [sandbox.NAME] of a glovebox.toml')
      .option('--wait-s <seconds>', 'how long to wait until it is ready', '300')
      .option('--no-wait', 'return as soon as it is asked for')
      .option('--foreground', 'stay, and stop the sandbox on Ctrl-C')
      .addHelpText('after', '\nOptions of a back end are flags as well; an unknown one lists them.')
      .allowUnknownOption()
      .allowExcessArguments(),
  async run(context, command) {
    const given = command.opts<StartOptions>();
    const services = await context.services();
    const request = await toRequest(context, services, given, command.args);
    context.onInterruptSay(
      'The sandbox is kept. glovebox start goes on with it, glovebox stop ends it.',
    );
    const view = await create(context, services, request, given);
    if (given.foreground === true && view.status.state !== 'ended')
      return stay(context, services, view);
    show(context, view);
    return exitCodeOfState(view.status.state);
  },
};

type Request = Parameters<CliServices['sandboxes']['create']>[0];

async function toRequest(
  { config, host }: CommandContext,
  { sandboxes, projectDir }: CliServices,
  given: StartOptions,
  words: readonly string[],
): Promise<Request> {
  const profile = given.profile === undefined ? undefined : config.profiles().get(given.profile);
  if (given.profile !== undefined && profile === undefined) {
    const known = [...config.profiles().keys()].join(', ');
    throw new GloveboxError('input/invalid', `There is no profile "${given.profile}".`, {
      hint:
        known === '' ? 'Write one as [sandbox.NAME] into glovebox.toml.' : `Profiles: ${known}.`,
    });
  }
  const { backend: profileBackend, ...profileOptions } = profile?.options ?? {};
  const wanted = given.backend ?? profileBackend;
  const backend = await sandboxes.backend(
    typeof wanted === 'string' ? wanted : sandboxes.defaultBackend(),
  );
  const { optionsSchema } = backend;
  const [first] = words;
  const time = first !== undefined && !first.startsWith('-') ? first : undefined;
  if (time !== undefined && !Object.hasOwn(optionsSchema.shape, 'time')) {
    throw new GloveboxError(
      'input/invalid',
      `The ${backend.id} back end takes no time limit, so "${time}" means nothing.`,
      {
        hint: `Its options:\n${describeFlags(optionsSchema)}`,
      },
    );
  }
  const flags = await parseFlags(
    words.slice(time === undefined ? 0 : 1),
    optionsSchema,
    host.readStdin,
  );
  const options = { ...profileOptions, ...(time !== undefined && { time }), ...flags };
  backend.checkOptions(options);
  return {
    backend: backend.id,
    projectDir,
    options,
    ...(given.name !== undefined && { name: given.name }),
  };
}

/** A failed start is thrown, with the last lines of the log in its text. */
async function create(
  context: CommandContext,
  services: CliServices,
  request: Request,
  given: StartOptions,
): Promise<SandboxView> {
  const { sandboxes } = services;
  if (given.wait)
    return sandboxes.create(request, context.wait(parseSeconds('--wait-s', given.waitS)));
  // What is being prepared here would be given up at the end of this process; what was asked for goes on by itself.
  const asked = await sandboxes.create(request, context.wait(0));
  let view = asked;
  while (view.status.state === 'preparing') view = await sandboxes.wait(view.id, context.wait(200));
  return view;
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
  const { sandboxes, sessions } = services;
  context.onInterruptSay(`Sandbox ${view.id} was stopped.`);
  show(context, view);
  context.say('Ctrl-C stops it.');
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
    await sessions.endAllIn(view.id);
    await sandboxes.stop(view.id, new AbortController().signal);
    throw error;
  }
}
