/** A copy in a sandbox that cannot be trusted to be there. */
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import { createNotebooks, type Notebooks } from '#notebook/open-notebook.ts';
import type { PairBase } from '#notebook/pair-base.ts';
import { ContentsStore, type ContentsClient } from '#notebook/stores/contents.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { NotebookCopy } from './notebook-copy.ts';

let dir: string;
let notebooks: Notebooks;
let record: OpenNotebook;
let told: string[];
let remembered: PairBase | undefined;
let copies: NotebookCopy[];
/** The server's one file. */
let there: string | undefined;
let writes: number;
let isReachable: boolean;
let isFull = false;

const client: ContentsClient = {
  version: async () => (check(), there === undefined ? undefined : `${writes} ${there.length}`),
  read: async () => (
    check(),
    there === undefined ? undefined : { text: there, version: `${writes} ${there.length}` }
  ),
  write: async (_path, text) => {
    check();
    if (isFull) throw new GloveboxError('server/error', 'The disk is full.');
    there = text;
    writes += 1;
    return `${writes} ${text.length}`;
  },
  remove: async () => (check(), (there = undefined)),
};

function check(): void {
  if (!isReachable) throw new GloveboxError('server/unreachable', 'It does not answer.');
}

/** As a person's editor does. */
function save(text: string): void {
  there = text;
  writes += 1;
}

beforeEach(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-copy-')));
  notebooks = createNotebooks({
    locksDir: path.join(dir, 'locks'),
    clock: systemClock,
    log: silentLog,
  });
  record = await notebooks.createFresh(dir, 'record');
  record.insertCell({ type: 'code', source: 'first' }, { at: 'end' });
  [there, writes, isReachable, told, remembered, copies] = [undefined, 0, true, [], undefined, []];
});
afterEach(async () => {
  await Promise.all(copies.map((copy) => copy.close({ isLast: false })));
  await notebooks.closeAll();
  await rm(dir, { recursive: true, force: true });
});

function newCopy(): NotebookCopy {
  const copy = new NotebookCopy({
    record,
    store: new ContentsStore({ client, serverPath: 'n.ipynb', serverName: 'the server' }),
    readRecord: () => readFile(record.path),
    base: remembered,
    remember: async (base) => {
      remembered = base;
    },
    clock: systemClock,
    log: silentLog,
    notify: (text) => told.push(text),
  });
  copies.push(copy);
  return copy;
}

const sources = (): readonly string[] => record.cells().map(({ source }) => source);

it('D12: out of reach it holds nothing up, and catches up in both directions afterwards', async () => {
  const copy = newCopy();
  await copy.sync();
  expect(there).toContain('first');
  save((there ?? '').replace('first', 'first of the person'));
  isReachable = false;
  record.insertCell({ type: 'code', source: 'second' }, { at: 'end' });
  await expect(copy.sync()).rejects.toMatchObject({ code: 'server/unreachable' });
  await record.flush();
  isReachable = true;
  await copy.sync();
  expect(sources()).toEqual(['first of the person', 'second']);
  expect(there).toContain('second');
  expect(told).toHaveLength(1);
});

it('D12: what was not written is not remembered', async () => {
  const copy = newCopy();
  await copy.sync();
  const before = remembered;
  record.insertCell({ type: 'code', source: 'second' }, { at: 'end' });
  isFull = true;
  await expect(copy.sync()).rejects.toMatchObject({ code: 'notebook/save-failed' });
  expect(remembered).toBe(before);
  isFull = false;
  await copy.sync();
  expect(remembered?.cells).toHaveLength(2);
});

it('D12: a copy that is broken for long is made anew, and takes nothing from the record', async () => {
  const copy = newCopy();
  await copy.sync();
  save('{"cells": [');
  await expect(copy.sync()).rejects.toMatchObject({ code: 'notebook/invalid' });
  await expect(copy.sync()).rejects.toMatchObject({ code: 'notebook/invalid' });
  expect(there).toBe('{"cells": [');
  await copy.sync();
  expect(there).toContain('first');
  expect(sources()).toEqual(['first']);
  expect(told).toEqual([expect.stringContaining('made anew')]);
  save((there ?? '').replace('first', 'edited'));
  await copy.sync();
  expect(sources()).toEqual(['edited']);
});

it('D12: a copy from before the last time takes nothing away; a newer one counts', async () => {
  await newCopy().sync();
  const older = there ?? '';
  record.insertCell({ type: 'code', source: 'second' }, { at: 'end' });
  const [first] = copies;
  await first?.sync();
  await first?.close({ isLast: false });
  save(older);
  await newCopy().sync();
  expect(sources()).toEqual(['first', 'second']);
  await copies.at(-1)?.close({ isLast: false });
  save((there ?? '').replace('second', 'second of the person'));
  await newCopy().sync();
  expect(sources()).toEqual(['first', 'second of the person']);
});
