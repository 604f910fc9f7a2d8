/** Managed Python environments for tests: made once per checkout and shared, since making one takes half a minute. */
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { testPython } from './python.ts';

const SHARED = path.resolve(import.meta.dirname, '../../.cache/envs');

/** Makes a state folder that holds nothing but the shared environments. */
export function makeStateFolder(dir: string): void {
  mkdirSync(SHARED, { recursive: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  symlinkSync(SHARED, path.join(dir, 'envs'));
}

/** Variables for a process that starts kernels: the tests' interpreter, and where packages come from on this machine. */
export function pythonVariables(): Readonly<Record<string, string>> {
  const index = Object.entries(process.env).filter(([name]) => /^(PIP|UV|SSL)_/.test(name));
  const entries = index.map(([name, value = '']) => [name, value] as const);
  return { ...Object.fromEntries(entries), GLOVEBOX_PYTHON: testPython() };
}
