/** Opening and making notebooks, and editing them in memory. */
import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  editByHand,
  kernel,
  printed,
  sourcesIn,
  useNotebookFolder,
} from '../../test/rigs/notebook-folder.ts';
import { readNotebookFile } from '../../test/rigs/read-notebook-file.ts';

const folder = useNotebookFolder();

describe('making and opening', () => {
  it('X68: never overwrites: the next free name is taken', async () => {
    const made = await Promise.all(
      ['x', 'x', 'x.ipynb'].map((name) =>
        folder.notebooks.createFresh(folder.dir, name, { kernel }),
      ),
    );
    expect(made.map((notebook) => path.basename(notebook.path)).toSorted()).toEqual([
      'x.ipynb',
      'x_2.ipynb',
      'x_3.ipynb',
    ]);
    await expect(folder.notebooks.create(path.join(folder.dir, 'x.ipynb'))).rejects.toMatchObject({
      code: 'path/exists',
    });
    expect(made[0]?.kernelName).toBe('python3');
  });

  it('gives one instance per real path', async () => {
    const first = await folder.withCells('1');
    await symlink('a.ipynb', path.join(folder.dir, 'link.ipynb'));
    const others = await Promise.all([
      folder.notebooks.open(first.path),
      folder.notebooks.open(path.join(folder.dir, 'link.ipynb')),
    ]);
    expect(others).toEqual([first, first]);
    await others[0]?.close();
    first.insertCell({ type: 'code', source: '2' }, { at: 'end' });
    await others[1]?.close();
    await first.close();
    expect(await sourcesIn(first.path)).toEqual(['1', '2']);
    expect(await folder.notebooks.open(first.path)).not.toBe(first);
  });

  it.each([
    ['no file', undefined, 'path/not-found'],
    ['no notebook', 'hello', 'notebook/invalid'],
    ['format 3', '{"worksheets":[],"nbformat":3}', 'notebook/unsupported'],
  ])('refuses %s', async (_, content, code) => {
    const file = path.join(folder.dir, 'b.ipynb');
    if (content !== undefined) await writeFile(file, content);
    await expect(folder.notebooks.open(file)).rejects.toMatchObject({ code });
    if (content !== undefined) expect(await readFile(file, 'utf8')).toBe(content);
  });

  it('changes nothing in a file that is only read', async () => {
    const text = '{"cells":[{"cell_type":"code","source":"1"}],"nbformat":4,"nbformat_minor":5}';
    const file = path.join(folder.dir, 'b.ipynb');
    await writeFile(file, text);
    const { mtimeMs } = await stat(file);
    const notebook = await folder.notebooks.open(file);
    await notebook.refresh();
    await notebook.close();
    expect(await readFile(file, 'utf8')).toBe(text);
    expect((await stat(file)).mtimeMs).toBe(mtimeMs);
  });

  it('D8: takes a new notebook back as long as it is untouched', async () => {
    const untouched = await folder.notebooks.createFresh(folder.dir, 'x');
    await folder.notebooks.discard(untouched);
    expect(await folder.names()).toEqual([]);
    const used = await folder.notebooks.createFresh(folder.dir, 'x');
    used.insertCell({ type: 'code', source: '1' }, { at: 'end' });
    await folder.notebooks.discard(used);
    const edited = await folder.notebooks.createFresh(folder.dir, 'y');
    await editByHand(edited.path, (cells) =>
      cells.push({ cell_type: 'raw', id: 'r', metadata: {}, source: '' }),
    );
    await folder.notebooks.discard(edited);
    expect(await folder.names()).toEqual(['x.ipynb', 'y.ipynb']);
    const old = await folder.notebooks.open(path.join(folder.dir, 'x.ipynb'));
    await folder.notebooks.discard(old);
    expect(await folder.names()).toEqual(['x.ipynb', 'y.ipynb']);
  });
});

describe('edits', () => {
  it('are in memory at once and in the file after flush', async () => {
    const notebook = await folder.withCells('a', 'b', 'c');
    const [a, b, c] = notebook.cells();
    const made = notebook.insertCell(
      { type: 'markdown', source: '# m', metadata: { tags: ['t'] } },
      { at: 'before', cell: 0 },
    );
    notebook.setSource(b?.id ?? '', 'b2');
    notebook.moveCell(c?.id ?? '', { at: 'index', index: 1 });
    expect(notebook.deleteCells([a?.id ?? '']).map(({ source }) => source)).toEqual(['a']);
    expect(notebook.cells().map(({ source }) => source)).toEqual(['# m', 'c', 'b2']);
    expect(await sourcesIn(notebook.path)).toEqual(['a', 'b', 'c']);
    expect(await notebook.flush()).toEqual({ notices: [], saved: true });
    expect(await sourcesIn(notebook.path)).toEqual(['# m', 'c', 'b2']);
    expect((await readNotebookFile(notebook.path))[0]).toMatchObject({
      id: made.id,
      type: 'markdown',
      metadata: { tags: ['t'] },
    });
  });

  it('X84: move a cell as it is, and not at all to where it is', async () => {
    const notebook = await folder.withCells('a', 'b');
    const { id } = notebook.cell(0);
    notebook.setOutputs(id, printed('x'), 3);
    await notebook.flush();
    const { mtimeMs } = await stat(notebook.path);
    expect(notebook.moveCell(id, { at: 'index', index: 0 })).toMatchObject({ from: 0, to: 0 });
    await notebook.flush();
    expect((await stat(notebook.path)).mtimeMs).toBe(mtimeMs);
    expect(notebook.moveCell(id, { at: 'end' })).toMatchObject({
      from: 0,
      to: 1,
      cell: { id, source: 'a', executionCount: 3, outputs: printed('x') },
    });
    await notebook.flush();
    expect((await readNotebookFile(notebook.path))[1]).toMatchObject({ id, executionCount: 3 });
  });

  it('clear outputs and count with the source, and only then', async () => {
    const notebook = await folder.withCells('a');
    const { id } = notebook.cell(0);
    notebook.setOutputs(id, printed('x'), 3);
    notebook.setSource(id, 'a');
    expect(notebook.cell(id)).toMatchObject({ executionCount: 3, outputs: printed('x') });
    notebook.setSource(id, 'b');
    expect(notebook.cell(id)).toMatchObject({ executionCount: null, outputs: [] });
    await notebook.flush();
    expect(await readFile(notebook.path, 'utf8')).toContain('"outputs": []');
  });

  it('X70: set no outputs where none belong', async () => {
    const notebook = await folder.withCells('a');
    const { id } = notebook.insertCell({ type: 'markdown', source: '' }, { at: 'end' });
    expect(notebook.setOutputs(id, printed('x'), 1)).toBe(false);
    expect(notebook.setOutputs('nobody', printed('x'), 1)).toBe(false);
    expect(notebook.cell(id).outputs).toEqual([]);
  });

  it('X83: are refused whole', async () => {
    const notebook = await folder.withCells('a', 'b', 'c');
    expect(() => notebook.deleteCells([0, -3])).toThrowError(
      expect.objectContaining({ code: 'input/invalid' }),
    );
    expect(() => notebook.deleteCells([0, 7])).toThrowError('3 cells, 0 to 2');
    expect(() => notebook.moveCell(0, { at: 'after', cell: 'nobody' })).toThrowError('nobody');
    expect(notebook.cellCount).toBe(3);
  });

  it('put a lost cell back under its id, but not twice', async () => {
    const notebook = await folder.withCells('a');
    expect(notebook.insertCell({ type: 'code', source: 'x', id: 'lost' }, { at: 'end' }).id).toBe(
      'lost',
    );
    expect(() =>
      notebook.insertCell({ type: 'code', source: 'x', id: 'lost' }, { at: 'end' }),
    ).toThrowError('lost');
    const { id } = notebook.insertCell(
      { type: 'code', source: 'x', id: 'not valid!' },
      { at: 'end' },
    );
    expect(id).toMatch(/^[0-9a-f]{8}$/);
  });

  it('leave a view as it was', async () => {
    const notebook = await folder.withCells('a');
    const before = notebook.cell(0);
    const outputs = [...printed('x')];
    notebook.setOutputs(before.id, outputs, 1);
    outputs.push(...printed('later'));
    expect(before.outputs).toEqual([]);
    expect(notebook.cell(0).outputs).toEqual(printed('x'));
  });

  it('set the kernel once', async () => {
    const notebook = await folder.withCells();
    notebook.setKernel({ ...kernel, name: 'other' }, { name: 'x' });
    expect(notebook.kernelName).toBe('python3');
    notebook.setKernel({ ...kernel, name: 'other' }, { name: 'x' }, { replace: true });
    await notebook.flush();
    expect(JSON.parse(await readFile(notebook.path, 'utf8'))).toMatchObject({
      metadata: { kernelspec: { name: 'other' }, language_info: { name: 'x' } },
    });
  });

  it('X71: of a 4.4 file write no ids', async () => {
    const file = path.join(folder.dir, 'old.ipynb');
    await writeFile(
      file,
      '{"cells":[{"cell_type":"code","execution_count":null,"metadata":{},"outputs":[],"source":"1"}],"metadata":{},"nbformat":4,"nbformat_minor":4}',
    );
    const notebook = await folder.notebooks.open(file);
    const { id } = notebook.cell(0);
    expect(id).toMatch(/^t-/);
    const made = notebook.insertCell({ type: 'code', source: '2' }, { at: 'end' });
    notebook.setSource(id, '1 + 1');
    notebook.setOutputs(made.id, printed('2'), 1);
    await notebook.flush();
    expect(await readFile(file, 'utf8')).not.toContain('"id"');
    expect(notebook.cell(id).source).toBe('1 + 1');
    // What was run is found again by whoever opens the file next.
    expect((await readNotebookFile(file))[1]).toMatchObject({ id: made.id, outputs: printed('2') });
  });

  it('D1: tell once that ids were repaired', async () => {
    const file = path.join(folder.dir, 'b.ipynb');
    await writeFile(
      file,
      '{"cells":[{"cell_type":"raw","metadata":{},"source":"1"},{"cell_type":"raw","id":"?","metadata":{},"source":"2"}],"metadata":{},"nbformat":4,"nbformat_minor":5}',
    );
    const notebook = await folder.notebooks.open(file);
    notebook.setSource(0, '3');
    expect((await notebook.flush()).notices).toEqual([
      expect.stringContaining('2 cells had no valid id'),
    ]);
    expect((await notebook.flush()).notices).toEqual([]);
    expect((await readNotebookFile(file)).map(({ id }) => id)).toEqual(
      notebook.cells().map(({ id }) => id),
    );
  });
});
