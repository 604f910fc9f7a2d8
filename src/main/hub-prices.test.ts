/** Prices of Jobs for a hook: what is remembered is a help, and no reason to say nothing. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { pricesFile } from '#policy/policy-dir.ts';
import { hubPrices } from './hub-prices.ts';

const FLAVOR = { name: 't4-small', cpu: '4 vCPU', unitCostMicroUSD: 6667, unitLabel: 'minute' };
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

test('a file of prices that a power cut has left empty is asked for anew', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'glovebox-prices-'));
  cleanUps.push(() => rm(dir, { recursive: true }));
  let questions = 0;
  const server = createServer((_request, response) => {
    questions += 1;
    response.end(JSON.stringify([FLAVOR]));
  });
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const env = { HF_ENDPOINT: `http://127.0.0.1:${port}` };
  await mkdir(path.dirname(pricesFile(dir)), { mode: 0o700 });
  await writeFile(pricesFile(dir), '');
  const ask = () => hubPrices(env, dir, 1_700_000_000_000, new AbortController().signal);
  const expected = [{ name: 't4-small', words: '4 vCPU', hasGpu: false, microUsdPerMinute: 6667 }];
  expect(await ask()).toEqual(expected);
  expect(await ask()).toEqual(expected);
  expect(questions).toBe(1);
});
