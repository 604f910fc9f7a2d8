/** What a shared SSH connection does when login nodes and networks fail (S19 to S23). */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Host } from '#platform/host.ts';
import { openMaster } from '#platform/ssh-control.ts';
import { createSshHost } from '#platform/ssh-host.ts';
import { findRoute, type SshSettings } from '#platform/ssh-options.ts';
import { sshdIsMissing, startSshd, type Sshd, type SshdOptions } from '../rigs/sshd.ts';

const quick = { timeoutMs: 30_000 };

let sshd: Sshd;
afterEach(() => sshd.stop());

async function start(options: SshdOptions = {}): Promise<Host> {
  sshd = await startSshd(options);
  return createSshHost(settings());
}

const settings = (changes: Partial<SshSettings> = {}): SshSettings => ({
  destination: sshd.destination,
  configFile: sshd.configFile,
  controlFolder: sshd.controlFolder,
  env: process.env,
  ...changes,
});

/** The number of the process that holds the shared connection. */
async function masterPid(): Promise<number> {
  const { controlPath } = await findRoute(settings());
  const socket = controlPath.replaceAll('%', '%%');
  const output = execFileSync('sh', ['-c', 'ssh -S "$0" -O check x 2>&1', socket], {
    encoding: 'utf8',
  });
  return Number(/pid=(\d+)/.exec(output)?.[1]);
}

const fileText = (name: string): Promise<string> =>
  readFile(path.join(sshd.home, name), 'utf8').catch(() => '');

describe.skipIf(sshdIsMissing())('one shared connection', () => {
  test('S2: what login files print on either output is no part of a result', async () => {
    const host = await start();
    await sshd.banner('*** Welcome! ***\nno newline at the end');
    await writeFile(path.join(sshd.home, '.bashrc'), 'echo noise >&2; echo noise\n');
    expect(await host.run(['sh', '-c', 'echo out; echo err >&2'], quick)).toEqual({
      code: 0,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    const { stream } = await host.open(['printf', 'first'], {});
    expect((await stream.setEncoding('utf8').toArray()).join('')).toBe('first');
  });

  test('S2: tools that only a login shell knows are found through one, and only then', async () => {
    const host = await start();
    const tools = path.join(sshd.home, 'slurm', 'bin');
    await mkdir(tools, { recursive: true });
    await writeFile(path.join(tools, 'sitetool'), '#!/bin/sh\nprintf "[%s]" "$@"\n', {
      mode: 0o755,
    });
    const profile = 'echo "profile of the site"; export PATH="$HOME/slurm/bin:$PATH" PROFILE=read';
    await writeFile(path.join(sshd.home, '.bash_profile'), `${profile}\n`);
    const { stdout } = await host.run(['sitetool', "it's", '$HOME', 'two\nlines'], quick);
    expect(stdout).toBe("[it's][$HOME][two\nlines]");
    const plain = await host.run(['sh', '-c', 'echo "${PROFILE:-not read}"'], quick);
    expect(plain.stdout).toBe('not read\n');
  });

  test('S20: one login serves every call, and the next process too', async () => {
    const host = await start();
    await host.run(['true'], quick);
    const pid = await masterPid();
    expect(pid).toBeGreaterThan(0);
    await Promise.all([host.run(['true'], quick), host.run(['true'], quick)]);
    await createSshHost(settings()).run(['true'], quick);
    expect(await masterPid()).toBe(pid);
    expect(sshd.logins()).toBe(1);
    expect((await stat(sshd.controlFolder)).mode & 0o777).toBe(0o700);
  });

  test('S22, X132: of 11 calls at a time at most 6 have a session, and all are answered', async () => {
    const host = await start({ server: ['MaxSessions 6'] });
    const script = 'touch "$0.$1"; ls -d "$0".* | wc -l; sleep 0.3; rm "$0.$1"';
    const at = path.join(sshd.home, 'running');
    const calls = Array.from({ length: 11 }, (_, index) =>
      host.run(['sh', '-c', script, at, String(index)], quick),
    );
    const counts = (await Promise.all(calls)).map(({ stdout }) => Number(stdout));
    expect(Math.max(...counts)).toBeLessThanOrEqual(6);
    expect(Math.max(...counts)).toBeGreaterThan(1);
    expect(sshd.logins()).toBe(1);
  });

  test('S22: a session that the server refuses waits for a free one, without another login', async () => {
    const host = await start({ server: ['MaxSessions 1'] });
    const other = createSshHost(settings());
    const first = host.run(['sh', '-c', 'touch started; sleep 1; echo first'], quick);
    await expect.poll(() => existsSync(path.join(sshd.home, 'started'))).toBe(true);
    const second = other.run(['echo', 'second'], quick);
    expect((await first).stdout).toBe('first\n');
    expect((await second).stdout).toBe('second\n');
    expect(sshd.logins()).toBe(1);
  });

  test('streams leave sessions for commands; a fifth one waits for its turn', async () => {
    const host = await start();
    const open = await Promise.all([1, 2, 3, 4].map(() => host.open(['cat'], {})));
    const caller = new AbortController();
    const fifth = host.open(['cat'], { signal: caller.signal });
    expect((await host.run(['echo', 'still'], quick)).stdout).toBe('still\n');
    caller.abort();
    await expect(fifth).rejects.toMatchObject({ code: 'cancelled' });
    const sixth = host.open(['cat'], {});
    open[0]?.close();
    (await sixth).close();
    for (const stream of open) stream.close();
  });

  test('a master that is lost in mid-run is told, and the next call heals', async () => {
    const host = await start();
    const running = host.run(['sh', '-c', 'touch started; sleep 60'], { timeoutMs: 100_000 });
    const told = expect(running).rejects.toMatchObject({
      code: 'host/unreachable',
      message: expect.stringMatching(/broke while sh ran there; what it did is not known/),
    });
    await expect.poll(() => existsSync(path.join(sshd.home, 'started'))).toBe(true);
    process.kill(await masterPid(), 'SIGKILL');
    await told;
    expect((await host.run(['echo', 'healed'], quick)).stdout).toBe('healed\n');
  });

  test('a connection that goes away just before a session is opened is made anew, unseen', async () => {
    const host = await start();
    await host.run(['true'], quick);
    const { controlPath } = await findRoute(settings());
    const flag = path.join(sshd.folder, 'flag');
    const program = path.join(sshd.folder, 'ssh-that-loses');
    const script = `#!/bin/sh
case "$*" in *ProxyCommand=*) if rm '${flag}' 2>/dev/null; then ssh -S '${controlPath}' -O exit x; fi;; esac
exec ssh "$@"
`;
    await writeFile(program, script, { mode: 0o755 });
    const unlucky = createSshHost(settings({ program }));
    await writeFile(flag, '');
    expect((await unlucky.run(['echo', 'run'], quick)).stdout).toBe('run\n');
    await writeFile(flag, '');
    const { stream } = await unlucky.open(['echo', 'stream'], {});
    expect((await stream.setEncoding('utf8').toArray()).join('')).toBe('stream\n');
    expect(existsSync(flag)).toBe(false);
    expect(sshd.logins()).toBe(3);
  });

  test('a server that is down is told as unreachable, also to streams; up again, it works', async () => {
    const host = await start();
    const { stream, ended } = await host.open(['cat'], {});
    stream.resume();
    await sshd.kill();
    expect(await ended).toMatchObject({ code: 255 });
    await expect(host.run(['true'], quick)).rejects.toMatchObject({
      code: 'host/unreachable',
      message: expect.stringContaining('Connection refused'),
    });
    await expect(host.open(['true'], {})).rejects.toMatchObject({ code: 'host/unreachable' });
    await sshd.start();
    expect((await host.run(['echo', 'up'], quick)).stdout).toBe('up\n');
  });

  test('a connection that freezes ends a call at its limit, as unreachable', async () => {
    const host = await start();
    await host.run(['true'], quick);
    sshd.freeze();
    await expect(host.run(['true'], { timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'host/unreachable',
    });
    sshd.thaw();
    expect((await host.run(['echo', 'thawed'], quick)).stdout).toBe('thawed\n');
  });

  test('a shared connection whose process is stopped is told; going on, it serves again', async () => {
    const host = await start();
    await host.run(['true'], quick);
    const pid = await masterPid();
    process.kill(pid, 'SIGSTOP');
    await expect(host.run(['true'], quick)).rejects.toMatchObject({
      code: 'host/unreachable',
      message: expect.stringContaining('does not answer'),
    });
    process.kill(pid, 'SIGCONT');
    expect((await host.run(['echo', 'again'], quick)).stdout).toBe('again\n');
    expect(sshd.logins()).toBe(1);
  });

  test('S19: another host key is refused, with nothing sent', async () => {
    const host = await start();
    await sshd.kill();
    await sshd.start({ newHostKey: true });
    await expect(host.run(['true'], quick)).rejects.toMatchObject({
      code: 'host/key-refused',
      hint: expect.stringContaining('ssh-keygen -R'),
    });
  });

  test('S21: an unknown host key, and a login without a key, need a person', async () => {
    const host = await start();
    await rm(path.join(sshd.folder, 'known_hosts'));
    await expect(host.run(['true'], quick)).rejects.toMatchObject({
      code: 'host/login-needed',
      message: expect.stringContaining('host key'),
      hint: expect.stringContaining('glovebox login cluster'),
    });
    expect(existsSync(path.join(sshd.folder, 'known_hosts'))).toBe(false);
    await sshd.trust();
    await writeFile(path.join(sshd.folder, 'authorized_keys'), '');
    await expect(host.run(['true'], quick)).rejects.toMatchObject({
      code: 'host/login-needed',
      message: expect.stringContaining('Permission denied'),
      hint: expect.stringContaining('glovebox login cluster'),
    });
  });

  test('S21: a person logs in once, and unattended calls go through', async () => {
    const host = await start();
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-f', `${sshd.folder}/key`]);
    await expect(host.run(['true'], quick)).rejects.toMatchObject({ code: 'host/login-needed' });
    const askpass = path.join(sshd.folder, 'askpass');
    await writeFile(askpass, '#!/bin/sh\necho secret\n', { mode: 0o755 });
    const person = settings({
      env: { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
    });
    expect(await openMaster(person)).toMatchObject({ wasOpen: false });
    expect(await openMaster(person)).toMatchObject({ wasOpen: true });
    expect((await host.run(['echo', 'in'], quick)).stdout).toBe('in\n');
  });

  test('S21: a login that fails is told', async () => {
    await start();
    await writeFile(path.join(sshd.folder, 'authorized_keys'), '');
    await expect(openMaster(settings())).rejects.toMatchObject({ code: 'host/login-needed' });
  });

  test('S20: a folder too long for a socket gives way to a short private one', async () => {
    await start();
    const controlFolder = path.join(sshd.folder, 'long'.repeat(20));
    const route = await findRoute(settings({ controlFolder }));
    expect(route.controlPath).toMatch(/^\/tmp\/glovebox-ssh-\d+\/[0-9a-f]{40}$/);
    expect(Buffer.byteLength(route.controlPath) + 17).toBeLessThanOrEqual(90);
    expect((await stat(path.dirname(route.controlPath))).mode & 0o777).toBe(0o700);
    const host = createSshHost(settings({ controlFolder }));
    expect((await host.run(['echo', 'short'], quick)).stdout).toBe('short\n');
    execFileSync('ssh', ['-S', route.controlPath, '-O', 'exit', 'x'], { stdio: 'ignore' });
  });

  test('S20: the user’s own ControlPath is used, spaces and percent signs included', async () => {
    const host = await start({ client: ['ControlPath "/tmp/gb %% %C"', 'ControlPersist yes'] });
    expect((await host.run(['echo', 'shared'], quick)).stdout).toBe('shared\n');
    const route = await findRoute(settings());
    expect(route).toMatchObject({
      isOurPath: false,
      controlPath: expect.stringMatching(/^\/tmp\/gb % [0-9a-f]{40}$/),
      hostname: '127.0.0.1',
      port: sshd.port,
    });
    expect(existsSync(route.controlPath)).toBe(true);
    expect(existsSync(sshd.controlFolder)).toBe(false);
    await expect(masterPid()).resolves.toBeGreaterThan(0);
    process.kill(await masterPid());
  });

  test('S19: a jump host of the configuration is used for the login, and for nothing else', async () => {
    sshd = await startSshd();
    const plain = await readFile(sshd.configFile, 'utf8');
    await writeFile(
      sshd.configFile,
      `${plain}\n${plain.replace('Host cluster', 'Host inner\n  ProxyJump cluster')}`,
    );
    const inner = settings({ destination: 'inner' });
    const host = createSshHost(inner);
    expect((await host.run(['echo', 'through'], quick)).stdout).toBe('through\n');
    expect((await host.run(['echo', 'again'], quick)).stdout).toBe('again\n');
    expect(await findRoute(inner)).toMatchObject({ jump: 'cluster' });
    expect(sshd.logins()).toBe(2);
  });

  test('S20: an OpenSSH that does not tell the whole path is not trusted with one for all hosts', async () => {
    await start();
    const program = path.join(sshd.folder, 'old-ssh');
    await writeFile(program, '#!/bin/sh\necho "controlpath /tmp/%C"\n', { mode: 0o755 });
    await expect(findRoute(settings({ program }))).rejects.toMatchObject({
      code: 'config/invalid',
      hint: expect.stringContaining('6.8'),
    });
  });

  test('settings that would spoil an unattended call are overruled', async () => {
    const host = await start({
      client: ['RemoteCommand hostname', 'RequestTTY force', 'ForwardAgent yes', 'LogLevel QUIET'],
    });
    const { stdout } = await host.run(
      ['sh', '-c', 'tty; echo "${SSH_AUTH_SOCK:-no agent}"'],
      quick,
    );
    expect(stdout).toBe('not a tty\nno agent\n');
  });

  test.each(['-oProxyCommand=touch evil', 'two words', '', 'a\0b'])(
    'the destination %j is refused',
    async (destination) => {
      await start();
      const host = createSshHost(settings({ destination }));
      await expect(host.run(['true'], quick)).rejects.toMatchObject({ code: 'config/invalid' });
    },
  );

  test('an error in the configuration, a name that does not resolve and a missing ssh are told apart', async () => {
    await start({ client: ['NoSuchOption yes'] });
    await expect(createSshHost(settings()).run(['true'], quick)).rejects.toMatchObject({
      code: 'config/invalid',
    });
    const empty = path.join(sshd.folder, 'empty');
    await writeFile(empty, '');
    const nowhere = settings({ destination: 'no-such-host.invalid', configFile: empty });
    await expect(createSshHost(nowhere).run(['true'], quick)).rejects.toMatchObject({
      code: 'host/unreachable',
      message: expect.stringContaining('resolve'),
    });
    const program = settings({ program: 'no-such-ssh' });
    await expect(createSshHost(program).run(['true'], quick)).rejects.toMatchObject({
      code: 'path/not-found',
    });
  });

  test('a command ends there when our process is killed', async () => {
    await start();
    const program = `
      import { createSshHost } from '#platform/ssh-host.ts';
      const host = createSshHost(JSON.parse(process.argv[1]));
      await host.run(['sh', '-c', 'echo $$ >pid; sleep 300'], { timeoutMs: 200000 });`;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program, JSON.stringify(settings())],
      { stdio: 'inherit' },
    );
    await expect.poll(() => fileText('pid'), { timeout: 30_000 }).toMatch(/^\d+\n$/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const pid = (await fileText('pid')).trim();
    await expect.poll(() => readdir('/proc'), { timeout: 20_000 }).not.toContain(pid);
  });

  test('a file whose transfer breaks keeps its old content', async () => {
    const host = await start();
    const file = path.join(sshd.home, 'folder', 'precious');
    await host.writeFile(file, 'old', {});
    // Takes the beginning of the content, and the rest only when it may go on.
    const tools = path.join(sshd.folder, 'tools');
    await mkdir(tools);
    const cat = `#!/bin/sh
head -c 1000; touch ${tools}/begun
while [ ! -e ${tools}/go ]; do sleep 0.05; done
exec /bin/cat\n`;
    await writeFile(path.join(tools, 'cat'), cat, { mode: 0o755 });
    await writeFile(path.join(sshd.home, '.bashrc'), `PATH=${tools}:$PATH\n`);
    const writing = host.writeFile(file, 'n'.repeat(4_000_000), {});
    const told = expect(writing).rejects.toMatchObject({ code: 'host/unreachable' });
    await expect.poll(() => existsSync(path.join(tools, 'begun'))).toBe(true);
    process.kill(await masterPid(), 'SIGKILL');
    await told;
    await writeFile(path.join(tools, 'go'), '');
    await expect.poll(() => readdir(path.dirname(file))).toEqual(['precious']);
    expect(await readFile(file, 'utf8')).toBe('old');
  });
});
