/** The built library in a program of a project that has it as a package. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { prepareForKernels, unpackBundle } from '../rigs/bundle.ts';

const root = path.resolve(import.meta.dirname, '../..');

it('a plain program imports the library, ends by itself, and leaves its notebook', async () => {
  const bundle = unpackBundle();
  const env = prepareForKernels(bundle);
  const installed = path.join(bundle.project, 'node_modules/glovebox');
  mkdirSync(path.join(installed, 'plugin'), { recursive: true });
  cpSync(path.join(root, 'package.json'), path.join(installed, 'package.json'));
  cpSync(bundle.file(''), path.join(installed, 'plugin/dist'), { recursive: true });
  cpSync(path.join(root, 'examples/program.mjs'), path.join(bundle.project, 'program.mjs'));
  const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], {
    cwd: bundle.project,
    env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
  });
  const said: { values: number[]; notebook: string } = JSON.parse(stdout);
  expect(said.values).toHaveLength(3);
  expect(readFileSync(said.notebook, 'utf8')).toContain('max(values) - min(values)');
  // Its types need no package that a project would have to install.
  const types = readFileSync(path.join(installed, 'plugin/dist/index.d.mts'), 'utf8');
  expect([...types.matchAll(/^import .* from "(.*)";$/gm)].map(([, from]) => from)).toEqual([
    'node:buffer',
  ]);
  expect(types).toContain('declare class Sandbox');
  expect(types).not.toMatch(/from "#|import\("/);
});
