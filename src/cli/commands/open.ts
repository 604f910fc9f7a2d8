/** `glovebox open`: JupyterLab in the browser, signed in. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { CliServices } from '../host.ts';
import { chooseSandbox, noSandbox } from '../sandbox-choice.ts';

export const open: CliCommand = {
  usage: 'open [session]',
  about:
    "Open a session's notebook, or a sandbox's JupyterLab, in the browser. The token is only in a private page.",
  configure: (command) =>
    command.option('--print', 'print the path of the page instead of opening it'),
  async run(context, command) {
    const { print = false } = command.opts<{ readonly print?: boolean }>();
    const services = await context.services();
    const target = await toTarget(services, command.args[0], context.signal);
    if (target === undefined) throw noSandbox('Nothing is running.');
    const page = await services.sandboxes.openPage(
      target.sandboxId,
      target.notebook,
      context.signal,
    );
    const opened = !print && !context.json && (await context.host.openInBrowser(page));
    if (context.json) context.printJson({ page, sandbox_id: target.sandboxId });
    else if (opened) context.say(`Opened ${page}`);
    else {
      if (!print) context.say('There is no browser here. Open this file in one on this machine:');
      context.print(page);
    }
    return EXIT.done;
  },
};

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
