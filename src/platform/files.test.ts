import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../test/rigs/program.ts';
import {
  ensurePrivateFolder,
  pathExists,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from './files.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'gb-files-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

describe('ensurePrivateFolder', () => {
  it('makes every missing folder 0700', async () => {
    const deep = path.join(dir, 'a/b/c');
    await ensurePrivateFolder(deep);
    expect([await modeOf(deep), await modeOf(path.join(dir, 'a'))]).toEqual([0o700, 0o700]);
  });

  it('closes a folder of ours that others could enter', async () => {
    const open = path.join(dir, 'open');
    await mkdir(open);
    await chmod(open, 0o755);
    await ensurePrivateFolder(open);
    expect(await modeOf(open)).toBe(0o700);
  });

  it('refuses a folder that is shared on purpose, and leaves it as it is', async () => {
    const shared = path.join(dir, 'shared');
    await mkdir(shared);
    await chmod(shared, 0o1777);
    await expect(ensurePrivateFolder(shared)).rejects.toMatchObject({ code: 'storage/failed' });
    expect((await stat(shared)).mode & 0o7777).toBe(0o1777);
  });

  it('says that a file is in the way', async () => {
    await writeFile(path.join(dir, 'file'), '');
    await expect(ensurePrivateFolder(path.join(dir, 'file/x'))).rejects.toMatchObject({
      code: 'storage/failed',
    });
  });
});

describe('writeFileAtomic', () => {
  it('writes 0600 unless told otherwise, whatever the umask', async () => {
    const [secret, open] = [path.join(dir, 'secret'), path.join(dir, 'open')];
    const old = process.umask(0o077);
    try {
      await writeFileAtomic(secret, 'a');
      await writeFileAtomic(open, new Uint8Array([98]), { mode: 0o644, durable: false });
    } finally {
      process.umask(old);
    }
    expect([await modeOf(secret), await modeOf(open)]).toEqual([0o600, 0o644]);
    expect(await readFile(open, 'utf8')).toBe('b');
  });

  it('leaves nothing behind when the target cannot be replaced', async () => {
    await mkdir(path.join(dir, 'folder/inside'), { recursive: true });
    await expect(writeFileAtomic(path.join(dir, 'folder'), 'x')).rejects.toMatchObject({
      code: 'storage/failed',
    });
    expect(await readdir(dir)).toEqual(['folder']);
  });

  it('replaces a symbolic link instead of writing through it', async () => {
    await writeFile(path.join(dir, 'target'), 'old');
    await symlink('target', path.join(dir, 'link'));
    await writeFileAtomic(path.join(dir, 'link'), 'new');
    expect(await readFile(path.join(dir, 'target'), 'utf8')).toBe('old');
  });

  it('X74: shows the old or the new text, whole, when the writer is killed at any moment', async () => {
    const file = path.join(dir, 'big');
    const length = 2_000_000;
    const code = `
      import { writeFileAtomic } from '#platform/files.ts';
      for (let n = 0; ; n++) {
        await writeFileAtomic(process.env.FILE, String(n % 10).repeat(${length}), { durable: false });
        if (n === 3) console.log('going');
      }`;
    for (let round = 0; round < 3; round += 1) {
      const program = runProgram(code, { FILE: file });
      await program.printed('going');
      for (let look = 0; look < 10; look += 1) expectWhole(await readFile(file, 'utf8'));
      program.process.kill('SIGKILL');
      await program.ended;
      expectWhole(await readFile(file, 'utf8'));
    }
    function expectWhole(text: string): void {
      expect(text.length).toBe(length);
      expect(new Set(text).size).toBe(1);
    }
  });
});

describe('reading and removing', () => {
  it('tells absent from unreadable', async () => {
    expect(await readTextIfExists(path.join(dir, 'none'))).toBeUndefined();
    expect(await pathExists(path.join(dir, 'none/deeper'))).toBe(false);
    await expect(readTextIfExists(dir)).rejects.toMatchObject({ code: 'storage/failed' });
    await writeFile(path.join(dir, 'there'), 'text');
    expect(await readTextIfExists(path.join(dir, 'there'))).toBe('text');
    expect(await pathExists(path.join(dir, 'there'))).toBe(true);
  });

  it('removes once and is content the second time', async () => {
    const file = path.join(dir, 'there');
    await writeFile(file, '');
    await removeIfExists(file);
    await removeIfExists(file);
    expect(await pathExists(file)).toBe(false);
  });
});
