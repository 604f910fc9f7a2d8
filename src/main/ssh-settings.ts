/** How Glovebox uses OpenSSH for a destination. The command line and the back ends must agree, since they share connections. */
import path from 'node:path';
import type { Config } from '#config/config.ts';
import type { Environment } from '#platform/environment.ts';
import type { SshSettings } from '#platform/ssh-options.ts';

export function sshSettings(config: Config, env: Environment, destination: string): SshSettings {
  return { destination, controlFolder: path.join(config.get('dir'), 'ssh'), env };
}
