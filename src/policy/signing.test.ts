/** The key of a state folder: made once, and a damaged one is told of and not replaced unseen. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyFile } from './policy-dir.ts';
import { isSigned, sign } from './signing.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-signing-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('signs with one key, also for two who come at once', async () => {
  const [one, two] = await Promise.all([sign(dir, 'text'), sign(dir, 'text')]);
  expect(one).toBe(two);
  expect(await isSigned(dir, 'text', one)).toBe(true);
  expect(await isSigned(dir, 'other', one)).toBe(false);
});

it('names a key that a power cut has left empty, and takes nothing for signed by it', async () => {
  mkdirSync(path.dirname(keyFile(dir)), { mode: 0o700 });
  writeFileSync(keyFile(dir), '');
  await expect(sign(dir, 'text')).rejects.toMatchObject({
    code: 'storage/failed',
    hint: expect.stringContaining('Remove that file'),
  });
  expect(await isSigned(dir, 'text', '')).toBe(false);
});
