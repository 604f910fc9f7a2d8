import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { runProgram } from '../../test/rigs/program.ts';
import { systemClock as clock } from './clock.ts';
import { RecordStore } from './records.ts';

const schema = z.object({
  count: z.number(),
  label: z.string().optional(),
  inner: z.object({ a: z.number() }).optional(),
});
type Thing = z.output<typeof schema>;

let dir = '';
let folder = '';
let damaged: string[] = [];
let store: RecordStore<Thing>;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'gb-records-'));
  folder = path.join(dir, 'state/things');
  damaged = [];
  const onDamaged = (message: string): void => void damaged.push(message);
  store = new RecordStore({
    folder,
    name: 'thing',
    parse: (raw) => schema.parse(raw),
    clock,
    onDamaged,
  });
});
afterEach(() => rm(dir, { recursive: true, force: true }));
const fail = (): never => {
  throw new Error('refused');
};

const raw = (id: string): Promise<string> => readFile(path.join(folder, `${id}.json`), 'utf8');
const put = (id: string, text: string): Promise<void> =>
  writeFile(path.join(folder, `${id}.json`), text);

describe('a record', () => {
  it('is created once, private, and found again', async () => {
    expect(await store.create('a', { count: 1 })).toEqual({ count: 1 });
    expect(await store.read('a')).toEqual({ count: 1 });
    expect(JSON.parse(await raw('a'))).toEqual({ count: 1, version: 1, rev: 1 });
    expect((await stat(path.join(folder, 'a.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await expect(store.create('a', { count: 2 })).rejects.toMatchObject({ code: 'record/exists' });
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('makes nothing by reading, removing or failing to update', async () => {
    expect(await store.read('a')).toBeUndefined();
    expect(await store.list()).toEqual([]);
    await store.remove('a');
    await expect(store.update('a', (same) => same)).rejects.toMatchObject({
      code: 'record/missing',
    });
    expect(await readdir(dir)).toEqual([]);
  });

  it('cannot be named so that it lies outside the folder', async () => {
    await store.create('a', { count: 1 });
    for (const id of ['../things/a', 'a/../a', '', '.a', 'a\0']) {
      expect(await store.read(id)).toBeUndefined();
      await expect(store.create(id, { count: 1 })).rejects.toMatchObject({ code: 'internal' });
      await expect(store.update(id, (same) => same)).rejects.toMatchObject({
        code: 'record/missing',
      });
    }
  });

  it('keeps fields it does not know, also inside, and drops those that were taken away', async () => {
    await store.create('a', { count: 1, label: 'x', inner: { a: 1 } });
    const later = { ...JSON.parse(await raw('a')), future: [1], inner: { a: 1, b: 2 } };
    await put('a', JSON.stringify(later));
    await store.update('a', ({ count }) => ({ count: count + 1, inner: { a: 5 } }));
    expect(JSON.parse(await raw('a'))).toEqual({
      count: 2,
      future: [1],
      inner: { a: 5, b: 2 },
      version: 1,
      rev: 2,
    });
  });

  it('is not written when nothing changes or the change throws', async () => {
    await store.create('a', { count: 1 });
    await store.update('a', (same) => same);
    await expect(store.update('a', fail)).rejects.toThrow('refused');
    expect(JSON.parse(await raw('a'))).toEqual({ count: 1, version: 1, rev: 1 });
  });

  it('can be removed, twice', async () => {
    await store.create('a', { count: 1 });
    await store.remove('a');
    await store.remove('a');
    expect(await store.read('a')).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });

  it('loses no update of ten processes', async () => {
    await store.create('a', { count: 0 });
    const code = `
      import { RecordStore } from '#platform/records.ts';
      import { systemClock as clock } from '#platform/clock.ts';
      const store = new RecordStore({ folder: process.env.FOLDER, name: 'thing', parse: (raw) => raw, clock, durable: false });
      for (let n = 0; n < 10; n++) await store.update('a', (it) => ({ ...it, count: it.count + 1 }));`;
    const programs = Array.from({ length: 10 }, () => runProgram(code, { FOLDER: folder }));
    const ends = await Promise.all(programs.map((program) => program.ended));
    expect(ends.map(({ code: exit, output }) => `${exit}${output}`)).toEqual(
      Array.from({ length: 10 }, () => '0'),
    );
    expect(JSON.parse(await raw('a'))).toEqual({ count: 100, version: 1, rev: 101 });
    expect(await readdir(folder)).toEqual(['a.json']);
  }, 60_000);
});

it('a file that holds the same text is parsed once, and one that changed anew', async () => {
  let parsed = 0;
  const counting = new RecordStore<Thing>({
    folder,
    name: 'thing',
    parse: (content) => {
      parsed += 1;
      return schema.parse(content);
    },
    clock,
  });
  await store.create('a', { count: 1 });
  for (let round = 0; round < 3; round += 1)
    expect(await counting.list()).toEqual([{ id: 'a', value: { count: 1 } }]);
  expect(parsed).toBe(1);
  await store.update('a', (thing) => ({ ...thing, count: 2 }));
  expect(await counting.read('a')).toEqual({ count: 2 });
  expect(parsed).toBe(2);
  await store.remove('a');
  expect(await counting.read('a')).toBeUndefined();
  await store.create('a', { count: 1 });
  expect(await counting.read('a')).toEqual({ count: 1 });
});

describe('a damaged record', () => {
  it.each([
    ['half a file', '{"count": 1'],
    ['another type', '[]'],
    ['a missing field', '{"version":1,"rev":3}'],
  ])('is set aside and never taken for absent: %s', async (_, text) => {
    await store.create('a', { count: 1 });
    await put('a', text);
    await expect(store.read('a')).rejects.toMatchObject({
      code: 'record/damaged',
      hint: expect.stringContaining('a.json.bad'),
    });
    expect(damaged).toHaveLength(1);
    expect(await readFile(path.join(folder, 'a.json.bad'), 'utf8')).toBe(text);
    await expect(store.read('a')).rejects.toMatchObject({ code: 'record/damaged' });
    await expect(store.update('a', (same) => same)).rejects.toMatchObject({
      code: 'record/damaged',
    });
    expect(await readdir(folder)).toEqual(['a.json.bad']);
  });

  it('does not hide the others from a list, and is reported by each', async () => {
    await store.create('a', { count: 1 });
    await store.create('b', { count: 2 });
    await put('a', 'nonsense');
    expect(await store.list()).toEqual([{ id: 'b', value: { count: 2 } }]);
    expect(damaged).toHaveLength(1);
    await store.list();
    expect(damaged).toHaveLength(2);
  });

  it('can be created anew', async () => {
    await store.create('a', { count: 1 });
    await put('a', '');
    await expect(store.read('a')).rejects.toMatchObject({ code: 'record/damaged' });
    await store.create('a', { count: 7 });
    expect(await store.read('a')).toEqual({ count: 7 });
  });

  it('stays where it is when it comes from a later version', async () => {
    await store.create('a', { count: 1 });
    await put('a', '{"version":2,"rev":1,"count":1}');
    await expect(store.read('a')).rejects.toMatchObject({
      code: 'record/damaged',
      hint: expect.stringContaining('newer'),
    });
    expect(await store.list()).toEqual([]);
    expect(await readdir(folder)).toEqual(['a.json']);
  });
});
