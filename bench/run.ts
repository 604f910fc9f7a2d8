/**
 * Measures the built bundle against floors taken in the same run, and writes `bench/RESULTS.md`.
 *
 * `npm run bench` for all, `npm run bench -- one-plus-one` for some by name; then and with `--quick` the page is only printed.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, Measure } from './bench.ts';
import { accessJupyter } from './jupyter-access.ts';
import { createLab } from './lab.ts';
import { idIn } from './mcp-process.ts';
import { hook } from './measures/hook.ts';
import { kernelReady, sandboxReady } from './measures/kernel-ready.ts';
import { largeNotebook } from './measures/large-notebook.ts';
import { largeOutput } from './measures/large-output.ts';
import { onePlusOne } from './measures/one-plus-one.ts';
import { parallel } from './measures/parallel.ts';
import { restart } from './measures/restart.ts';
import { severalClients } from './measures/several-clients.ts';
import { slurm } from './measures/slurm.ts';
import { startUp } from './measures/start-up.ts';
import { toolTokens } from './measures/tool-tokens.ts';
import type { Finding } from './row.ts';
import { renderPage } from './table.ts';

const MEASURES: readonly Measure[] = [
  startUp,
  hook,
  onePlusOne,
  largeNotebook,
  largeOutput,
  kernelReady,
  sandboxReady,
  parallel,
  severalClients,
  toolTokens,
  restart,
  slurm,
];

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const chosen = MEASURES.filter(
  ({ name }) => positionals.length === 0 || positionals.includes(name),
);
const unknown = positionals.filter((name) => !MEASURES.some((measure) => measure.name === name));
if (unknown.length > 0) {
  throw new Error(
    `no measure ${unknown.join(', ')}; there are ${MEASURES.map(({ name }) => name).join(', ')}`,
  );
}

const findings = await takeAll(chosen, values.quick);
const page = renderPage(findings, values.quick);
console.log(page);
if (!values.quick && positionals.length === 0)
  await writeFile(path.join(import.meta.dirname, 'RESULTS.md'), page);

async function takeAll(
  measures: readonly Measure[],
  isQuick: boolean,
): Promise<readonly Finding[]> {
  const lab = await createLab();
  try {
    const server = await lab.startServer();
    const created = await server.call('sandbox_create', { backend: 'local', wait_s: 300 });
    const bench: Bench = {
      lab,
      server,
      jupyter: await accessJupyter(lab, idIn(created, 'sandbox_id')),
      isQuick,
      rounds: (full) => (isQuick ? 1 : full),
    };
    const taken: Finding[] = [];
    for (const { name, run } of measures) {
      console.error(`${name} ...`);
      taken.push(...(await run(bench)));
    }
    return taken;
  } finally {
    await lab.end();
  }
}
