/** hf_jobs through MCP: what there is, what is ended, what is scheduled, and how models write arguments. */
import { describe, expect, it } from 'vitest';
import { call, callError } from '../mcp/call.ts';
import { startJobsWorld } from './jobs-world.ts';

const tool = 'hf_jobs';

describe('cancel', () => {
  it('3.2: ends what was started here without a question, asks about others, and says what became of them', async () => {
    const world = await startJobsWorld();
    const { client, fake } = world;
    await call(client, tool, { operation: 'run', command: ['sleep', '60'], namespace: 'org' });
    expect((await call(client, tool, { operation: 'cancel', job_id: 'org/job0001' })).text).toBe(
      'org/job0001 has ended: CANCELED',
    );
    expect(fake.newest().processes()).toEqual([]);
    expect(world.questions.at(-1)).toMatchObject({ operation: 'cancel', about: { isOurs: true } });
    await call(client, tool, { operation: 'run', command: ['sleep', '60'] });
    fake.newest().labels = {};
    const page = `${world.services.hub.url}/jobs/me/job0002`;
    await call(client, tool, { operation: 'cancel', job_id: page });
    expect(world.questions.at(-1)).toMatchObject({ operation: 'cancel', about: { isOurs: false } });
    expect((await call(client, tool, { operation: 'cancel', job_id: 'job0002' })).text).toContain(
      'had ended before',
    );
    expect(await callError(client, tool, { operation: 'cancel', job_id: 'job9999' })).toContain(
      '[remote/not-found]',
    );
  });
});

describe('ps, inspect, hardware', () => {
  it('6.4: lists what runs, with cost, and everything when asked; an empty list names the account', async () => {
    const { client, fake } = await startJobsWorld();
    const empty = await call(client, tool, { operation: 'ps' });
    expect(empty.text).toContain('Jobs of me');
    expect(empty.text).toContain('all=true');
    await call(client, tool, { operation: 'run', command: ['false'], wait_seconds: 0 });
    await expect.poll(() => fake.newest().isOver).toBe(true);
    await call(client, tool, { operation: 'run', command: ['sleep', '60'], name: 'second' });
    const live = await call(client, tool, { operation: 'ps' });
    expect(live.text).toMatch(/me\/job0002 \| second \| python:3\.12 \| cpu-basic \| RUNNING \|/);
    expect(live.text).not.toContain('job0001');
    const all = await call(client, tool, { operation: 'ps', all: 'true', limit: '1' });
    expect(all.text).toContain('job0002');
    const rest = await call(client, tool, {
      operation: 'ps',
      all: true,
      limit: 1,
      cursor: /cursor=(\S+)\]/.exec(all.text)?.[1],
    });
    expect(rest.text).toMatch(/job0001 \| [^\n]*ERROR/);
    const failed = await call(client, tool, { operation: 'ps', status: 'error' });
    expect(failed.text).toContain('job0001');
    const details = await call(client, tool, {
      operation: 'inspect',
      job_id: ['job0001', 'me/job0002'],
    });
    expect(details.text).toMatch(
      /Job me\/job0001: ERROR[^]*command: false[^]*Job me\/job0002: RUNNING[^]*command: sleep 60/,
    );
    expect(details.text).toContain('limit 30 min');
    expect(details.text).not.toContain('shell:');
    await call(client, tool, { operation: 'run', command: ['sleep', '60'], ssh: true });
    const open = await call(client, tool, { operation: 'inspect', job_id: 'job0003' });
    expect(open.text).toContain('shell: ssh ssh://job0003@ssh.hf.jobs (wants a key');
  });

  it('4.1: tells the hardware of the Hub without a token; what is not the Hub speaking is marked', async () => {
    const world = await startJobsWorld('approved', { HF_TOKEN: '' });
    const live = await call(world.client, tool, { operation: 'hardware' });
    expect(live.text).toContain('a10g-large: 12 vCPU, 46 GB, 1x A10G 24 GB, $1.50/h');
    expect(live.text).toContain('up to 1B: LoRA or QLoRA t4-small; full a10g-large');
    expect(live.text).not.toContain('h200');
    world.fake.hardware = [{ name: 'new-chip', unitCostMicroUSD: 1, unitLabel: 'hour' }];
    world.clock.advance(7 * 3_600_000);
    expect((await call(world.client, tool, { operation: 'hardware' })).text).toContain(
      'new-chip: price unknown',
    );
    world.clock.advance(7 * 3_600_000);
    world.services.hub.fail(/\/api\/jobs\/hardware/, { status: 500 }, 9);
    expect((await call(world.client, tool, { operation: 'hardware' })).text).toContain(
      'THE HUB DOES NOT ANSWER',
    );
    expect(await callError(world.client, tool, { operation: 'ps' })).toContain(
      '[remote/auth-required]',
    );
  });
});

describe('scheduled', () => {
  it('6.5: makes, lists, inspects, suspends, resumes and deletes, each read back', async () => {
    const world = await startJobsWorld();
    const { client, fake } = world;
    const scheduled = (operation: string, args: object = {}) =>
      call(client, tool, {
        operation: `scheduled_${operation}`,
        scheduled_job_id: 'me/sch1',
        ...args,
      });
    const made = await call(client, tool, {
      operation: 'scheduled-run',
      script: 'print("tick")',
      hardware_flavor: 'cpu-upgrade',
      timeout: '10m',
      schedule: '*/15 * * * *',
    });
    expect(made.text).toContain('Scheduled me/sch1: */15 * * * *');
    expect(made.text).toContain('at most $0.01 per run, $0.48 on the first day, $14.40 in 30 days');
    expect(world.questions[0]).toMatchObject({
      operation: 'scheduled_run',
      cost: { amountMicroUsd: 480_000 },
    });
    const schedule = fake.schedules.get('sch1');
    expect(schedule?.body.jobSpec).toMatchObject({ timeoutSeconds: 600, flavor: 'cpu-upgrade' });
    if (schedule !== undefined)
      schedule.lastJob = { id: 'job0007', at: '2026-01-02T06:00:00.000Z' };
    const list = await call(client, tool, { operation: 'scheduled ps' });
    expect(list.text).toMatch(
      /me\/sch1 \| \*\/15 \* \* \* \* \| cpu-upgrade \| 2026-01-02T06:00:00\.000Z \|/,
    );
    expect((await scheduled('suspend')).text).toMatch(/^Done\. [^]*SUSPENDED/);
    expect(world.questions.at(-1)).not.toHaveProperty('cost');
    expect((await call(client, tool, { operation: 'scheduled ps' })).text).toContain('SUSPENDED');
    expect((await scheduled('resume')).text).toMatch(/^Done\. [^\n]*next run/);
    expect(world.questions.at(-1)).toMatchObject({
      operation: 'scheduled_resume',
      cost: { amountMicroUsd: 480_000 },
    });
    const details = (await scheduled('inspect')).text;
    expect(details).toContain('last run: me/job0007 at 2026-01-02T06:00:00.000Z');
    expect(details).toContain('command: uv run SCRIPT');
    // Made elsewhere, in words that nobody here can count by: it can be ended, and not begun.
    if (schedule !== undefined) schedule.body.schedule = '0 9 * * 1#1';
    const words = { operation: 'scheduled_resume', scheduled_job_id: 'me/sch1' };
    expect(await callError(client, tool, words)).toContain('is not a schedule');
    expect((await scheduled('suspend')).text).toMatch(/^Done\. [^]*SUSPENDED/);
    expect((await scheduled('delete')).text).toContain('Deleted the scheduled Job me/sch1.');
    expect(fake.schedules.size).toBe(0);
    const bad = { operation: 'scheduled run', script: 'print(1)', schedule: '61 * * * *' };
    expect(await callError(client, tool, bad)).toContain('is not a schedule');
    expect(await callError(client, tool, { operation: 'scheduled later' })).toContain(
      'must be one of',
    );
  });
});

it('6.3: a schedule is never sent twice either: a lost answer is looked up by its label', async () => {
  const world = await startJobsWorld();
  const args = { operation: 'scheduled run', script: 'print(1)', schedule: '@daily' };
  world.fake.losesReply = true;
  expect((await call(world.client, tool, args)).text).toContain('Scheduled me/sch1: @daily');
  world.services.hub.fail(/\/api\/scheduled-jobs\/me/, { status: 500 });
  expect(await callError(world.client, tool, args)).toContain('was not submitted');
  world.services.hub.fail(/\/api\/scheduled-jobs\/me/, { status: 500 }, 4);
  expect(await callError(world.client, tool, args)).toMatch(
    /^\[job\/unconfirmed\][^]*glovebox-request=/,
  );
  expect(world.fake.schedules.size).toBe(1);
  const posts = world.services.hub.requests.filter(({ method }) => method === 'POST');
  expect(posts).toHaveLength(3);
});

it('2.4: takes what models write for lists and objects', async () => {
  const world = await startJobsWorld();
  await call(world.client, tool, {
    operation: 'UV',
    script: 'import sys; print(sys.argv)',
    dependencies: 'torch>=2.4,<3, trl',
    script_args: '--lr 1e-4 "a b"',
    env: '{"A": "1"}',
    timeout: 90.5,
    expose: '8000, 8001',
    volumes: '[{"type":"model","source":"org/m","mount_path":"/m"}]',
    wait_seconds: '30',
  });
  const { body } = world.fake.newest();
  expect(world.uvWords().filter((word) => !word.startsWith('/tmp/'))).toEqual([
    'run',
    '--with',
    'torch>=2.4,<3',
    '--with',
    'trl',
    '--lr',
    '1e-4',
    'a b',
  ]);
  expect(body).toMatchObject({
    timeoutSeconds: 91,
    environment: { A: '1' },
    expose: { ports: [8000, 8001] },
    volumes: [{ type: 'model', source: 'org/m', mountPath: '/m' }],
  });
});
