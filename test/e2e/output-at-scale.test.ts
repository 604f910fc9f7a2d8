/** The built server under output at scale: bounded memory, bounded answers, everything kept. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import { call, idOf, type Answer } from '../mcp/call.ts';
import { prepareForKernels, startServer, unpackBundle } from '../rigs/bundle.ts';

const MIB = 1024 * 1024;
/** The default of `output.max_chars`, and room for what stands around the output. */
const ANSWER_CHARS = 11_000;

/** What 100 MB of output may take of memory, beyond what the server has before: most of it waits to be collected. */
const ROOM_MIB = 120;

interface Stage {
  readonly mcp: Client;
  readonly session_id: string;
  readonly file: string;
  readonly project: string;
  /** The most memory the server ever had. */
  peakMiB(): number;
}

async function open(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const bundle = unpackBundle();
  const variables = { ...prepareForKernels(bundle), ...env };
  const { client: mcp, transport } = await startServer(bundle, { era: 'modern', env: variables });
  const started = await call(mcp, 'start_new_notebook', { experiment_name: 'scale' });
  const { pid } = transport;
  return {
    mcp,
    session_id: idOf(started, 'session_id'),
    file: idOf(started, 'notebook_path'),
    project: bundle.project,
    peakMiB() {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    },
  };
}

async function run({ mcp, session_id }: Stage, code: string): Promise<Answer> {
  const args = { session_id, code, wait_s: 0 };
  const { meta } = await call(mcp, 'execute_code', args);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const answer = await call(mcp, 'get_run', { run_id: meta['run_id'], wait_s: 40 });
    if (answer.meta['state'] === 'ok') return answer;
    expect(answer.meta['state']).toMatch(/^(sent|running)$/);
  }
}

function outputsOf(file: string, index = -1): readonly unknown[] {
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const cells = isRecord(document) && Array.isArray(document['cells']) ? document['cells'] : [];
  const cell: unknown = cells.at(index);
  return isRecord(cell) && Array.isArray(cell['outputs']) ? cell['outputs'] : [];
}

const textOf = (output: unknown): string =>
  isRecord(output) ? [output['text']].flat().join('') : '';

/** What ipywidgets sends for a progress bar. */
const WIDGET_BAR = [
  'from comm import create_comm',
  'state = {"_model_name": "FloatProgressModel", "description": "train", "value": 0.0, "max": 2000.0}',
  'bar = create_comm(target_name="jupyter.widget", data={"state": state, "buffer_paths": []})',
  'view = {"version_major": 2, "version_minor": 0, "model_id": bar.comm_id}',
  'display({"application/vnd.jupyter.widget-view+json": view, "text/plain": "0%"}, raw=True)',
  'for n in range(2000): bar.send({"method": "update", "state": {"value": n + 1.0}, "buffer_paths": []})',
].join('\n');

const isLinux = process.platform === 'linux';

describe.runIf(isLinux)('output at scale', () => {
  it('C28, O5, O8, O9, F19, acceptance 12: 100 MB printed are bounded in memory and answer, and every line is kept once', async () => {
    const stage = await open();
    const before = stage.peakMiB();
    const code = 'for n in range(1_000_000): print(f"{n:099d}")';
    const answer = await run(stage, code);
    expect(answer.text.length).toBeLessThan(ANSWER_CHARS);
    expect(stage.peakMiB() - before).toBeLessThan(ROOM_MIB);
    const run_id = idOf(answer, 'run_id');
    const page = await call(stage.mcp, 'get_run', { run_id, offset: 70_000_000, max_chars: 1000 });
    expect(page.text).toContain(`${String(700_000).padStart(99, '0')}\n`);
    const last = await call(stage.mcp, 'get_run', { run_id, offset: 99_999_900 });
    expect(last.text).toContain(`${String(999_999).padStart(99, '0')}\n`);
    expect(last.text).toContain('(end of the output)');
    expect(stage.peakMiB() - before).toBeLessThan(ROOM_MIB);
    await call(stage.mcp, 'shutdown_session', { session_id: stage.session_id });
    const [kept, marker] = outputsOf(stage.file).map(textOf);
    const folder = `${stage.file}.outputs`;
    const [name = ''] = readdirSync(folder);
    expect(marker).toContain(`${path.basename(folder)}/${name}`);
    const lines = ((kept ?? '') + readFileSync(path.join(folder, name), 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines).toHaveLength(1_000_000);
    expect(lines.every((line, n) => Number(line) === n)).toBe(true);
  });

  it('O5: a cell that is run again and prints less leaves nothing beside the notebook', async () => {
    const stage = await open({ GLOVEBOX_CELL_OUTPUT_MB: '1' });
    await run(stage, 'lines = 30_000');
    const cell = await run(stage, 'for n in range(lines): print(f"{n:099d}")');
    const folder = `${stage.file}.outputs`;
    expect(readdirSync(folder)).toHaveLength(1);
    const { mcp, session_id } = stage;
    const cells = [cell.meta['cell_id']];
    await run(stage, 'lines = 1');
    const again = await call(mcp, 'run_cell', { session_id, cells, wait_s: 40 });
    expect(again.text).toContain('ok');
    expect(existsSync(folder)).toBe(false);
  });

  it('O5: what lies beside the notebook goes with the cell', async () => {
    const stage = await open({ GLOVEBOX_CELL_OUTPUT_MB: '1' });
    const folder = `${stage.file}.outputs`;
    const code = 'for n in range(30_000): print(f"{n:099d}")';
    const [first, second] = [await run(stage, code), await run(stage, code)];
    expect(readdirSync(folder)).toHaveLength(2);
    const { mcp, session_id } = stage;
    await call(mcp, 'delete_cell', { session_id, cell: first.meta['cell_id'] });
    expect(readdirSync(folder)).toHaveLength(1);
    await call(mcp, 'edit_cell', { session_id, cell: second.meta['cell_id'], source: 'pass' });
    expect(existsSync(folder)).toBe(false);
  });

  it('O1, O4, O8, F18, acceptance 12: 10,000 displays, a progress bar of 100,000 updates and one that is a widget stay small', async () => {
    const stage = await open();
    const before = stage.peakMiB();
    // Faster than the Jupyter server reads: a kernel as it comes drops what lies behind a thousand messages.
    const displays = await run(stage, 'for n in range(10_000): display(n)');
    expect(displays.text).not.toContain('lost');
    expect(displays.text.length).toBeLessThan(ANSWER_CHARS);
    const bar = await run(
      stage,
      'for n in range(100_000): print(f"\\r{n + 1}/100000", end="", flush=n % 1000 == 0)',
    );
    expect(bar.text).toContain('100000/100000');
    expect(bar.text.length).toBeLessThan(1000);
    const widget = await run(stage, WIDGET_BAR);
    expect(widget.text).toContain('[display, widget]\ntrain 2000/2000');
    expect(stage.peakMiB() - before).toBeLessThan(150);
    await call(stage.mcp, 'shutdown_session', { session_id: stage.session_id });
    expect(outputsOf(stage.file, -3)).toHaveLength(10_000);
    expect(outputsOf(stage.file, -2).map(textOf)).toEqual(['100000/100000']);
    expect(outputsOf(stage.file)).toMatchObject([{ data: { 'text/plain': ['train 2000/2000'] } }]);
  });

  it('O10, acceptance 12: a picture of 50 megapixels is shown small and kept whole', async () => {
    const stage = await open();
    const before = stage.peakMiB();
    const code = [
      'import struct, zlib',
      'from IPython.display import Image, display',
      'w, h = 10_000, 5_000',
      'chunk = lambda t, d: struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))',
      'rows = b"".join(b"\\0" + bytes([y % 256]) * (3 * w) for y in range(h))',
      'png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")',
      'display(Image(png, format="png"))',
    ].join('\n');
    const answer = await run(stage, code);
    expect(answer.images).toHaveLength(1);
    expect(answer.text).toContain('10000x5000, shown 1568x784');
    expect(stage.peakMiB() - before).toBeLessThan(400);
  });

  it('D6: a notebook of 2,000 cells and 50 MB is run in and read without a multiple of it in memory', async () => {
    const stage = await open();
    const file = path.join(stage.project, 'large.ipynb');
    const text = 'x'.repeat(99);
    const cells = Array.from({ length: 2000 }, (_, n) => ({
      cell_type: 'code',
      id: `cell-${n}`,
      execution_count: n,
      metadata: {},
      source: [`print(${n})`],
      outputs: [
        {
          output_type: 'stream',
          name: 'stdout',
          text: Array.from({ length: 245 }, () => `${text}\n`),
        },
      ],
    }));
    const metadata = {
      kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' },
    };
    writeFileSync(
      file,
      JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }, null, 1),
    );
    const before = stage.peakMiB();
    const started = await call(stage.mcp, 'start_notebook', { notebook_path: file });
    const session_id = idOf(started, 'session_id');
    const answer = await run({ ...stage, session_id }, 'print("one more")');
    expect(answer.text).toContain('one more');
    const read = await call(stage.mcp, 'read_notebook', { session_id, outputs: 'full' });
    expect(read.text.length).toBeLessThan(100_000);
    await call(stage.mcp, 'shutdown_session', { session_id });
    expect(stage.peakMiB() - before).toBeLessThan(8 * 50);
    expect(outputsOf(file).map(textOf)).toEqual(['one more\n']);
    expect(outputsOf(file, 1999).map(textOf)).toEqual([`${text}\n`.repeat(245)]);
    expect(readFileSync(file).length).toBeGreaterThan(50 * MIB);
  });
});
