/** An agent on Hugging Face: a notebook in a Job that survives the server, Jobs within a budget, and no token where it does not belong. */
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tools } from '#tools/index.ts';
import { addJobs, type FakeJobs } from '../fakes/hub/fake-jobs.ts';
import { startFakeService, type FakeService } from '../fakes/hub/fake-service.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { freePort } from '../rigs/free-port.ts';
import { testPython } from '../rigs/python.ts';
import { MARK } from '../rigs/reaper.mjs';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

const TOKEN = 'hf_tokenOfTheAgent00000000000000000';

interface Lab {
  readonly hub: FakeService;
  readonly fake: FakeJobs;
  readonly world: World;
  /** A client of another process of the product. */
  readonly newClient: () => Promise<Awaited<ReturnType<typeof connect>>['client']>;
}

async function startLab(budgetUsd: string): Promise<Lab> {
  const hub = await startFakeService('hub');
  hub.on('GET', /\/api\/whoami-v2/, () => ({ json: { name: 'me', orgs: [] } }));
  const PATH = `${path.dirname(testPython())}${path.delimiter}${process.env['PATH'] ?? ''}`;
  const fake = addJobs(hub, { token: TOKEN, environment: { PATH, LANG: 'C.UTF-8' } });
  const world = createWorld({
    HF_ENDPOINT: hub.url,
    HF_TOKEN: TOKEN,
    GLOVEBOX_JOBS_ROOT: '.',
    GLOVEBOX_YOLO: '1',
    GLOVEBOX_BUDGET_USD: budgetUsd,
    CLAUDE_CODE_SESSION_ID: 'one-conversation',
  });
  onTestFinished(async () => {
    await world.end();
    await fake.close();
    await hub.close();
    expect(hub.unexpected).toEqual([]);
  });
  return {
    hub,
    fake,
    world,
    async newClient() {
      const app = await world.newApp();
      return (await connect('modern', { tools, services: async () => app.services })).client;
    },
  };
}

it('H7, H12: a notebook lives in a Job, and goes on when the server is another one', async () => {
  const { hub, fake, newClient } = await startLab('1');
  const options = {
    kernel_packages: 'minimal',
    env: { [MARK]: 'of the fake' },
    jupyter_port: await freePort(),
  };
  const client = await newClient();
  const offers = await call(client, 'sandbox_options', { backend: 'huggingface' });
  expect(offers.text).toContain('a10g-large');
  const created = await call(client, 'sandbox_create', { backend: 'huggingface', options });
  expect(created.text).toContain('state: ready');
  expect(created.text).toContain('host: Hugging Face cpu-basic me/job0001');
  expect(created.text).toMatch(/cost: \$0\.02\/h/);
  const sandbox_id = idOf(created, 'sandbox_id');
  const started = await call(client, 'start_new_notebook', { experiment_name: 'far', sandbox_id });
  const session_id = idOf(started, 'session_id');
  await call(client, 'execute_code', { session_id, code: 'x = 41' });
  const other = await newClient();
  const run = await call(other, 'execute_code', { session_id, code: 'x + 1' });
  expect(run.text).toContain('42');
  // 6: advice before a notebook trains on what is lost with the machine.
  const code = 'class Trainer:\n    def train(self): print("trained")\nTrainer().train()';
  const trained = await call(other, 'execute_code', { session_id, code });
  expect(trained.text).toMatch(/trained[^]*\[high\] it trains and saves nothing;/);
  // 5: what the budget has no more money for is refused; what is paid for already goes on.
  const big = {
    backend: 'huggingface',
    name: 'big',
    options: { ...options, flavor: 'a100-large' },
  };
  expect(await callError(other, 'sandbox_create', big)).toMatch(/^\[policy\/over-budget\]/);
  const shell = await call(other, 'sandbox_bash', { sandbox_id, command: 'echo from the job' });
  expect(shell.text).toContain('from the job');
  const secret = fake.newest().body.secrets?.['GLOVEBOX_TOKEN'] ?? '';
  for (const { text } of [created, started, run]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(TOKEN);
  }
  const stopped = await call(other, 'sandbox_stop', { sandbox_id });
  expect(stopped.text).toContain('ended: stopped');
  expect(fake.alive()).toEqual([]);
  // Nothing but a start that is asked for rents it again.
  for (const [tool, args] of [
    ['sandbox_bash', { sandbox_id, command: 'true' }],
    ['execute_code', { session_id, code: '1' }],
    ['start_new_notebook', { experiment_name: 'again', sandbox_id }],
  ] as const)
    expect(await callError(other, tool, args)).toMatch(/ended/);
  expect((await call(other, 'sandbox_wait', { sandbox_id })).text).toContain('ended');
  expect([fake.alive(), fake.jobs.size]).toEqual([[], 1]);
  const bodies = hub.requests.map(({ body, path: at }) => `${at} ${body.toString('utf8')}`);
  expect(bodies.filter((text) => text.includes(TOKEN))).toEqual([]);
});

it('5.3: the budget refuses the Job that would exceed it and lets the one that fits, and gives back what was not used', async () => {
  const { fake, newClient } = await startLab('2');
  const [one, two] = [await newClient(), await newClient()];
  const job = { operation: 'run', command: ['true'], hardware_flavor: 'a10g-large' };
  expect(await callError(one, 'hf_jobs', { ...job, timeout: '2h' })).toMatch(
    /^\[policy\/over-budget\] \$3\.00 needed, \$2\.00 left/,
  );
  expect(fake.jobs.size).toBe(0);
  const sleeping = { ...job, command: ['sleep', '60'], timeout: '1h' };
  const ran = await call(one, 'hf_jobs', sleeping);
  expect(ran.text).toContain('spent or reserved $1.50 of $2.00 this session');
  expect(await callError(two, 'hf_jobs', sleeping)).toContain('$1.50 needed, $0.50 left');
  const ended = await call(two, 'hf_jobs', { operation: 'cancel', job_id: 'job0001' });
  // One minute that it ran, and one for its billed start.
  expect(ended.text).toContain('spent or reserved $0.05 of $2.00 this session');
  expect((await call(two, 'hf_jobs', sleeping)).text).toContain('$1.55 of $2.00');
});
