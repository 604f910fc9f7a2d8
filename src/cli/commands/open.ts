/** `glovebox open`: JupyterLab in the browser, signed in. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { CliServices } from '../host.ts';
import { chooseSandbox, noSandbox } from '../sandbox-choice.ts';

export const open: CliCommand = {
  usage: 'open [session]',
  about:
    "Open a session's notebook, or a sandbox's JupyterLab, in the browser. The token is only in a private page.",
  configure: (command) =>
    command
      .option(
        '--port <port>',
        "a port inside instead, of those in the sandbox's option ports",
        Number,
      )
      .option('--print', 'print the path of the page instead of opening it'),
  async run(context, command) {
    const { print = false, port } = command.opts<{
      readonly print?: boolean;
      readonly port?: number;
    }>();
    const services = await context.services();
    const target = await toTarget(services, command.args[0], context.signal);
    if (target === undefined) throw noSandbox('Nothing is running.');
    const { sandboxId, notebook } = target;
    const { waysIn } = services.sandboxes;
    const { page, view } =
      port === undefined
        ? await waysIn.openPage(sandboxId, notebook, context.signal)
        : await waysIn.openPort(sandboxId, port, context.signal);
    const opened = !print && !context.json && (await context.host.openInBrowser(page));
    if (context.json) context.printJson({ page, sandbox_id: target.sandboxId });
    else if (opened) context.say(`Opened ${page}`);
    else {
      if (!print) context.say('There is no browser here. Open this file in one on this machine:');
      context.print(page);
    }
    if (view !== undefined) await keepOpen(view, target.sandboxId, services, context);
    return EXIT.done;
  },
};

/** How often it is asked whether there is still something to see. */
const LOOK_MS = 30_000;

/** Until Ctrl-C, or until the sandbox has ended. */
async function keepOpen(
  view: { close(): void },
  sandboxId: string,
  { sandboxes }: CliServices,
  context: CommandContext,
): Promise<void> {
  const { signal } = context;
  context.say(
    'The browser gets there through this command, with headers that it cannot send itself. Ctrl-C ends the view; kernels live on.',
  );
  try {
    while (!signal.aborted) {
      await pause(context);
      // Who cannot be asked now may be asked again.
      const now = await sandboxes.get(sandboxId, signal).catch(() => undefined);
      if (now?.status.state !== 'ended') continue;
      context.say(`Sandbox ${sandboxId} has ended, and the view with it.`);
      return;
    }
  } finally {
    view.close();
  }
}

function pause({ host, signal }: CommandContext): Promise<void> {
  return new Promise((resolve) => {
    const cancel = host.clock.after(LOOK_MS, resolve);
    const end = (): void => {
      cancel();
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}

/** A session by id or notebook, a sandbox by id, else the project's newest session, else its sandbox. */
async function toTarget(
  services: CliServices,
  name: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly sandboxId: string; readonly notebook: string } | undefined> {
  const sessions = await services.sessions.list(false);
  const session =
    name === undefined
      ? sessions.at(-1)
      : sessions.find(
          ({ id, notebookPath }) =>
            id === name || notebookPath === path.resolve(services.projectDir, name),
        );
  if (session !== undefined) {
    const { serverRootDir } = await services.sandboxes.get(session.sandboxId, signal);
    const below =
      serverRootDir === undefined ? '' : path.relative(serverRootDir, session.notebookPath);
    const notebook = session.copyPath ?? below;
    return {
      sandboxId: session.sandboxId,
      notebook: notebook.startsWith('..') ? '' : notebook.split(path.sep).join('/'),
    };
  }
  if (name?.endsWith('.ipynb') === true || name?.startsWith('s-') === true) {
    throw new GloveboxError('session/unknown', `There is no session "${name}".`, {
      hint: 'glovebox sessions lists those there are; glovebox open alone opens the newest.',
    });
  }
  const sandbox = await chooseSandbox(services, name, signal);
  return sandbox === undefined || sandbox.status.state === 'ended'
    ? undefined
    : { sandboxId: sandbox.id, notebook: '' };
}
