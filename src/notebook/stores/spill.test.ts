/** What a cell prints beyond the notebook's limit, beside the notebook. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutputCollector, type OutputCollector } from '../output-collector.ts';
import { CellSpill, removeSpills } from './spill.ts';

let folder: string;
let failures: string[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'glovebox-spill-'));
  failures = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const spillOf = (cellId = 'ab12'): CellSpill =>
  new CellSpill({
    notebookPath: path.join(folder, 'n.ipynb'),
    cellId,
    limit: '1 kB',
    onFailure: (message) => failures.push(message),
  });
const collectorOf = (overflow: CellSpill): OutputCollector =>
  createOutputCollector({ maxBytes: 1000, overflow });
const print = (collector: OutputCollector, text: string): void =>
  collector.add({ type: 'stream', content: { name: 'stdout', text } });
const names = (): readonly string[] => readdirSync(path.join(folder, 'n.ipynb.outputs')).toSorted();
const read = (name: string): string =>
  readFileSync(path.join(folder, 'n.ipynb.outputs', name), 'utf8');

describe('CellSpill', () => {
  it('O5: notebook and file together hold every line exactly once', () => {
    const spill = spillOf();
    const collector = collectorOf(spill);
    const lines = Array.from({ length: 500 }, (_, n) => `line ${n} äöü\n`);
    for (const line of lines) print(collector, line);
    spill.flush();
    const [kept, marker, ...more] = collector.outputs;
    const text = kept?.output_type === 'stream' ? kept.text : '';
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1000);
    expect(text + read('ab12-1.txt')).toBe(lines.join(''));
    expect(marker).toMatchObject({ text: expect.stringContaining('n.ipynb.outputs/ab12-1.txt') });
    expect(more).toEqual([]);
  });

  it('O5: makes nothing as long as everything fits', async () => {
    const spill = spillOf();
    print(collectorOf(spill), 'short\n');
    spill.flush();
    await spill.removeOlder();
    spill.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('O5: puts a picture that has no room into a file of its own', () => {
    const spill = spillOf();
    const collector = collectorOf(spill);
    const picture = Buffer.alloc(6000, 7);
    const data = { 'image/png': picture.toString('base64'), 'text/plain': '<Figure>' };
    collector.add({ type: 'display_data', content: { data, metadata: {} } });
    spill.close();
    expect(names()).toEqual(['ab12-1.txt', 'ab12-2.png']);
    expect(readFileSync(path.join(folder, 'n.ipynb.outputs', 'ab12-2.png'))).toEqual(picture);
    expect(read('ab12-1.txt')).toContain('ab12-2.png');
  });

  it('O5: the next execution replaces the files, or removes them when it needs none', async () => {
    const long = 'x'.repeat(3000);
    const first = spillOf();
    print(collectorOf(first), `first ${long}`);
    collectorOf(first).add({ type: 'display_data', content: { data: { 'image/png': long } } });
    first.close();
    spillOf('ab12-1').text('of another cell');
    const other = spillOf('ab12x');
    other.text('of another cell');
    other.close();
    const second = spillOf();
    print(collectorOf(second), `second ${long}`);
    second.flush();
    await second.removeOlder();
    expect(names()).toEqual(['ab12-1-1.txt', 'ab12-1.txt', 'ab12x-1.txt']);
    expect(read('ab12-1.txt')).not.toContain('first');
    await spillOf().removeOlder();
    expect(names()).toEqual(['ab12-1-1.txt', 'ab12x-1.txt']);
  });

  it('O5: nothing is left of a cell that is deleted, and all of the others and of the person stays', async () => {
    for (const id of ['ab12', 'cd34']) {
      const spill = spillOf(id);
      print(collectorOf(spill), 'x'.repeat(3000));
      spill.close();
    }
    writeFileSync(path.join(folder, 'n.ipynb.outputs', 'notes of mine.txt'), '');
    await removeSpills(path.join(folder, 'n.ipynb'), ['ab12']);
    expect(names()).toEqual(['cd34-1.txt', 'notes of mine.txt']);
    rmSync(path.join(folder, 'n.ipynb.outputs', 'notes of mine.txt'));
    await removeSpills(path.join(folder, 'n.ipynb'), ['cd34']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('C13: what a server did not keep is said in the notebook and in the file', () => {
    const spill = spillOf();
    const collector = collectorOf(spill);
    print(collector, 'x'.repeat(3000));
    const said = { name: 'stderr', text: '\n[Not kept: much]\n' };
    const metadata = { glovebox_not_kept: { text_bytes: 7 } };
    collector.add({ type: 'stream', content: said, metadata });
    print(collector, 'newest');
    spill.flush();
    expect(collector.outputs.at(-1)).toEqual({ output_type: 'stream', ...said });
    const file = readFileSync(path.join(folder, 'n.ipynb.outputs', 'ab12-1.txt'), 'utf8');
    expect(file).toMatch(/x\n\[Not kept: much\]\nnewest$/);
  });

  it('O5: clear_output clears the file too', async () => {
    const spill = spillOf();
    const collector = collectorOf(spill);
    print(collector, 'x'.repeat(3000));
    collector.add({ type: 'clear_output', content: { wait: false } });
    print(collector, 'short');
    spill.flush();
    await spill.removeOlder();
    expect(readdirSync(folder)).toEqual([]);
    expect(collector.outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: 'short' }]);
  });

  it('a folder that cannot be written is told once and stops nothing', () => {
    writeFileSync(path.join(folder, 'n.ipynb.outputs'), 'in the way');
    const collector = collectorOf(spillOf());
    print(collector, 'x'.repeat(3000));
    print(collector, 'y'.repeat(3000));
    expect(failures).toHaveLength(1);
    expect(collector.droppedBytes).toBe(5000);
  });

  it('a cell id never leads out of the folder', () => {
    const spill = spillOf('../../evil');
    spill.text('x');
    spill.close();
    expect(names()).toEqual(['______evil-1.txt']);
  });
});
