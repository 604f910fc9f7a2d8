/** The ledger between processes: never overspent, and nothing lost or doubled when one is killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createLedger } from './ledger.ts';
import { parseLedger } from './ledger-lines.ts';
import { ledgerFile } from './policy-dir.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../test/fixtures/spending-process.ts');
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-spending-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const start = (rounds: number, seed: number, ...more: readonly number[]) => {
  const words = [rounds, seed, ...more].map(String);
  return spawn(process.execPath, ['--import', 'tsx', PROGRAM, dir, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
};

it('12.3: two processes, one budget, 1,000 steps in an order of chance: never overspent', async () => {
  const ends = [1, 2].map(async (seed) => {
    const child = start(300, seed);
    let complaints = '';
    child.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
    child.stdout.resume();
    const [code] = await once(child, 'close');
    return [code, complaints];
  });
  expect(await Promise.all(ends)).toEqual([
    [0, ''],
    [0, ''],
  ]);
  // Played again line by line, as the file grew: at no moment was more spent or reserved than there was.
  const lines = readFileSync(ledgerFile(dir), 'utf8').split(/(?<=\n)/);
  expect(lines.length).toBeGreaterThan(500);
  const counts = lines.map((_, at) => (at % 25 === 0 || at > lines.length - 10 ? at + 1 : 0));
  for (const count of counts.filter((each) => each > 0)) {
    const entries = parseLedger(lines.slice(0, count).join(''));
    const counted = entries.reduce((sum, { countsMicroUsd }) => sum + countsMicroUsd, 0);
    expect(counted).toBeLessThanOrEqual(5_000_000);
  }
}, 60_000);

it('5.1: written anew again and again by two processes, it stays short and loses nothing that either of them spent', async () => {
  const ends = [1, 2].map(async (seed) => {
    const child = start(60, seed, 5, 5);
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += text.toString()));
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    await once(child, 'close');
    return Number(/^counted (\d+)$/m.exec(said)?.[1] ?? Number.NaN);
  });
  const spent = (await Promise.all(ends)).reduce((sum, each) => sum + each, 0);
  const entries = parseLedger(readFileSync(ledgerFile(dir), 'utf8'));
  expect(entries.reduce((sum, { countsMicroUsd }) => sum + countsMicroUsd, 0)).toBe(spent);
  expect(entries.some(({ carriedThreshold }) => carriedThreshold !== undefined)).toBe(true);
  expect(entries.length).toBeLessThan(60);
}, 60_000);

it('12.4: killed between any two steps, every reservation that was acknowledged is there once', async () => {
  for (const [seed, after] of [
    [3, 1],
    [4, 7],
    [5, 20],
  ] as const) {
    const child = start(100_000, seed);
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== '-') acknowledged.push(line);
      if (acknowledged.length >= after) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const ledger = createLedger({ dir, clock: systemClock });
    const ids = (await ledger.entries()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
    // Whoever comes next is not kept out by what the dead process held, and goes on in the same file.
    for (const { id } of await ledger.entries()) await ledger.release(id);
  }
}, 60_000);
