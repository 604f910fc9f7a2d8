/** A folder arrives on a host without a shared disk, and only what changed is sent again (S17). */
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Host } from '#platform/host.ts';
import { createSshHost } from '#platform/ssh-host.ts';
import { stageFolder, type StageOptions } from '#platform/stage-folder.ts';
import { echo, startByteServer } from '../rigs/byte-servers.ts';
import { sshdIsMissing, startSshd, type Sshd } from '../rigs/sshd.ts';

describe.skipIf(sshdIsMissing())('staging', () => {
  let sshd: Sshd;
  let host: Host;
  let folder: string;
  let remote: string;
  beforeAll(async () => {
    sshd = await startSshd();
    host = createSshHost({
      destination: sshd.destination,
      configFile: sshd.configFile,
      controlFolder: sshd.controlFolder,
      env: process.env,
    });
  });
  afterAll(() => sshd.stop());
  beforeEach(async () => {
    folder = await mkdtemp(path.join(sshd.folder, 'local-'));
    remote = path.join(sshd.home, 'jobs', path.basename(folder), "it's the copy");
    return () => rm(folder, { recursive: true });
  });

  const stage = (options: Partial<StageOptions> = {}) =>
    stageFolder(host, folder, remote, { env: process.env, ...options });

  test('S17: files, modes, links and odd names arrive; what is the same is not sent again', async () => {
    await mkdir(path.join(folder, 'src/deep'), { recursive: true });
    const names = ['-n', 'two\nlines', 'grüße 🧪', "it's", 'back\\slash', 'src/deep/a.py', '*'];
    for (const name of names) await writeFile(path.join(folder, name), `content of ${name}`);
    await chmod(path.join(folder, "it's"), 0o750);
    await symlink('deep/a.py', path.join(folder, 'src/link'));
    await writeFile(path.join(folder, 'big'), Buffer.alloc(3_000_000, 'x'));
    const seen: number[] = [];
    expect(await stage({ report: ({ done }) => seen.push(done) })).toMatchObject({
      copied: names.length + 2,
      unchanged: 0,
    });
    for (const name of names) {
      expect(await readFile(path.join(remote, name), 'utf8')).toBe(`content of ${name}`);
    }
    expect((await stat(path.join(remote, "it's"))).mode & 0o777).toBe(0o750);
    expect(await readlink(path.join(remote, 'src/link'))).toBe('deep/a.py');
    expect((await stat(remote)).mode & 0o777).toBe(0o700);
    expect(seen.at(-1)).toBeGreaterThan(3_000_000);

    expect(await stage()).toEqual({ copied: 0, copiedBytes: 0, unchanged: names.length + 2 });
    await writeFile(path.join(folder, '-n'), 'longer than it was before');
    await writeFile(path.join(folder, '*'), 'same size?'.padEnd('content of *'.length));
    await utimes(path.join(folder, '*'), 1, 1);
    await unlink(path.join(folder, 'src/link'));
    await symlink('a.py', path.join(folder, 'src/link'));
    expect(await stage()).toMatchObject({ copied: 3, unchanged: names.length - 1 });
    expect(await readFile(path.join(remote, '-n'), 'utf8')).toBe('longer than it was before');
    expect(await readlink(path.join(remote, 'src/link'))).toBe('a.py');
  });

  test('what is only there stays; what is to be skipped is not read', async () => {
    await mkdir(path.join(folder, '.venv'));
    await writeFile(path.join(folder, '.venv/python'), '');
    await writeFile(path.join(folder, 'a'), 'a');
    const socket = await startByteServer(echo, path.join(folder, 'socket'));
    await mkdir(remote, { recursive: true });
    await writeFile(path.join(remote, 'results.csv'), 'precious');
    const { copied } = await stage({ skip: (name) => name === '.venv' });
    await socket.stop();
    expect(copied).toBe(1);
    expect(await readFile(path.join(remote, 'results.csv'), 'utf8')).toBe('precious');
    await expect(stat(path.join(remote, '.venv'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('what cannot be written or read is told with the reason', async () => {
    await writeFile(path.join(folder, 'a'), 'a');
    const blocked = path.join(sshd.home, 'a-file');
    await writeFile(blocked, '');
    await expect(
      stageFolder(host, folder, path.join(blocked, 'below'), { env: process.env }),
    ).rejects.toMatchObject({ code: 'storage/failed', message: expect.stringContaining('a-file') });
    await expect(
      stageFolder(host, path.join(folder, 'absent'), remote, { env: process.env }),
    ).rejects.toMatchObject({ code: 'path/not-found' });
  });

  test('a caller that gives up, and a server that is lost in between, are told; again, it goes on', async () => {
    for (let index = 0; index < 40; index += 1) {
      await writeFile(path.join(folder, `file ${index}`), Buffer.alloc(1_000_000, index));
    }
    const caller = new AbortController();
    await expect(
      stage({ signal: caller.signal, report: () => caller.abort() }),
    ).rejects.toMatchObject({ code: 'cancelled' });

    let killed: Promise<void> | undefined;
    const report = ({ done }: { readonly done: number }): void => {
      if (done > 5_000_000) killed ??= sshd.kill();
    };
    await expect(stage({ report })).rejects.toMatchObject({ code: 'host/unreachable' });
    await killed;
    await sshd.start();
    const { copied, unchanged } = await stage();
    expect(copied + unchanged).toBe(40);
    expect(unchanged).toBeGreaterThan(0);
    expect(await stage()).toMatchObject({ copied: 0, unchanged: 40 });
    for (let index = 0; index < 40; index += 1) {
      const bytes = await readFile(path.join(remote, `file ${index}`));
      expect(bytes.equals(Buffer.alloc(1_000_000, index))).toBe(true);
    }
  });
});
