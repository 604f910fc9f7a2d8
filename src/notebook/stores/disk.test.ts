/** D4-D6: a notebook file on disk, with what belongs to it. */
import { execFileSync } from 'node:child_process';
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { runProgram } from '../../../test/rigs/program.ts';
import { DiskStore } from './disk.ts';
import { resolveFile, resolveNewFile } from './real-path.ts';

let dir = '';
let file = '';
beforeEach(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-disk-')));
  file = path.join(dir, 'a.ipynb');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (target = file): DiskStore =>
  new DiskStore(target, { locksDir: path.join(dir, 'locks'), clock: systemClock });
const modeOf = async (target: string): Promise<number> => (await stat(target)).mode & 0o7777;
const inFolder = async (): Promise<readonly string[]> =>
  (await readdir(dir)).filter((name) => name !== 'locks');

async function save(store: DiskStore, text: string): Promise<string | undefined> {
  const expected = await store.version();
  return store.exclusively(() => store.write([Buffer.from(text)], expected));
}

describe('a save', () => {
  it('replaces the file and leaves nothing else', async () => {
    await writeFile(file, 'old');
    const store = open();
    const version = await save(store, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect(await store.version()).toBe(version);
    expect((await store.load()).version).toBe(version);
    await store.sync();
    expect(await inFolder()).toEqual(['a.ipynb']);
  });

  it.each([0o600, 0o640, 0o664, 0o755, 0o444 | 0o200])('X73: keeps the mode %o', async (mode) => {
    await writeFile(file, 'old');
    await chmod(file, mode);
    await save(open(), 'new');
    expect(await modeOf(file)).toBe(mode);
  });

  it('X73: writes what a symbolic link leads to, and keeps the link', async () => {
    await mkdir(path.join(dir, 'real'));
    await writeFile(path.join(dir, 'real/b.ipynb'), 'old');
    await symlink('real/b.ipynb', file);
    const store = open(await resolveFile(file));
    await save(store, 'new');
    expect(store.path).toBe(path.join(dir, 'real/b.ipynb'));
    expect(await readFile(path.join(dir, 'real/b.ipynb'), 'utf8')).toBe('new');
    expect(await realpath(file)).toBe(store.path);
  });

  it('of a file with several hard links changes all of them', async () => {
    await writeFile(file, 'a long old text');
    await link(file, path.join(dir, 'other.ipynb'));
    const store = open();
    await save(store, 'new');
    expect(await readFile(path.join(dir, 'other.ipynb'), 'utf8')).toBe('new');
    expect((await stat(file)).nlink).toBe(2);
    expect(await store.unfinishedBackup()).toBe(store.backupPath);
    expect(await readFile(store.backupPath, 'utf8')).toBe('a long old text');
    expect(await modeOf(path.dirname(store.backupPath))).toBe(0o700);
    await store.sync();
    expect(await store.unfinishedBackup()).toBeUndefined();
  });

  it('of many pieces writes all of them', async () => {
    await writeFile(file, '');
    const chunks = Array.from({ length: 3_000 }, (_, index) =>
      Buffer.from(index % 7 === 0 ? '' : `${index},`),
    );
    const store = open();
    const expected = await store.version();
    await store.exclusively(() => store.write(chunks, expected));
    expect(await readFile(file)).toEqual(Buffer.concat(chunks));
  });

  it('does nothing when somebody else changed the file', async () => {
    await writeFile(file, 'old');
    const store = open();
    const expected = await store.version();
    await writeFile(file, 'theirs');
    expect(
      await store.exclusively(() => store.write([Buffer.from('new')], expected)),
    ).toBeUndefined();
    expect(await readFile(file, 'utf8')).toBe('theirs');
    expect(await inFolder()).toEqual(['a.ipynb']);
  });

  it.each([
    ['another size', () => writeFile(file, 'longer text')],
    ['another time', () => utimes(file, 1, 1)],
    [
      'another file under the name',
      async () => {
        const { atime, mtime } = await stat(file);
        await rm(file);
        await writeFile(path.join(dir, 'spare'), 'x');
        await writeFile(file, 'old');
        await utimes(file, atime, mtime);
      },
    ],
    ['no file', () => rm(file)],
  ])('D6: sees %s', async (_, change) => {
    await writeFile(file, 'old');
    const store = open();
    const before = await store.version();
    expect(await store.version()).toBe(before);
    await change();
    expect(await store.version()).not.toBe(before);
  });

  it('that cannot be done leaves the old file and nothing else, and says what to do', async () => {
    await mkdir(path.join(dir, 'gone'));
    const store = open(path.join(dir, 'gone/a.ipynb'));
    await rm(path.join(dir, 'gone'), { recursive: true });
    await expect(
      store.exclusively(() => store.write([Buffer.from('x')], undefined)),
    ).rejects.toMatchObject({
      code: 'notebook/save-failed',
      hint: expect.any(String),
    });
  });
});

describe('a new file', () => {
  it('honours the umask', async () => {
    const code = `
      import { systemClock } from '#platform/clock.ts';
      import { DiskStore } from '#notebook/stores/disk.ts';
      process.umask(Number(process.env.MASK));
      const store = new DiskStore(process.env.FILE, { locksDir: process.env.LOCKS, clock: systemClock });
      await store.exclusively(() => store.write([Buffer.from('new')], undefined));
    `;
    for (const [mask, mode] of [
      [0o022, 0o644],
      [0o002, 0o664],
      [0o077, 0o600],
    ] as const) {
      const target = path.join(dir, `${mask}.ipynb`);
      const { code: status, output } = await runProgram(code, {
        FILE: target,
        MASK: String(mask),
        LOCKS: path.join(dir, 'locks'),
      }).ended;
      expect([status, output]).toEqual([0, '']);
      expect(await modeOf(target)).toBe(mode);
    }
  });

  it('X68: never takes the place of one that is there', async () => {
    await writeFile(file, 'theirs');
    const store = open();
    expect(
      await store.exclusively(() => store.write([Buffer.from('new')], undefined)),
    ).toBeUndefined();
    expect(await readFile(file, 'utf8')).toBe('theirs');
  });

  it('is made once, however many try', async () => {
    const made = await Promise.all(
      Array.from({ length: 8 }, () => open().write([Buffer.from('new')], undefined)),
    );
    expect(made.filter((version) => version !== undefined)).toHaveLength(1);
    expect(await inFolder()).toEqual(['a.ipynb']);
  });

  it('may be in a folder that is not there yet', async () => {
    expect(await resolveNewFile(path.join(dir, 'x/y/b.ipynb'))).toBe(path.join(dir, 'x/y/b.ipynb'));
    expect((await stat(path.join(dir, 'x/y'))).isDirectory()).toBe(true);
  });
});

/** Root may write everywhere, so these need another user. */
const someoneElse = { uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('for a user who may not do everything', () => {
  const code = `
    import { systemClock } from '#platform/clock.ts';
    import { DiskStore } from '#notebook/stores/disk.ts';
    process.setgid(${someoneElse.gid});
    process.setuid(${someoneElse.uid});
    const store = new DiskStore(process.env.FILE, { locksDir: process.env.LOCKS, clock: systemClock });
    const expected = await store.version();
    try {
      const version = await store.exclusively(() => store.write([Buffer.from('new')], expected));
      await store.sync();
      console.log(version === undefined ? 'changed' : 'written');
    } catch (error) {
      console.log(error.code, error.hint);
    }
  `;
  const saveAsSomeoneElse = async (): Promise<string> => {
    const { output } = await runProgram(code, { FILE: file, LOCKS: path.join(dir, 'others/locks') })
      .ended;
    return output.trim();
  };
  beforeEach(async () => {
    await mkdir(path.join(dir, 'others'));
    execFileSync('chown', ['65534:65534', path.join(dir, 'others')]);
    await chmod(dir, 0o755);
    await writeFile(file, 'a long old text');
  });

  it('a folder that refuses new files is no obstacle', async () => {
    await chmod(file, 0o666);
    expect(await saveAsSomeoneElse()).toBe('written');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect(await modeOf(file)).toBe(0o666);
  });

  it('a file that may not be written is left alone, although the folder would allow it', async () => {
    await chmod(dir, 0o777);
    await chmod(file, 0o644);
    expect(await saveAsSomeoneElse()).toContain('notebook/save-failed Make the file writable');
    expect(await readFile(file, 'utf8')).toBe('a long old text');
  });

  it('the owner of a file stays when root saves it', async () => {
    execFileSync('chown', ['65534:65534', file]);
    await save(open(), 'new');
    expect(await stat(file)).toMatchObject(someoneElse);
  });
});

describe('X74: a process that is killed while it saves', () => {
  it('leaves a whole file, and nothing that stays', async () => {
    const code = `
      import { systemClock } from '#platform/clock.ts';
      import { DiskStore } from '#notebook/stores/disk.ts';
      const store = new DiskStore(process.env.FILE, { locksDir: process.env.LOCKS, clock: systemClock });
      for (let round = 1; ; round += 1) {
        const chunks = Array.from({ length: 300 }, () => Buffer.alloc(10_000, 97 + (round % 26)));
        const expected = await store.version();
        await store.exclusively(() => store.write(chunks, expected));
        if (round === 3) console.log('going');
      }
    `;
    await writeFile(file, 'x'.repeat(3_000_000));
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const program = runProgram(code, { FILE: file, LOCKS: path.join(dir, 'locks') });
      await program.printed('going');
      await new Promise((resolve) => void setTimeout(resolve, Math.random() * 30));
      program.process.kill('SIGKILL');
      await program.ended;
      const text = await readFile(file, 'utf8');
      expect(text.length).toBe(3_000_000);
      expect(text).toBe((text[0] ?? '').repeat(3_000_000));
    }
    const store = open();
    for (const name of await inFolder()) {
      if (name !== 'a.ipynb') await utimes(path.join(dir, name), 1, 1);
    }
    await store.removeLeftovers();
    expect(await inFolder()).toEqual(['a.ipynb']);
  });
});
