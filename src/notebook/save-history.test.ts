/** An editor that saves the version it once loaded over newer saves: nothing it never saw is lost, and what it deleted stays deleted. */
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import {
  editByHand,
  printed,
  sourcesIn,
  useNotebookFolder,
} from '../../test/rigs/notebook-folder.ts';
import { readNotebookFile } from '../../test/rigs/read-notebook-file.ts';

const folder = useNotebookFolder();

/** What an editor holds that has loaded the file now and is not told of later changes. */
async function loadInEditor(file: string): Promise<{
  save(change?: (cells: Record<string, unknown>[]) => void): Promise<void>;
}> {
  const loaded = await readFile(file, 'utf8');
  return {
    async save(change = () => undefined) {
      await writeFile(file, loaded);
      await editByHand(file, change);
    },
  };
}

const put = (source: string) => (cells: Record<string, unknown>[]) => {
  cells.push({ cell_type: 'markdown', id: `by-hand-${cells.length}`, metadata: {}, source });
};
const idIn = (cell: Record<string, unknown> | undefined): unknown => cell?.['id'];

describe('an older version over our saves', () => {
  it('X80: cells that the editor never had come back, with its own', async () => {
    const notebook = await folder.withCells('a');
    const editor = await loadInEditor(notebook.path);
    notebook.insertCell({ type: 'code', source: 'b' }, { at: 'end' });
    await notebook.flush();
    notebook.insertCell({ type: 'markdown', source: 'c' }, { at: 'end' });
    await notebook.flush();
    await editor.save(put('person'));
    await notebook.refresh();
    const { notices } = await notebook.flush();
    expect((await sourcesIn(notebook.path)).toSorted()).toEqual(['a', 'b', 'c', 'person']);
    expect(notices.join('\n')).toMatch(/older version .* put back, with 2 cells/);
    expect(notices.join('\n')).not.toContain('removed');
  });

  it('comes again and again, and is put right each time', async () => {
    const notebook = await folder.withCells('a');
    const editor = await loadInEditor(notebook.path);
    notebook.insertCell({ type: 'code', source: 'b' }, { at: 'end' });
    await notebook.flush();
    for (let time = 0; time < 3; time += 1) {
      await editor.save();
      await notebook.refresh();
      await notebook.flush();
      expect(await sourcesIn(notebook.path)).toEqual(['a', 'b']);
    }
  });

  it('is noticed without anybody asking', async () => {
    const notebook = await folder.withCells('a');
    const editor = await loadInEditor(notebook.path);
    notebook.insertCell({ type: 'code', source: 'b' }, { at: 'end' });
    await notebook.flush();
    await editor.save(put('person'));
    await expect
      .poll(() => sourcesIn(notebook.path), { timeout: 15_000 })
      .toEqual(['a', 'b', 'person']);
  });

  it('is noticed when the notebook is closed', async () => {
    const notebook = await folder.withCells('a');
    const editor = await loadInEditor(notebook.path);
    notebook.insertCell({ type: 'code', source: 'b' }, { at: 'end' });
    await notebook.flush();
    await editor.save();
    await notebook.close();
    expect(await sourcesIn(notebook.path)).toEqual(['a', 'b']);
  });

  it('what it deletes after having seen it stays deleted, also the last cell', async () => {
    const notebook = await folder.withCells('a', 'b', 'c');
    const editor = await loadInEditor(notebook.path);
    notebook.insertCell({ type: 'code', source: 'd' }, { at: 'end' });
    await notebook.flush();
    await editor.save((cells) => void cells.splice(1, 2));
    await notebook.refresh();
    await notebook.flush();
    expect(await sourcesIn(notebook.path)).toEqual(['a', 'd']);
  });

  it('sources, deletions, moves and outputs are made again', async () => {
    const notebook = await folder.withCells('a', 'b', 'c', 'd');
    const editor = await loadInEditor(notebook.path);
    const ran = notebook.cell(3).id;
    notebook.setSource(0, 'A');
    notebook.deleteCells([1]);
    notebook.moveCell(1, { at: 'index', index: 0 });
    await notebook.flush();
    notebook.setOutputs(ran, printed('out'), 7);
    await notebook.flush();
    await editor.save();
    await notebook.refresh();
    await notebook.flush();
    const cells = await readNotebookFile(notebook.path);
    expect(cells.map(({ source }) => source)).toEqual(['c', 'A', 'd']);
    expect(JSON.stringify(cells[2])).toContain('out');
  });

  it('outputs of a person who ran the cell in that editor stay', async () => {
    const notebook = await folder.withCells('a');
    const { id } = notebook.cell(0);
    const editor = await loadInEditor(notebook.path);
    notebook.setOutputs(id, printed('of the agent'), 7);
    await notebook.flush();
    await editor.save(([cell]) => {
      Object.assign(cell ?? {}, { execution_count: 8, outputs: printed('of the person') });
    });
    await notebook.refresh();
    await notebook.flush();
    const text = JSON.stringify(await readNotebookFile(notebook.path));
    expect(text).toContain('of the person');
    expect(text).not.toContain('of the agent');
  });

  it('a cell that both edited is a conflict, and the file keeps the version of the editor', async () => {
    const notebook = await folder.withCells('a');
    const editor = await loadInEditor(notebook.path);
    notebook.setSource(0, 'agent');
    await notebook.flush();
    await editor.save(([cell]) => Object.assign(cell ?? {}, { source: ['person'] }));
    await notebook.refresh();
    const { notices } = await notebook.settle();
    expect(notices.join('\n')).toMatch(/at the same time[\s\S]*person[\s\S]*agent/);
    await notebook.flush();
    expect(await sourcesIn(notebook.path)).toEqual(['person']);
  });

  it('two processes each put back their own, and come to rest', async () => {
    const first = await folder.withCells('a');
    const otherProcess = folder.newProcess();
    const second = await otherProcess.open(first.path);
    const editor = await loadInEditor(first.path);
    for (const source of ['b', 'd']) {
      first.insertCell({ type: 'code', source }, { at: 'end' });
      await first.flush();
      second.insertCell({ type: 'code', source: `${source} of the second` }, { at: 'end' });
      await second.flush();
    }
    const all = ['a', 'b', 'b of the second', 'd', 'd of the second', 'person'];
    await editor.save(put('person'));
    for (const notebook of [first, second, first, second]) {
      await notebook.refresh();
      await notebook.flush();
    }
    expect((await sourcesIn(first.path)).toSorted()).toEqual(all);
    const bytes = await readFile(first.path, 'utf8');
    for (const notebook of [first, second]) {
      await notebook.refresh();
      await notebook.flush();
    }
    expect(await readFile(first.path, 'utf8')).toBe(bytes);
    await otherProcess.closeAll();
  });
});

describe('an editor that drops metadata', () => {
  it('has seen the save of every cell of ours that it has, so its deletions are kept', async () => {
    const notebook = await folder.withCells();
    for (const source of ['a', 'b', 'c']) {
      notebook.insertCell({ type: 'code', source }, { at: 'end' });
      await notebook.flush();
    }
    const content: unknown = JSON.parse(await readFile(notebook.path, 'utf8'));
    if (!isRecord(content) || !Array.isArray(content['cells'])) throw new Error('no notebook');
    const gone = idIn(content['cells'].splice(1, 1)[0]);
    await writeFile(notebook.path, JSON.stringify({ ...content, metadata: {} }));
    await notebook.refresh();
    await notebook.flush();
    expect(await sourcesIn(notebook.path)).toEqual(['a', 'c']);
    expect(notebook.cells().map(({ id }) => id)).not.toContain(gone);
  });
});
