/** `glovebox login`: a person logs in to a machine once, and unattended calls go over that connection. */
import { GloveboxError } from '#core/errors.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

export const login: CliCommand = {
  usage: 'login [host]',
  about:
    'Log in to a machine over SSH in this terminal, once. Glovebox then uses that connection, until 8 hours after its last use.',
  async run(context, command) {
    const host = command.args[0] ?? context.config.get('ssh.host');
    if (host === undefined) {
      throw new GloveboxError('input/invalid', 'There is no machine to log in to.', {
        hint: 'glovebox login HOST, or set GLOVEBOX_SSH_HOST.',
      });
    }
    const { wasOpen } = await context.host.logIn(context.config, host, context.signal);
    context.say(wasOpen ? `You are logged in to ${host} already.` : `Logged in to ${host}.`);
    if (context.json) context.printJson({ host, was_open: wasOpen });
    return EXIT.done;
  },
};
