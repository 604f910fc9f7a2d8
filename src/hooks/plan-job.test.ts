/** What the hook says about a Job before it runs, and that the server takes its question for asked. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { normaliseCall } from '#policy/normalise.ts';
import type { HookFlavor } from './contract.ts';
import { planJob } from './plan-job.ts';

type World = Parameters<typeof planJob>[1];
const FLAVORS: readonly HookFlavor[] = [
  { name: 'cpu-basic', words: '2 vCPU, 16 GB', hasGpu: false, microUsdPerMinute: 167 },
  { name: 'a10g-large', words: '12 vCPU, 46 GB, 1x A10G', hasGpu: true, microUsdPerMinute: 25_000 },
  { name: 'new-chip', words: '', hasGpu: true },
];
let projectDir: string;
beforeEach(() => {
  projectDir = mkdtempSync(path.join(tmpdir(), 'glovebox-plan-'));
});
afterEach(() => rmSync(projectDir, { recursive: true, force: true }));

function plan(input: object, changes: Partial<World> = {}) {
  const call = normaliseCall('hf_jobs', input) ?? expect.fail('no call');
  const world = {
    projectDir,
    jobNamespace: undefined,
    whoAmI: async () => ({ name: 'me', organisations: ['org'], source: 'HF_TOKEN' }),
    flavors: async () => FLAVORS,
    signal: new AbortController().signal,
    ...changes,
  };
  return planJob(call, Object.assign(Object.create(null), world));
}

const RUN = { operation: 'Run', hardware_flavor: 'a10g-large', timeout: '2h' };

it('3.3: tells account, hardware, limit, cost, code, packages and what goes in', async () => {
  writeFileSync(path.join(projectDir, 'train.py'), 'SFTTrainer(push_to_hub=True)\n');
  const planned = await plan({
    ...RUN,
    script: './train.py',
    dependencies: 'trl, torch>=2.4,<3',
    secrets: '{"WANDB_API_KEY":"$WANDB_API_KEY"}',
    namespace: 'org',
    expose: [8000],
  });
  expect(planned?.facts.map((line) => line.replace(/\s+/g, ' '))).toEqual([
    'account org (organisation; it is billed)',
    'hardware a10g-large: 12 vCPU, 46 GB, 1x A10G, $1.50/h',
    expect.stringMatching(/^code train\.py of the project, 1 lines, sha256 [0-9a-f]{12}$/),
    'image ghcr.io/astral-sh/uv:python3.12-bookworm',
    'packages trl, torch>=2.4,<3',
    'gets HF_TOKEN, WANDB_API_KEY',
    'result saves to the Hub',
    'open ports 8000',
  ]);
  expect(planned?.cost).toMatchObject({ amountMicroUsd: 120 * 25_167, isFresh: true });
  expect(planned?.about).toMatchObject({ ownership: 'organisation', isExposed: true });
  expect(planned?.advisories?.map(({ code }) => code)).toContain('R4');
});

it('6: a high advisory makes a person decide; a token in an image of others too', async () => {
  const script = 'SFTTrainer().train()\n';
  expect((await plan({ ...RUN, script }))?.about).toMatchObject({ worstAdvisory: 'high' });
  const foreign = { ...RUN, command: ['true'], image: 'somebody/image', hf_token: 'inherit' };
  expect((await plan(foreign))?.about).toMatchObject({ givesTokenAway: true });
});

it.each([
  [undefined, false],
  [false, false],
  ['false', false],
  [true, true],
  ['true', true],
])('says that a Job with ssh=%j is open to SSH: %j', async (ssh, isOpen) => {
  const planned = await plan({ ...RUN, command: ['true'], ssh });
  expect(planned?.facts.some((line) => line.includes('to SSH'))).toBe(isOpen);
  expect(planned?.about.isExposed).toBe(isOpen);
});

it.each<[string, object, Partial<World>]>([
  [
    'a schedule',
    { ...RUN, operation: 'scheduled run', schedule: '@daily', script: 'print(1)' },
    {},
  ],
  ['a dashboard', { ...RUN, script: 'print(1)', trackio_space_id: 'me/x' }, {}],
  ['a file in a sandbox', { ...RUN, script: 'sandbox:a:/b.py' }, {}],
  ['a file outside of the project', { ...RUN, script: '../x.py' }, {}],
  ['hardware that is not there', { ...RUN, script: 'print(1)', hardware_flavor: 'h100' }, {}],
  ['a price that nobody tells', { ...RUN, script: 'print(1)', hardware_flavor: 'new-chip' }, {}],
  ['an account of others', { ...RUN, script: 'print(1)', namespace: 'others' }, {}],
  ['a silent Hub', { ...RUN, script: 'print(1)' }, { flavors: async () => undefined }],
  [
    'no token',
    { ...RUN, script: 'print(1)' },
    { whoAmI: async () => ({ unknown: 'no token' as const }) },
  ],
])('leaves it to the server to ask about %s', async (_, input, changes) => {
  expect(await plan(input, changes)).toBeUndefined();
});
