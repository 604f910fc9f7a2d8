/** A real sshd on a loopback port with keys and configuration of its own, and a way to make it fail as login nodes do. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from '#platform/ports.ts';
import { identityOf } from '#platform/process-identity.ts';
import { argumentsOf, descendantsOf } from '#platform/process-list.ts';
import { endProcessesNaming } from './processes.ts';
import { isMissing } from './require.ts';
import { killMarked, MARK, startReaper } from './reaper.mjs';

export interface SshdOptions {
  /** More lines of the server's configuration, before ours: the first one wins. */
  readonly server?: readonly string[];
  /** Variables of every session, blanks excluded. */
  readonly env?: Readonly<Record<string, string>>;
  /** More lines of the client's configuration for the host `cluster`. */
  readonly client?: readonly string[];
  /** The login shell of the user. Default `/bin/bash`. */
  readonly shell?: string;
}

export interface Sshd {
  /** The host alias in `configFile`. */
  readonly destination: 'cluster';
  readonly configFile: string;
  /** For shared connections; short enough for a socket. */
  readonly controlFolder: string;
  readonly folder: string;
  /** The home folder of whoever logs in. */
  readonly home: string;
  readonly port: number;
  /** Printed on stdout by every login from now on. */
  banner(text: string): Promise<void>;
  /** Kills the server and every connection, as a machine that goes down does. Idempotent. */
  kill(): Promise<void>;
  /** Starts it again, with the same port and, unless told, the same host key. */
  start(options?: { readonly newHostKey?: boolean }): Promise<void>;
  /** Stops server and connections in their tracks, as a network that swallows everything. */
  freeze(): void;
  thaw(): void;
  /** Tells the client the server's host key. */
  trust(): Promise<void>;
  /** How many logins there have been. */
  logins(): number;
  /** How many sessions are open now: processes that a login started. */
  sessions(): number;
  /** Ends everything, shared connections too, and removes the folder. */
  stop(): Promise<void>;
}

const SERVER = '/usr/sbin/sshd';
/** Ends the server and its connections when this process is gone, however that came about: sshd hides its environment. */
const GUARD = '"$@" & trap "" HUP INT TERM; read -r _; pkill -KILL -P $!; kill -KILL $!';
let reaper: ReturnType<typeof startReaper> | undefined;

export const sshdIsMissing = (): boolean =>
  isMissing('An SSH server', existsSync(SERVER), 'apt-get install openssh-server openssh-client');

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  // A socket's path is at most 107 bytes long, so not below a long TMPDIR.
  const folder = await mkdtemp('/tmp/gb-sshd-');
  const home = path.join(folder, 'home');
  const controlFolder = path.join(folder, 'c');
  const configFile = path.join(folder, 'config');
  const bannerFile = path.join(folder, 'banner');
  const port = await findFreePort('127.0.0.1');
  const mark = randomUUID();
  reaper ??= startReaper();
  reaper.watch(mark);
  await mkdir(home, { mode: 0o700 });
  await writeFile(bannerFile, '');
  await writeKey(path.join(folder, 'hostkey'));
  await writeKey(path.join(folder, 'key'));
  await writeFile(
    path.join(folder, 'authorized_keys'),
    await readFile(path.join(folder, 'key.pub')),
  );
  const login = path.join(folder, 'login');
  await writeFile(login, loginScript({ bannerFile, shell: options.shell ?? '/bin/bash' }));
  await chmod(login, 0o755);
  // The shell that sshd starts reads files of the home folder too.
  const env = { [MARK]: mark, HOME: home, ...options.env };
  const serverFile = path.join(folder, 'sshd_config');
  await writeFile(serverFile, serverConfig({ folder, port, env, login, more: options.server }));
  await writeFile(configFile, clientConfig({ folder, port, more: options.client }));
  await trustHostKey(folder, port);

  let server: ChildProcess | undefined;
  const start: Sshd['start'] = async ({ newHostKey = false } = {}) => {
    if (newHostKey) await writeKey(path.join(folder, 'hostkey'));
    // Where privileges are separated, as for root, it wants this folder, which its package makes at boot.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const words = [SERVER, '-D', '-f', serverFile, '-E', path.join(folder, 'sshd.log')];
    server = spawn('sh', ['-c', GUARD, 'sh', ...words], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'] },
    });
    server.stdin?.on('error', () => undefined);
    await listens(port).catch(async (error: unknown) => {
      const log = await readFile(path.join(folder, 'sshd.log'), 'utf8').catch(() => '');
      throw new Error(`sshd did not start: ${log}`, { cause: error });
    });
  };
  const kill = async (): Promise<void> => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const all = family(server.pid);
    const exited = once(server, 'exit');
    server.stdin?.end();
    await exited;
    await killAll(all);
  };
  const stop = async (): Promise<void> => {
    await kill();
    killMarked(mark);
    // Shared connections name their socket.
    await endProcessesNaming(folder);
    reaper?.forget(mark);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    destination: 'cluster',
    configFile,
    controlFolder,
    folder,
    home,
    port,
    banner: (text) => writeFile(bannerFile, text),
    kill,
    start,
    freeze: () => signalServers(server?.pid, 'SIGSTOP'),
    thaw: () => signalServers(server?.pid, 'SIGCONT'),
    trust: () => trustHostKey(folder, port),
    logins: () =>
      readFileSync(path.join(folder, 'sshd.log'), 'utf8').split('Accepted publickey').length - 1,
    sessions: () => sessionLeaders(server?.pid).length,
    stop,
  };
}

async function writeKey(file: string): Promise<void> {
  await rm(file, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file], { stdio: 'ignore' });
}

async function trustHostKey(folder: string, port: number): Promise<void> {
  const key = await readFile(path.join(folder, 'hostkey.pub'), 'utf8');
  await writeFile(path.join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${key}`);
}

/** Runs what was asked for in the shell that the user is said to have, in a home folder of the test. */
function loginScript(wanted: { readonly bannerFile: string; readonly shell: string }): string {
  return [
    '#!/bin/sh',
    `SHELL=${wanted.shell}; export SHELL; cd`,
    `cat ${wanted.bannerFile}`,
    'exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"',
    '',
  ].join('\n');
}

function serverConfig(wanted: {
  readonly folder: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly login: string;
  readonly more: readonly string[] | undefined;
}): string {
  const { folder } = wanted;
  return [
    ...(wanted.more ?? []),
    `ListenAddress 127.0.0.1:${wanted.port}`,
    `HostKey ${folder}/hostkey`,
    `PidFile ${folder}/sshd.pid`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    `ForceCommand ${wanted.login}`,
    `SetEnv ${Object.entries(wanted.env)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'StrictModes no',
    'PrintMotd no',
    'MaxStartups 100',
    '',
  ].join('\n');
}

function clientConfig(wanted: {
  readonly folder: string;
  readonly port: number;
  readonly more: readonly string[] | undefined;
}): string {
  return [
    // By its address too, for those who are told that.
    'Host cluster 127.0.0.1',
    ...(wanted.more ?? []),
    'HostName 127.0.0.1',
    `Port ${wanted.port}`,
    `User ${userInfo().username}`,
    `IdentityFile ${wanted.folder}/key`,
    'IdentitiesOnly yes',
    `UserKnownHostsFile ${wanted.folder}/known_hosts`,
    'GlobalKnownHostsFile /dev/null',
    '',
  ].join('\n  ');
}

async function listens(port: number): Promise<void> {
  const limit = performance.now() + 20_000;
  for (;;) {
    const answered = await new Promise<boolean>((resolve) => {
      const probe = connect(port, '127.0.0.1');
      probe.once('connect', () => {
        probe.destroy();
        resolve(true);
      });
      probe.once('error', () => resolve(false));
    });
    if (answered) return;
    if (performance.now() > limit) throw new Error('it does not listen');
    await delay(20);
  }
}

function family(pid: number | undefined): readonly number[] {
  return pid === undefined ? [] : descendantsOf(pid).map((row) => row.pid);
}

function servers(pid: number | undefined): readonly number[] {
  const isServer = (one: number): boolean => argumentsOf(one)[0]?.startsWith('sshd') === true;
  return family(pid).filter(isServer);
}

function signalServers(pid: number | undefined, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const one of servers(pid)) process.kill(one, signal);
}

/** Processes that a connection started, as against the connections themselves. */
function sessionLeaders(pid: number | undefined): readonly number[] {
  if (pid === undefined) return [];
  const known = new Set(servers(pid));
  return descendantsOf(pid)
    .filter((row) => known.has(row.parentPid) && !known.has(row.pid) && row.state !== 'zombie')
    .map((row) => row.pid);
}

async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended meanwhile
    }
  }
  while (pids.some((pid) => identityOf(pid) !== undefined)) await delay(10);
}
