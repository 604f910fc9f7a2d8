/** D9: which paths lead to notebooks of the project. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyNotebook } from './copy-notebook.ts';
import { resolveNotebookPath } from './paths.ts';

let dir = '';
beforeAll(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-paths-')));
  for (const folder of [
    'project/notebooks/sub',
    'project/folder.ipynb',
    'notebooks-evil',
    'outside',
  ])
    await mkdir(path.join(dir, folder), { recursive: true });
  const files = [
    'project/top.ipynb',
    'project/notebooks/train.ipynb',
    'project/notebooks/sub/eval.ipynb',
    'project/both.ipynb',
    'project/notebooks/both.ipynb',
    'project/notebooks/notes.txt',
    'project/secret.ipynb.txt',
    'notebooks-evil/x.ipynb',
    'outside/y.ipynb',
  ];
  for (const file of files) await writeFile(path.join(dir, file), '{}');
  await symlink('../../outside/y.ipynb', path.join(dir, 'project/notebooks/leak.ipynb'));
  await symlink('../../outside', path.join(dir, 'project/notebooks/leak'));
  await symlink('train.ipynb', path.join(dir, 'project/notebooks/alias.ipynb'));
  await symlink('project', path.join(dir, 'project-link'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const resolve = (requested: string, base = 'project'): Promise<string> =>
  resolveNotebookPath({
    requested,
    notebookDir: path.join(dir, base, 'notebooks'),
    projectDir: path.join(dir, base),
  });

describe('D9: a path', () => {
  it.each([
    ['train.ipynb', 'project/notebooks/train.ipynb'],
    ['./sub/../train.ipynb', 'project/notebooks/train.ipynb'],
    ['sub/eval.ipynb', 'project/notebooks/sub/eval.ipynb'],
    ['top.ipynb', 'project/top.ipynb'],
    ['notebooks/train.ipynb', 'project/notebooks/train.ipynb'],
    ['../top.ipynb', 'project/top.ipynb'],
    ['both.ipynb', 'project/notebooks/both.ipynb'],
    ['alias.ipynb', 'project/notebooks/train.ipynb'],
  ])('%s leads to %s', async (requested, expected) => {
    expect(await resolve(requested)).toBe(path.join(dir, expected));
    expect(await resolve(requested, 'project-link')).toBe(path.join(dir, expected));
  });

  it('may be absolute, and go through a link', async () => {
    expect(await resolve(path.join(dir, 'project/top.ipynb'))).toBe(
      path.join(dir, 'project/top.ipynb'),
    );
    expect(await resolve(path.join(dir, 'project-link/top.ipynb'))).toBe(
      path.join(dir, 'project/top.ipynb'),
    );
  });

  it.each([
    '../../notebooks-evil/x.ipynb',
    '../../outside/y.ipynb',
    'leak.ipynb',
    'leak/y.ipynb',
    '../../nothing.ipynb',
    '/etc/passwd',
  ])('X81: %s is not allowed', async (requested) => {
    await expect(resolve(requested)).rejects.toMatchObject({
      code: 'path/not-allowed',
      hint: expect.stringContaining('GLOVEBOX_NOTEBOOK_DIR'),
    });
  });

  it('X81: of a folder whose name only begins like the notebook folder is not allowed', async () => {
    const request = {
      requested: path.join(dir, 'notebooks-evil/x.ipynb'),
      notebookDir: path.join(dir, 'notebooks'),
      projectDir: path.join(dir, 'notebooks'),
    };
    await expect(resolveNotebookPath(request)).rejects.toMatchObject({ code: 'path/not-allowed' });
  });

  it.each(['notes.txt', '../folder.ipynb', 'sub', '../secret.ipynb.txt'])(
    '%s is no notebook',
    async (requested) => {
      await expect(resolve(requested)).rejects.toMatchObject({ code: 'notebook/invalid' });
    },
  );

  it.each([
    ['trian.ipynb', '"train.ipynb"'],
    ['train', '"train.ipynb"'],
    ['eval.ipynb', '"sub/eval.ipynb"'],
    ['Top.ipynb', '"top.ipynb"'],
  ])('X91: %s is not found, and near names are listed', async (requested, near) => {
    await expect(resolve(requested)).rejects.toMatchObject({
      code: 'path/not-found',
      hint: expect.stringContaining(near),
    });
  });

  it.each(['', '  ', 'a\0b.ipynb'])('%j is no path', async (requested) => {
    await expect(resolve(requested)).rejects.toMatchObject({ code: 'input/invalid' });
  });

  it('in a project without notebooks says how to get one', async () => {
    const request = {
      requested: 'a.ipynb',
      notebookDir: path.join(dir, 'nothing'),
      projectDir: path.join(dir, 'nothing'),
    };
    await expect(resolveNotebookPath(request)).rejects.toMatchObject({
      hint: expect.stringContaining('start_new_notebook'),
    });
  });
});

describe('a copy', () => {
  it('gets a name that is free', async () => {
    const file = path.join(dir, 'outside/y.ipynb');
    expect(path.basename(await copyNotebook(file, '_continued'))).toBe('y_continued.ipynb');
    expect(path.basename(await copyNotebook(file, '_continued'))).toBe('y_continued_2.ipynb');
  });
});
