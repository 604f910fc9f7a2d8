import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSpareFile, SpareFile } from './spare-file.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gb-spare-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('becomes the file that is asked for, once', () => {
  const spare = new SpareFile(dir);
  const file = path.join(dir, 'a.jsonl');
  expect(spare.take(file)).toBeUndefined();
  spare.prepare();
  spare.prepare();
  expect(readdirSync(dir).map(isSpareFile)).toEqual([true]);
  const descriptor = spare.take(file);
  writeSync(descriptor ?? -1, 'line\n');
  expect(readFileSync(file, 'utf8')).toBe('line\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(spare.take(path.join(dir, 'b.jsonl'))).toBeUndefined();
  expect(readdirSync(dir)).toEqual(['a.jsonl']);
});

it('that somebody removed, or whose folder is missing, is none; and it leaves nothing', () => {
  const spare = new SpareFile(dir);
  spare.prepare();
  for (const name of readdirSync(dir)) rmSync(path.join(dir, name));
  expect(spare.take(path.join(dir, 'a.jsonl'))).toBeUndefined();
  spare.prepare();
  spare.remove();
  expect(readdirSync(dir)).toEqual([]);
  const nowhere = new SpareFile(path.join(dir, 'missing'));
  nowhere.prepare();
  expect(nowhere.take(path.join(dir, 'a.jsonl'))).toBeUndefined();
});
