/** `glovebox login`: opens the shared SSH connection to a cluster in this terminal, where a second factor can be typed. */
import { GloveboxError } from '#core/errors.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

export const login: CliCommand = {
  usage: 'login [host]',
  about:
    'Log in to a cluster over SSH, with whatever it asks for. The connection is kept for 8 hours of disuse, and everything else goes over it.',
  async run(context, command) {
    const [given] = command.args;
    const host = given ?? context.config.get('slurm.ssh_host');
    if (host === undefined) {
      throw new GloveboxError('input/invalid', 'No host is named.', {
        hint: 'glovebox login HOST, with a name from ~/.ssh/config; or set GLOVEBOX_SSH_HOST.',
      });
    }
    if (host.startsWith('-'))
      throw new GloveboxError('input/invalid', `"${host}" is no name of a host.`);
    context.onInterruptSay(`glovebox login ${host} tries again.`);
    const { hostname, user, wasOpen } = await context.host.logIn(
      context.config,
      host,
      context.signal,
    );
    if (context.json) context.printJson({ host, hostname, user, was_open: wasOpen });
    else {
      const reached = `${user}@${hostname}`;
      context.print(wasOpen ? `Logged in already: ${reached}` : `Logged in: ${reached}`);
    }
    return EXIT.done;
  },
};
