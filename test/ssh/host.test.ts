/** The two kinds of host, held to the same sentences; the remote one through a real sshd (S1, S2, Q7). */
import {
  stat,
  symlink,
  writeFile,
  readFile,
  readdir,
  mkdtemp,
  rm,
  lstat,
  mkdir,
} from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '#platform/host.ts';
import { createLocalHost } from '#platform/local-host.ts';
import { createSshHost } from '#platform/ssh-host.ts';
import { isMissing } from '../rigs/require.ts';
import { sshdIsMissing, startSshd, type Sshd } from '../rigs/sshd.ts';

const quick = { timeoutMs: 30_000 };
const ODD_WORDS = [
  '',
  ' ',
  "it's",
  '"quoted"',
  '$HOME `id` $(id)',
  'back\\slash \\n \\0101 \\c',
  'two\nlines\n',
  '!history !!',
  '*?[a]{b,c}~',
  '-n',
  '; exit 9 & | < > #',
  'grüße 你好 🙂',
  '\u0001\u001b[31m',
  '%s%d',
];

interface Rig {
  readonly host: Host;
  readonly folder: string;
  stop(): Promise<void>;
}

async function localRig(): Promise<Rig> {
  const folder = await mkdtemp('/tmp/gb-local-');
  const host = createLocalHost({
    env: { PATH: process.env['PATH'], HOME: folder, SQUEUE_FORMAT: 'x', SQUEUE_SORT: 'y' },
  });
  return { host, folder, stop: () => rm(folder, { recursive: true }) };
}

async function sshRig(options: Parameters<typeof startSshd>[0] = {}): Promise<Rig> {
  const sshd = await startSshd({
    ...options,
    env: { SQUEUE_FORMAT: 'x', SQUEUE_SORT: 'y' },
  });
  return { host: hostOf(sshd), folder: sshd.home, stop: () => sshd.stop() };
}

const hostOf = (sshd: Sshd): Host =>
  createSshHost({
    destination: sshd.destination,
    configFile: sshd.configFile,
    controlFolder: sshd.controlFolder,
    env: process.env,
  });

const rigs: readonly (readonly [string, boolean, () => Promise<Rig>])[] = [
  ['this machine', false, localRig],
  ['over SSH', true, sshRig],
];

for (const [kind, isRemote, makeRig] of rigs) {
  describe.skipIf(isRemote && sshdIsMissing())(`S1, S2, Q7: a host, ${kind}`, () => {
    let rig: Rig;
    let host: Host;
    beforeAll(async () => {
      rig = await makeRig();
      host = rig.host;
    });
    afterAll(() => rig.stop());

    test('S2: every word arrives as it is, whatever stands in it', async () => {
      const { stdout, code } = await host.run(['printf', '[%s]', ...ODD_WORDS], quick);
      expect(stdout).toBe(ODD_WORDS.map((word) => `[${word}]`).join(''));
      expect(code).toBe(0);
    });

    test('a word with a NUL is refused', async () => {
      await expect(host.run(['echo', 'a\0b'], quick)).rejects.toMatchObject({
        code: 'input/invalid',
      });
    });

    test.each([0, 1, 3, 127, 254, 255])('S2: exit code %i is the command’s own', async (code) => {
      const script = `echo out; echo err >&2; exit ${code}`;
      const result = await host.run(['sh', '-c', script], quick);
      expect(result).toEqual({ code, signal: null, stdout: 'out\n', stderr: 'err\n' });
    });

    test('a program that a signal ended has the code a shell gives it', async () => {
      const { code } = await host.run(['sh', '-c', 'kill -KILL $$'], quick);
      expect(code).toBe(137);
    });

    test('a missing program is told as such', async () => {
      await expect(host.run(['no-such-program', 'x'], quick)).rejects.toMatchObject({
        code: 'path/not-found',
      });
      await expect(host.open(['no-such-program'], {})).rejects.toMatchObject({
        code: 'path/not-found',
      });
    });

    test('input is given whole and then closed; without it stdin is empty', async () => {
      const input = `${'ä\n'.repeat(200_000)}end`;
      expect((await host.run(['cat'], { ...quick, input })).stdout).toBe(input);
      expect((await host.run(['cat'], quick)).stdout).toBe('');
      // It may end without reading.
      expect((await host.run(['true'], { ...quick, input })).code).toBe(0);
    });

    test('S1: variables are added, and taken out by name and by beginning', async () => {
      const { stdout } = await host.run(['env'], {
        ...quick,
        env: { LC_ALL: 'C', ODD: `it's "$HOME"\nand more` },
        withoutEnv: ['SQUEUE_*', 'NOT_THERE'],
      });
      expect(stdout).toContain(`ODD=it's "$HOME"\nand more\n`);
      expect(stdout).toMatch(/^LC_ALL=C$/m);
      expect(stdout).not.toMatch(/^SQUEUE_/m);
      expect((await host.run(['env'], quick)).stdout).toMatch(/^SQUEUE_SORT=y$/m);
    });

    test.each(['limit', 'caller'])('S1: the %s ends the whole process group', async (who) => {
      const pidFile = path.join(rig.folder, `pids-${who}`);
      const caller = new AbortController();
      const script = `sleep 300 & echo $! $$ >'${pidFile}'; trap '' TERM; wait; sleep 300`;
      const running = host.run(['sh', '-c', script], {
        timeoutMs: who === 'limit' ? 1500 : 60_000,
        signal: caller.signal,
      });
      const ended = expect(running).rejects.toMatchObject({
        code: who === 'limit' ? 'timeout' : 'cancelled',
      });
      const read = (): Promise<string> => readFile(pidFile, 'utf8').catch(() => '');
      await expect.poll(read, { timeout: 20_000 }).toMatch(/^\d+ \d+\n$/);
      if (who === 'caller') caller.abort();
      await ended;
      const pids = (await read()).trim().split(' ');
      await expect
        .poll(() => readdir('/proc').then((all) => pids.filter((pid) => all.includes(pid))), {
          timeout: 20_000,
        })
        .toEqual([]);
    });

    test('a stream carries bytes both ways and tells how the program ended', async () => {
      const { stream, ended } = await host.open(['sh', '-c', 'cat; echo why >&2; exit 7'], {});
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
      const back = text(stream.setEncoding('latin1'));
      stream.end(bytes);
      expect(await back).toBe(bytes.toString('latin1'));
      expect(await ended).toEqual({ code: 7, stderr: 'why\n' });
    });

    test('a closed stream ends its program', async () => {
      const pidFile = path.join(rig.folder, 'stream-pid');
      const script = `echo $$ >'${pidFile}'; cat; echo ended >>'${pidFile}'`;
      const opened = await host.open(['sh', '-c', script], {});
      opened.stream.resume();
      const read = (): Promise<string> => readFile(pidFile, 'utf8').catch(() => '');
      await expect.poll(read).toMatch(/^\d+\n/);
      opened.close();
      opened.close();
      await opened.ended;
      const pid = (await read()).split('\n', 1)[0] ?? '';
      await expect.poll(() => readdir('/proc'), { timeout: 20_000 }).not.toContain(pid);
    });

    test('a file is written in one step, privately, with its folders', async () => {
      const file = path.join(rig.folder, 'new folder', "it's deep", 'token.json');
      const content = `{"a": "ü\\n"}\n\n`;
      await host.writeFile(file, content, {});
      expect(await readFile(file, 'utf8')).toBe(content);
      expect(await host.readFile(file, {})).toBe(content);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);

      await host.writeFile(file, 'second', { mode: 0o640 });
      expect(await host.readFile(file, {})).toBe('second');
      expect((await stat(file)).mode & 0o777).toBe(0o640);
      expect(await readdir(path.dirname(file))).toEqual(['token.json']);
    });

    test('a link is replaced, not followed; what cannot be written leaves the old file', async () => {
      const target = path.join(rig.folder, 'precious');
      const link = path.join(rig.folder, 'link');
      await writeFile(target, 'precious');
      await symlink(target, link);
      await host.writeFile(link, 'new', {});
      expect((await lstat(link)).isFile()).toBe(true);
      expect(await readFile(target, 'utf8')).toBe('precious');

      const below = path.join(target, 'x');
      await expect(host.writeFile(below, 'new', {})).rejects.toMatchObject({
        code: 'storage/failed',
      });
      await mkdir(path.join(rig.folder, 'folder'));
      await expect(
        host.writeFile(path.join(rig.folder, 'folder'), 'new', {}),
      ).rejects.toMatchObject({ code: 'storage/failed' });
      expect(await readFile(target, 'utf8')).toBe('precious');
    });

    test('a missing file is undefined, a folder is an error', async () => {
      expect(await host.readFile(path.join(rig.folder, 'absent'), {})).toBeUndefined();
      expect(await host.readFile(path.join(rig.folder, 'absent/below'), {})).toBeUndefined();
      await expect(host.readFile(rig.folder, {})).rejects.toMatchObject({ code: 'storage/failed' });
    });

    test('S23: it tells its home and its own name', async () => {
      expect(await host.home()).toBe(rig.folder);
      expect(await host.hostname()).toMatch(/^\S+$/);
    });
  });
}

describe.skipIf(sshdIsMissing())('a login shell', () => {
  for (const shell of ['/bin/sh', '/bin/bash', '/bin/tcsh', '/usr/bin/fish', '/bin/zsh']) {
    const missing = isMissing(shell, existsSync(shell), 'apt-get install tcsh fish zsh');
    test.skipIf(missing)(`S2: ${shell} passes every word on`, async () => {
      const rig = await sshRig({ shell });
      try {
        const { stdout } = await rig.host.run(['printf', '[%s]', ...ODD_WORDS], quick);
        expect(stdout).toBe(ODD_WORDS.map((word) => `[${word}]`).join(''));
      } finally {
        await rig.stop();
      }
    });
  }
});
