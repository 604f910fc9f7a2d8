/** What tests ask of the Python environments that were made. */
import { readdir } from 'node:fs/promises';
import { expect } from 'vitest';
import { runCommand } from '#platform/process.ts';

/** What a program prints, in an environment of nothing but a PATH. Fails the test with its errors. */
export async function output(argv: readonly string[]): Promise<string> {
  const result = await runCommand(argv, { env: { PATH: '/usr/bin:/bin' }, timeoutMs: 60_000 });
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return result.stdout.trim();
}

/** The names of those in a folder, without what is under way. */
export async function environmentsIn(folder: string): Promise<readonly string[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  return names.filter((name) => !name.startsWith('.'));
}
