/** What a small cell costs in a large notebook, compared with the same cell in a new one. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, Measure } from '../bench.ts';
import { idIn, type McpProcess } from '../mcp-process.ts';
import { newSession, openNotebook, runCode, type BenchSession } from '../sessions.ts';
import { interleave, timed } from '../samples.ts';

const CELLS = 500;
const BYTES = 10_000_000;
const CODE = '1+1';
const POLL_MS = 50;

export const largeNotebook: Measure = {
  name: 'large-notebook',
  async run({ lab, server, isQuick, rounds }: Bench) {
    const cells = isQuick ? 3 : 100;
    const large = path.join(lab.projectDir, 'notebooks', 'large.ipynb');
    await mkdir(path.dirname(large), { recursive: true });
    const { floor, ours } = await interleave(rounds(6), {
      floor: async () => runMany(server, await newSession(server, 'empty'), cells),
      async ours() {
        await writeFile(large, largeNotebookText());
        return runMany(server, await openNotebook(server, large), cells);
      },
    });
    return [
      {
        measure: '1+1 in a notebook of 500 cells and 10 MB, mean of 100',
        unit: 'ms',
        bar: { of: 'ratio', most: 1.5 },
        ours,
        floor: { name: 'the same in an empty notebook', samples: floor },
      },
    ];
  },
};

/** The mean over many cells, because a large notebook is not saved after each of them, and all saves have to count. */
async function runMany(server: McpProcess, session: BenchSession, count: number): Promise<number> {
  let lastCell = '';
  const ms = await timed(async () => {
    for (let number = 0; number < count; number += 1) {
      lastCell = idIn(await runCode(server, session, CODE), 'cell_id');
    }
  });
  // The last save must not fall on the other contestant.
  while (!(await readFile(session.notebookPath, 'utf8')).includes(lastCell)) await delay(POLL_MS);
  await session.end();
  return ms / count;
}

/** As Jupyter writes it: one space of indentation, text as a list of lines. */
function largeNotebookText(): string {
  const line = `${'0123456789'.repeat(7)}\n`;
  const lines = Array.from({ length: Math.ceil(BYTES / CELLS / line.length) }, () => line);
  const cells = Array.from({ length: CELLS }, (_, index) => ({
    cell_type: 'code',
    execution_count: index + 1,
    id: `cell-${index}`,
    metadata: {},
    outputs: [{ name: 'stdout', output_type: 'stream', text: lines }],
    source: [`show(${index})`],
  }));
  const metadata = {
    kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
    language_info: { name: 'python' },
  };
  const notebook = { cells, metadata, nbformat: 4, nbformat_minor: 5 };
  return `${JSON.stringify(notebook, undefined, 1)}\n`;
}
