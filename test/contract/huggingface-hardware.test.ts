/** The hardware of sandboxes in Jobs: what the Hub lists now, its price, and what is refused before anything is asked for. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeHuggingfaceRig, quoteOf, type HuggingfaceRig } from '../rigs/huggingface-backend.ts';
import { failureOf, never } from './contract-rig.ts';

let rig: HuggingfaceRig;
beforeEach(async () => {
  rig = await makeHuggingfaceRig();
});
afterEach(() => rig.dispose());

const quote = (options: object) => quoteOf(rig, options);

describe('H15, H16, acceptance 38: hardware', () => {
  test('is what the Hub lists now, with its price and the fee of the port', async () => {
    rig.fake.hardware = [
      ...rig.fake.hardware,
      {
        name: 'b300x2',
        cpu: '64 vCPU',
        ram: '500 GB',
        accelerator: { type: 'gpu', model: 'B300', quantity: '2', vram: '576 GB' },
        unitCostMicroUSD: 200_000,
        unitLabel: 'minute',
      },
    ];
    const offers = await rig.newBackend().offers(never());
    expect(offers.find(({ name }) => name === 'b300x2')).toMatchObject({
      usdPerHour: 12.01,
      gpus: [{ name: 'B300', count: 2, memoryMiB: 288 * 1024 }],
    });
    const told = await quote({ gpu: 'B300', gpu_count: 2, max_lifetime_seconds: 7200 });
    expect(told.usdPerHour).toBeCloseTo(12.01);
    expect(told.ceilingUsd).toBeCloseTo(24.02);
    expect(told).toMatchObject({ limitS: 7200, isPriceFresh: true, account: 'me' });
    expect((await quote({ gpu: 'a100' })).hardware).toContain('a100-large');
    expect((await quote({ gpu: ['H200', 'a100', 'T4'] })).hardware).toContain('a100-large');
    expect((await quote({ gpu: 'A100', gpu_count: 8 })).hardware).toContain('a100x8');
  });

  test('that is not there, costs too much, or whose price nobody tells is refused before anything is asked for', async () => {
    const refused = async (options: object) => failureOf(quote(options));
    expect(await refused({ gpu: 'A100', gpu_count: 4 })).toMatchObject({
      code: 'config/invalid',
      message: expect.stringMatching(/nothing with 4 x A100[^]*a100x8 \(\$20\.01\/h\)/),
    });
    expect((await refused({ flavor: 'a10g-larg' })).message).toContain('Did you mean "a10g-large"');
    expect(await refused({ flavor: 'a10g-large', max_cost_usd: 1 })).toMatchObject({
      code: 'sandbox/over-budget',
      hint: expect.stringContaining('at most 2340'),
    });
    expect((await refused({ secrets: [{ env: 'NOT_SET' }] })).message).toContain('NOT_SET');
    expect((await refused({ namespace: 'others' })).hint).toContain('me, closed, org');
    expect((await refused({ flavor: 'a', gpu: 'b' })).code).toBe('config/invalid');
    expect((await refused({ gpu: ['H200', 'B300'] })).message).toContain('1 x H200 or B300');
    expect((await refused({ image: 'a', python_version: '3.11' })).message).toContain(
      'python_version: is that of the image',
    );
    expect(rig.fake.jobs.size).toBe(0);
    rig.hub.fail(/\/api\/jobs\/hardware/, { status: 500 }, 99);
    const other = (await rig.newMachine())();
    const rough = await other.quote?.(
      { flavor: 'h200' },
      { projectDir: rig.projectDir, signal: never() },
    );
    expect(rough).toMatchObject({ isPriceFresh: false });
  });
});
