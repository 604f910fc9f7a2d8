import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findProjectDir } from './project.ts';

let top = '';
beforeEach(async () => {
  top = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-project-')));
});
afterEach(() => rm(top, { recursive: true, force: true }));

async function folder(...parts: readonly string[]): Promise<string> {
  const dir = path.join(top, ...parts);
  await mkdir(dir, { recursive: true });
  return dir;
}
const env = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  HOME: path.join(top, 'home'),
  ...more,
});

it.each(['.glovebox', '.git', 'pyproject.toml', 'glovebox.toml'])(
  'finds the nearest folder above with %s',
  async (marker) => {
    const cwd = await folder('outer/project/src/deep');
    await mkdir(path.join(top, 'outer/.git'));
    await writeFile(path.join(top, 'outer/project', marker), '');
    expect(findProjectDir({ env: env(), cwd })).toBe(path.join(top, 'outer/project'));
  },
);

it('X90: is the same from every sub-folder, also through a link', async () => {
  const cwd = await folder('project/a/b');
  await folder('project/.git');
  await symlink(path.join(top, 'project'), path.join(top, 'link'));
  const found = [cwd, path.join(top, 'link/a'), path.join(top, 'link')].map((dir) =>
    findProjectDir({ env: env(), cwd: dir }),
  );
  expect(new Set(found)).toEqual(new Set([path.join(top, 'project')]));
});

it('never climbs to the home folder, which holds our own .glovebox, nor above it', async () => {
  const cwd = await folder('home/work/x');
  await folder('home/.glovebox');
  await folder('.git');
  expect(findProjectDir({ env: env(), cwd })).toBe(cwd);
  expect(findProjectDir({ env: env(), cwd: path.join(top, 'home') })).toBe(path.join(top, 'home'));
});

it('takes the working directory when nothing looks like a project, even /', async () => {
  const cwd = await folder('plain');
  await folder('home');
  expect(findProjectDir({ env: env({ HOME: top }), cwd })).toBe(cwd);
  expect(findProjectDir({ env: env(), cwd: '/' })).toBe('/');
});

it('P15: believes what it is told first: our variable, the host, the roots of the client', async () => {
  const [own, host, root, cwd] = [
    await folder('own'),
    await folder('host'),
    await folder('root'),
    await folder('cwd'),
  ];
  const roots = [path.join(top, 'missing'), root];
  const CLAUDE_PROJECT_DIR = host;
  expect(
    findProjectDir({ env: env({ CLAUDE_PROJECT_DIR, GLOVEBOX_PROJECT_DIR: own }), cwd, roots }),
  ).toBe(own);
  expect(
    findProjectDir({
      env: env({ CLAUDE_PROJECT_DIR, JLAB_MCP_PROJECT_DIR: '../own' }),
      cwd,
      roots,
    }),
  ).toBe(own);
  expect(findProjectDir({ env: env({ CLAUDE_PROJECT_DIR }), cwd, roots })).toBe(host);
  expect(findProjectDir({ env: env(), cwd, roots })).toBe(root);
});

it('P12: takes a variable that was passed on literally as unset', async () => {
  const cwd = await folder('cwd');
  const literal = { CLAUDE_PROJECT_DIR: '${CLAUDE_PROJECT_DIR}', GLOVEBOX_PROJECT_DIR: '  ' };
  expect(findProjectDir({ env: env(literal), cwd })).toBe(cwd);
});
