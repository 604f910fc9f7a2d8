/** Writes the findings as a page: what was measured, on what, and what misses its bar. */
import { availableParallelism, loadavg } from 'node:os';
import { COLUMNS, toRow, type Finding, type Row } from './row.ts';

export function renderPage(findings: readonly Finding[], isQuick: boolean): string {
  const rows = findings.map(toRow);
  const missed = rows.filter(({ met }) => met === 'NO').map(({ measure }) => measure);
  return [
    '# Benchmark',
    '',
    isQuick
      ? 'A smoke run (`npm run bench -- --quick`): everything once and small, so its numbers mean nothing.'
      : 'Written by `npm run bench`; docs/benchmark.md says how each row is taken and how to read it.',
    '',
    `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, load of the last minute at the end ${(loadavg()[0] ?? 0).toFixed(1)}.`,
    '',
    ...renderTable(rows),
    '',
    missed.length === 0 ? 'Every bar is met.' : `Missed: ${missed.join('; ')}.`,
    '',
  ].join('\n');
}

function renderTable(rows: readonly Row[]): readonly string[] {
  const width = (column: (typeof COLUMNS)[number]): number =>
    Math.max(...[column, ...rows.map((row) => row[column])].map(({ length }) => length));
  return [
    line(COLUMNS.map((column) => column.padEnd(width(column)))),
    line(COLUMNS.map((column) => '-'.repeat(width(column)))),
    ...rows.map((row) => line(COLUMNS.map((column) => row[column].padEnd(width(column))))),
  ];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
