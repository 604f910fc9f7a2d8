/** The benchmark runs and fills every row. What it measures is not looked at: a test must not depend on a machine's speed. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Part of each measure's name, and whether it is compared with a floor. */
const ROWS: readonly (readonly [string, 'floor' | 'no floor'])[] = [
  ['spawn to tools/list answered', 'floor'],
  ['spawn to tools/list answered, against Node itself', 'floor'],
  ['PreToolUse hook that asks about a paid sandbox, whole process', 'floor'],
  ['1+1 through MCP with the notebook kept', 'floor'],
  ['1+1 through MCP, against a plain websocket', 'floor'],
  ['1+1 through MCP, against ZeroMQ without a server', 'floor'],
  ['1+1 in a notebook of 500 cells and 10 MB, mean of 100', 'floor'],
  ['10 MB printed by one cell', 'floor'],
  ['10 MB printed by one cell: peak memory of the server', 'floor'],
  ['10 MB printed by one cell: size of the reply', 'no floor'],
  ['start_new_notebook on a running sandbox, until its first cell has run', 'floor'],
  ['sandbox_create on this machine, until the server answers', 'floor'],
  ['8 sessions that sleep 1 s at the same time', 'floor'],
  ['40 cells of 4 servers at once in one notebook', 'floor'],
  ['30 texts added at once', 'floor'],
  ['tools/list, all tools', 'no floor'],
  ['tools/list, the tools that are always loaded', 'no floor'],
  ['restart after kill -9, until get_run shows a finished run', 'floor'],
  ['redaction, 10 MB of source code', 'no floor'],
  ['redaction, one line of 5 MB', 'no floor'],
  ['redaction, a transcript of 10 MB', 'no floor'],
];

/** Without SLURM the first two say so, and have nothing to compare. */
const SLURM_ROWS: typeof ROWS = [
  ['1+1 in a SLURM job, through the relay', 'floor'],
  ['sandbox_create on an idle cluster, until the first output of a cell', 'floor'],
  ['questions to the scheduler in 10 min of queue', 'no floor'],
];

it('npm run bench -- --quick fills every row', { timeout: 240_000 }, () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', path.join(root, 'bench/run.ts'), '--quick'],
    { cwd: root, encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  const rows = tableIn(stdout);
  const all = [...ROWS, ...SLURM_ROWS];
  const isMissing = isSlurmMissing();
  expect(rows.map(({ measure }) => measure)).toEqual(all.map(([measure]) => measure));
  for (const [index, [measure, comparison]] of all.entries()) {
    if (isMissing && index >= ROWS.length && comparison === 'floor') {
      expect(rows[index]?.['median'], measure).toBe('not measured: SLURM is not on this machine');
      continue;
    }
    const { median = '', ratio = '', met = '' } = rows[index] ?? {};
    expect(median, measure).toMatch(/^[\d,.]+ (ms|MB|tokens|characters|calls)$/);
    expect(met, measure).toMatch(/^(yes|NO|-)$/);
    if (comparison === 'floor')
      expect(Number.parseFloat(ratio), measure).toSatisfy(Number.isFinite);
    else expect(ratio, measure).toBe('-');
  }
  expect(stdout).not.toContain(root);
});

/** The rows of the only table of a page, by the names of its columns. */
function tableIn(page: string): readonly Readonly<Record<string, string>>[] {
  const lines = page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const [columns = [], , ...rows] = lines;
  return rows.map((row) =>
    Object.fromEntries(columns.map((column, index) => [column, row[index] ?? ''])),
  );
}
