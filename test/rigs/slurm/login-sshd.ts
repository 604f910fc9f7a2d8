/** An sshd on the login node of a test cluster and on its nodes, and a laptop whose user can log in there with a key. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Layout } from './layout.ts';

export const SSHD = '/usr/sbin/sshd';
export const LOGIN_ADDRESS = '10.78.0.1';

/**
 * Writes keys and configuration of both sides and returns the argv of the server, which an address completes. On the laptop the host is called `cluster`,
 * nodes by their names. Logins have the cluster's commands on their PATH.
 */
export function prepareSshd({ dir, laptopHome, uid, user, env, nodes }: Layout): readonly string[] {
  const server = path.join(dir, 'ssh');
  const client = path.join(laptopHome, '.ssh');
  for (const folder of [server, client]) mkdirSync(folder, { mode: 0o755 });
  // Where privileges are separated it wants this folder, which its package makes at boot.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const keyOf = (file: string): string => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file], { stdio: 'ignore' });
    return execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' });
  };
  const hostKey = keyOf(path.join(server, 'hostkey'));
  writeFileSync(path.join(server, 'authorized_keys'), keyOf(path.join(client, 'id_ed25519')));
  const hosts = [LOGIN_ADDRESS, ...nodes.map(({ name }) => name)];
  writeFileSync(path.join(client, 'known_hosts'), hosts.map((on) => `${on} ${hostKey}`).join(''));
  writeFileSync(
    path.join(client, 'config'),
    [
      'Host cluster',
      `HostName ${LOGIN_ADDRESS}`,
      'Host *',
      `User ${user}`,
      `IdentityFile ${client}/id_ed25519`,
      `UserKnownHostsFile ${client}/known_hosts`,
      '',
    ].join('\n'),
  );
  for (const name of readdirSync(client)) {
    chmodSync(path.join(client, name), 0o600);
    chownSync(path.join(client, name), uid, uid);
  }
  chownSync(client, uid, uid);
  const configuration = path.join(server, 'sshd_config');
  writeFileSync(
    configuration,
    [
      `HostKey ${server}/hostkey`,
      'PidFile none',
      `AuthorizedKeysFile ${server}/authorized_keys`,
      `SetEnv PATH=${env['PATH'] ?? ''} SLURM_CONF=${env['SLURM_CONF'] ?? ''}`,
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      '',
    ].join('\n'),
  );
  return [SSHD, '-D', '-e', '-f', configuration];
}

export const listeningOn = (argv: readonly string[], address: string): readonly string[] => [
  ...argv,
  '-o',
  `ListenAddress=${address}:22`,
];
