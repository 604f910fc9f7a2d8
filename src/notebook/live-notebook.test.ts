/** An open notebook among other writers, and its file. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import {
  editByHand,
  printed,
  sourcesIn,
  useNotebookFolder,
} from '../../test/rigs/notebook-folder.ts';
import { systemClock as clock } from '#platform/clock.ts';
import { silentLog as log } from '#platform/log.ts';
import { runProgram } from '../../test/rigs/program.ts';
import { readNotebookFile } from '../../test/rigs/read-notebook-file.ts';

import { openStore } from './open-store.ts';
import type { NotebookStore } from './stores/store.ts';

const folder = useNotebookFolder();

describe('what others write', () => {
  it('is seen by refresh', async () => {
    const notebook = await folder.withCells('a');
    await editByHand(notebook.path, (cells) => Object.assign(cells[0] ?? {}, { source: 'edited' }));
    await notebook.refresh();
    expect(notebook.cell(0).source).toBe('edited');
  });

  it('X80: is kept by a save, and told', async () => {
    const notebook = await folder.withCells('a', 'b');
    const { id } = notebook.cell(1);
    await editByHand(notebook.path, (cells) => {
      Object.assign(cells[0] ?? {}, { source: 'edited' });
      cells.unshift({ cell_type: 'raw', id: 'first', metadata: {}, source: 'first' });
    });
    notebook.setOutputs(id, printed('x'), 1);
    const { notices } = await notebook.flush();
    expect(notices).toEqual([
      'The notebook was changed on disk meanwhile (1 cell changed, 1 added); that was kept.',
    ]);
    expect(await sourcesIn(notebook.path)).toEqual(['first', 'edited', 'b']);
    expect(notebook.cell(2)).toMatchObject({ id, outputs: printed('x') });
  });

  it('D6: conflict goes to the one whose edit it is, with both texts, and the rest is saved', async () => {
    const notebook = await folder.withCells('a', 'b');
    const [a, b] = notebook.cells();
    await editByHand(notebook.path, (cells) => Object.assign(cells[0] ?? {}, { source: 'theirs' }));
    notebook.setSource(a?.id ?? '', 'ours');
    notebook.setSource(b?.id ?? '', 'fine');
    const error: unknown = await notebook.flush().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'notebook/conflict' });
    expect(String(error)).toMatch(/theirs[^]*ours/);
    expect(await sourcesIn(notebook.path)).toEqual(['theirs', 'fine']);
    expect(notebook.cell(0).source).toBe('theirs');
    expect(await notebook.flush()).toMatchObject({ saved: true });
  });

  it('D6: conflict is a notice at the end of a run', async () => {
    const notebook = await folder.withCells('a');
    await editByHand(notebook.path, (cells) => Object.assign(cells[0] ?? {}, { source: 'theirs' }));
    notebook.setSource(0, 'ours');
    const { notices } = await notebook.settle();
    expect(notices.join('\n')).toMatch(/theirs[^]*ours/);
    expect(await notebook.flush()).toEqual({ notices: [], saved: true });
  });

  it('X69: pins outputs to their cell', async () => {
    const notebook = await folder.withCells('a', 'b');
    const { id } = notebook.cell(1);
    await editByHand(notebook.path, (cells) => cells.splice(0, 1));
    notebook.setOutputs(id, printed('x'), 1);
    await notebook.flush();
    expect(await readNotebookFile(notebook.path)).toMatchObject([{ id, outputs: printed('x') }]);
    await editByHand(notebook.path, (cells) =>
      Object.assign(cells[0] ?? {}, { cell_type: 'markdown' }),
    );
    await notebook.refresh();
    expect(notebook.setOutputs(id, printed('y'), 2)).toBe(false);
  });

  it('is given time when it is half a file', async () => {
    const notebook = await folder.withCells('a');
    const text = await readFile(notebook.path, 'utf8');
    await writeFile(notebook.path, text.slice(0, 40));
    const refreshed = notebook.refresh();
    await writeFile(notebook.path, text.replace('"a"', '"b"'));
    await refreshed;
    expect(notebook.cell(0).source).toBe('b');
  });

  it('D6: is never written over when it cannot be read', async () => {
    const notebook = await folder.withCells('a');
    await writeFile(notebook.path, 'half a fi');
    notebook.setSource(0, 'b');
    await expect(notebook.flush()).rejects.toMatchObject({
      code: 'notebook/save-failed',
      hint: expect.stringContaining('Repair'),
    });
    await expect(notebook.refresh()).rejects.toMatchObject({ code: 'notebook/invalid' });
    expect(await readFile(notebook.path, 'utf8')).toBe('half a fi');
    expect(notebook.cell(0).source).toBe('b');
    await writeFile(notebook.path, '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}');
    const { notices } = await notebook.flush();
    expect(notices.join('\n')).toContain('put back');
    expect(await sourcesIn(notebook.path)).toEqual(['b']);
  });

  it('may be nothing any more: the file is made again, and that is told', async () => {
    const notebook = await folder.withCells('a');
    await rm(notebook.path);
    await notebook.refresh();
    notebook.insertCell({ type: 'code', source: 'b' }, { at: 'end' });
    const { notices } = await notebook.flush();
    expect(notices).toEqual([expect.stringContaining('was removed meanwhile')]);
    expect(await sourcesIn(notebook.path)).toEqual(['a', 'b']);
  });
});

describe('saving', () => {
  it('of a small notebook is done when it has settled', async () => {
    const notebook = await folder.withCells();
    for (let count = 0; count < 5; count += 1) {
      notebook.insertCell({ type: 'code', source: `${count}` }, { at: 'end' });
      notebook.scheduleSave();
      const { saved } = await notebook.settle();
      if (saved) expect((await sourcesIn(notebook.path)).length).toBe(count + 1);
    }
    await notebook.flush();
    expect((await sourcesIn(notebook.path)).length).toBe(5);
  });

  it('of a big notebook is not waited for, and happens all the same', async () => {
    const notebook = await folder.withCells('a');
    const { id } = notebook.cell(0);
    notebook.setOutputs(id, printed('x'.repeat(2_000_000)), 1);
    await notebook.flush();
    notebook.insertCell({ type: 'code', source: 'b' }, { at: 'end' });
    expect((await notebook.settle()).saved).toBe(false);
    await vi.waitFor(async () => expect(await sourcesIn(notebook.path)).toEqual(['a', 'b']), {
      timeout: 20_000,
    });
    await vi.waitFor(async () => expect((await notebook.settle()).saved).toBe(true));
  });

  it('X88: does not write a cell anew that did not change', async () => {
    const notebook = await folder.withCells(
      ...Array.from({ length: 50 }, (_, index) => `cell ${index}`),
    );
    const stringify = vi.spyOn(JSON, 'stringify');
    try {
      notebook.setOutputs(notebook.cell(7).id, printed('x'), 1);
      await notebook.flush();
      const texts = stringify.mock.calls.map(([value]) =>
        String(JSON.parse(JSON.stringify(value) ?? 'null')),
      );
      expect(texts.some((text) => text.includes('cell 1'))).toBe(false);
      expect(stringify.mock.calls.length).toBeLessThan(20);
    } finally {
      stringify.mockRestore();
    }
  });

  it('D7, X75: that fails keeps everything, and is made up for', async () => {
    const notebook = await folder.withCells('a');
    const { id } = notebook.cell(0);
    await rm(notebook.path);
    await rm(folder.dir, { recursive: true });
    await writeFile(folder.dir, 'a file in the way');
    notebook.setOutputs(id, printed('x'), 1);
    await expect(notebook.flush()).rejects.toMatchObject({
      code: 'notebook/save-failed',
      hint: expect.stringContaining('kept in memory'),
    });
    expect(notebook.cell(id).outputs).toEqual(printed('x'));
    await rm(folder.dir);
    await folder.notebooks.createFresh(folder.dir, 'other');
    await notebook.flush();
    expect(await readNotebookFile(notebook.path)).toMatchObject([{ id, outputs: printed('x') }]);
  });

  it('at the end saves all', async () => {
    const first = await folder.withCells('a');
    const second = await folder.withCells('b');
    first.setSource(0, 'a2');
    second.setSource(0, 'b2');
    await folder.notebooks.closeAll();
    expect([await sourcesIn(first.path), await sourcesIn(second.path)]).toEqual([['a2'], ['b2']]);
    expect(await folder.names()).toEqual(['a.ipynb', 'a_2.ipynb']);
  });
});

describe('several writers', () => {
  it('D7, X72: thirty edits at a time leave thirty cells', async () => {
    const notebook = await folder.withCells();
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await notebook.refresh();
        notebook.insertCell({ type: 'markdown', source: `note ${index}` }, { at: 'end' });
        await notebook.flush();
      }),
    );
    expect(new Set(await sourcesIn(notebook.path)).size).toBe(30);
  });

  it('D7: in two processes, with a person between them, lose nothing', async () => {
    const notebook = await folder.withCells('start');
    const code = `
      import { systemClock } from '#platform/clock.ts';
      import { silentLog } from '#platform/log.ts';
      import { createNotebooks } from '#notebook/open-notebook.ts';
      const notebooks = createNotebooks({ locksDir: process.env.LOCKS, clock: systemClock, log: silentLog });
      const notebook = await notebooks.open(process.env.FILE);
      console.log('ready');
      await Promise.all(Array.from({ length: 30 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * 7));
        await notebook.refresh();
        notebook.insertCell({ type: 'markdown', source: process.env.NAME + ' ' + index }, { at: 'end' });
        await notebook.flush();
      }));
      await notebooks.closeAll();
    `;
    const env = { FILE: notebook.path, LOCKS: folder.locksDir };
    const programs = ['left', 'right'].map((name) => runProgram(code, { ...env, NAME: name }));
    await Promise.all(programs.map((program) => program.printed('ready')));
    // A person's editor does not know the lock, so it saves as editors do: only over what it has read.
    const person = folder.newProcess();
    const hand = await person.open(notebook.path);
    hand.setSource(0, 'edited by hand');
    await hand.flush();
    const ends = await Promise.all(programs.map((program) => program.ended));
    expect(ends.map(({ code: status, output }) => [status, output])).toEqual([
      [0, 'ready\n'],
      [0, 'ready\n'],
    ]);
    await person.closeAll();
    const sources = await sourcesIn(notebook.path);
    const expected = ['left', 'right'].flatMap((name) =>
      Array.from({ length: 30 }, (_, index) => `${name} ${index}`),
    );
    expect(sources.toSorted()).toEqual(['edited by hand', ...expected].toSorted());
  });

  // A lock that was made and not yet signed when its owner was killed is stale only after 30 s.
  it('X74: one of which is killed leave a whole notebook with all that was acknowledged', async () => {
    const notebook = await folder.withCells('start');
    const code = `
      import { systemClock } from '#platform/clock.ts';
      import { silentLog } from '#platform/log.ts';
      import { createNotebooks } from '#notebook/open-notebook.ts';
      const notebooks = createNotebooks({ locksDir: process.env.LOCKS, clock: systemClock, log: silentLog });
      const notebook = await notebooks.open(process.env.FILE);
      for (let index = 0; ; index += 1) {
        const { id } = notebook.insertCell({ type: 'code', source: 'cell ' + index }, { at: 'end' });
        notebook.setOutputs(id, [{ output_type: 'stream', name: 'stdout', text: 'x'.repeat(20000) }], index);
        await notebook.flush();
        process.stdout.write('saved ' + index + '.');
      }
    `;
    const program = runProgram(code, { FILE: notebook.path, LOCKS: folder.locksDir });
    await program.printed('saved 9.');
    program.process.kill('SIGKILL');
    const { output } = await program.ended;
    const acknowledged = [...output.matchAll(/saved (\d+)\./g)].map(([, index]) => `cell ${index}`);
    const sources = await sourcesIn(notebook.path);
    expect(sources.slice(0, acknowledged.length + 1)).toEqual(['start', ...acknowledged]);
    // The lock of the dead process is no obstacle.
    notebook.setSource(0, 'still here');
    await notebook.flush();
    expect((await sourcesIn(notebook.path))[0]).toBe('still here');
  }, 60_000);
});

it('an edit outlasts a look at the file that takes long, and somebody else who writes during the save', async () => {
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  };
  const texts = ['a', 'b'].map((source, index) => ({
    cell_type: 'code',
    id: `cell-${index}`,
    metadata: {},
    outputs: [],
    execution_count: null,
    source,
  }));
  let file = JSON.stringify({ cells: texts, metadata: {}, nbformat: 4, nbformat_minor: 5 });
  let count = 1;
  const writtenByOthers = (before: string, after: string): void => {
    file = file.replace(before, after);
    count += 1;
  };
  let slowLook: Promise<void> | undefined;
  let duringWrite: (() => Promise<void>) | undefined;
  const store: NotebookStore = {
    path: 'in memory',
    exclusively: (work) => work(),
    version: () => Promise.resolve(String(count)),
    async load() {
      const loaded = { bytes: Buffer.from(file), version: String(count) };
      const slow = slowLook;
      slowLook = undefined;
      await slow;
      return loaded;
    },
    async write(chunks, expected) {
      await duringWrite?.();
      if (String(count) !== expected) return undefined;
      file = Buffer.concat([...chunks]).toString();
      count += 1;
      return String(count);
    },
    sync: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    removeLeftovers: () => Promise.resolve(),
    unfinishedBackup: () => Promise.resolve(undefined),
  };
  const notebook = await openStore(store, { clock, log });
  writtenByOthers('"a"', '"a, edited"');
  let endLook: (() => void) | undefined;
  slowLook = new Promise((resolve) => {
    endLook = resolve;
  });
  const look = notebook.refresh();
  await turns();
  notebook.setSource('cell-1', 'b, edited here');
  duringWrite = async () => {
    duringWrite = undefined;
    writtenByOthers('a, edited', 'a, edited again');
    endLook?.();
    await turns();
  };
  const saved = notebook.flush();
  await turns();
  endLook?.();
  await Promise.all([look, saved]);
  notebook.stop();
  expect(file).toContain('a, edited again');
  expect(file).toContain('b, edited here');
  expect(notebook.cell('cell-1').source).toBe('b, edited here');
});
