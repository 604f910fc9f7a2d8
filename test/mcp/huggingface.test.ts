/** An agent on Hugging Face: a notebook in a Job that survives the server, Jobs within a budget, and no token where it does not belong. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { tools } from '#tools/index.ts';
import { addBuckets, type FakeBuckets } from '../fakes/hub/fake-buckets.ts';
import { addJobs, type FakeJobs } from '../fakes/hub/fake-jobs.ts';
import { startFakeService, type FakeService } from '../fakes/hub/fake-service.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { freePort } from '../rigs/free-port.ts';
import { testPython } from '../rigs/python.ts';
import { MARK } from '../rigs/reaper.mjs';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

const TOKEN = 'hf_tokenOfTheAgent00000000000000000';
const HOOK = path.resolve(import.meta.dirname, '../../src/bin/hook.ts');

/** What the hook of a process of its own writes; it has to end well. */
async function askHook({ env }: World, input: object, event = 'PreToolUse'): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', HOOK, event], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    env,
  });
  child.stdin.end(JSON.stringify(input));
  const outputs = Promise.all([readText(child.stdout), readText(child.stderr)]);
  const [code] = await once(child, 'close');
  const [stdout, stderr] = await outputs;
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

/** Kernels have it, and nothing that is kept may. */
const KERNEL_SECRET = 'wb-4f9A-secret-of-the-kernel-77';

interface Lab {
  readonly hub: FakeService;
  readonly fake: FakeJobs;
  readonly buckets: FakeBuckets;
  readonly world: World;
  /** A client of another process of the product. */
  readonly newClient: () => Promise<Awaited<ReturnType<typeof connect>>['client']>;
}

async function startLab(
  budgetUsd: string,
  vars: Readonly<Record<string, string>> = {},
): Promise<Lab> {
  const hub = await startFakeService('hub');
  hub.on('GET', /\/api\/whoami-v2/, () => ({
    json: { name: 'me', orgs: [], auth: { accessToken: { role: 'write' } } },
  }));
  const PATH = `${path.dirname(testPython())}${path.delimiter}${process.env['PATH'] ?? ''}`;
  const buckets = addBuckets(hub, { token: TOKEN });
  const environment = { PATH, LANG: 'C.UTF-8' };
  const fake = addJobs(hub, { token: TOKEN, environment, buckets });
  const world = createWorld({
    HF_ENDPOINT: hub.url,
    HF_TOKEN: TOKEN,
    WANDB_API_KEY: KERNEL_SECRET,
    GLOVEBOX_JOBS_ROOT: '.',
    GLOVEBOX_YOLO: '1',
    GLOVEBOX_BUDGET_USD: budgetUsd,
    CLAUDE_CODE_SESSION_ID: 'one-conversation',
    ...vars,
  });
  onTestFinished(async () => {
    await world.end();
    await fake.close();
    buckets.close();
    await hub.close();
    expect(hub.unexpected).toEqual([]);
  });
  return {
    hub,
    fake,
    buckets,
    world,
    async newClient() {
      const app = await world.newApp();
      return (await connect('modern', { tools, services: async () => app.services })).client;
    },
  };
}

it('H7, H12, SEC6, acceptance 51: a notebook lives in a Job, and goes on when the server is another one', async () => {
  const { hub, fake, buckets, world, newClient } = await startLab('1');
  const options = {
    kernel_packages: 'minimal',
    env: { [MARK]: 'of the fake' },
    secrets: [{ env: 'WANDB_API_KEY', scope: ['kernel'] }],
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
  // SEC6: in two pieces, in base64, in a traceback, and the end of one that is none.
  const betray = `import base64, os, sys
key = os.environ["WANDB_API_KEY"]
print("begin", key[:9], end="", flush=True)
print(key[9:], flush=True)
print(base64.b64encode(("x" + key).encode()).decode(), key[:4], end="", flush=True)
raise ValueError(key)`;
  const betrayed = await call(other, 'execute_code', { session_id, code: betray });
  expect(betrayed.text).toContain('begin [REDACTED:known-secret]');
  expect(betrayed.text).toContain(`${KERNEL_SECRET.slice(0, 4)}\n`);
  expect(betrayed.text).toContain('ValueError: [REDACTED:known-secret]');
  const stored = [world.dir, world.projectDir].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/envs/'))
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1')),
  );
  expect(stored.join('\n')).toContain('begin [REDACTED:known-secret]');
  const inBase64 = Buffer.from(`x${KERNEL_SECRET}`).toString('base64').slice(4, 20);
  for (const text of [betrayed.text, ...stored]) {
    expect(text).not.toContain(KERNEL_SECRET);
    expect(text).not.toContain(inBase64);
  }
  const keep =
    'import os\nos.makedirs("outputs/deep", exist_ok=True)\nopen("outputs/deep/result.txt", "w").write("kept")';
  await call(other, 'execute_code', { session_id, code: keep });
  const stopped = await call(other, 'sandbox_stop', { sandbox_id });
  expect(stopped.text).toContain('ended: stopped');
  // N8: what was written for keeps is in the project.
  expect(stopped.text).toContain(`brought home: outputs/${sandbox_id} (1 files, 4 B`);
  const kept = path.join(world.projectDir, 'outputs', sandbox_id, 'deep/result.txt');
  expect(readFileSync(kept, 'utf8')).toBe('kept');
  // H9: what is at home is not kept at the Hub; what cells fetched from it is, for the next sandbox.
  expect([...buckets.buckets.keys()]).toEqual(['me/glovebox-cache']);
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

it('5.2, 5.3: of two servers that ask at once, each for more than half of the budget, exactly one gets it', async () => {
  const { fake, newClient } = await startLab('2');
  const clients = [await newClient(), await newClient()];
  const job = { operation: 'run', command: ['sleep', '60'], hardware_flavor: 'a10g-large' };
  const results = await Promise.all(
    clients.map((client) =>
      client.callTool({ name: 'hf_jobs', arguments: { ...job, timeout: '1h' } }),
    ),
  );
  const texts = results.map(({ content }) => JSON.stringify(content));
  expect(results.filter(({ isError }) => isError !== true)).toHaveLength(1);
  expect(texts.join()).toContain('spent or reserved $1.50 of $2.00 this session');
  expect(texts.join()).toContain('[policy/over-budget] $1.50 needed, $0.50 left of the $2.00');
  expect(fake.jobs.size).toBe(1);
  // What is left is exactly enough: equal is allowed.
  const [, other] = clients;
  if (other === undefined) return;
  const rest = await call(other, 'hf_jobs', { ...job, timeout: '20m' });
  expect(rest.text).toContain('spent or reserved $2.00 of $2.00 this session');
});

it('3.4, 3.5, 6: the hook asks with what the checks found, and the server takes that for asked, once and for this script only', async () => {
  // Enough for both, whether or not the first Job has ended when the second is asked for.
  const { fake, newClient, world } = await startLab('10', { GLOVEBOX_YOLO: '0' });
  const client = await newClient();
  const script = 'from trl import SFTTrainer\nSFTTrainer().train()\n';
  writeFileSync(path.join(world.projectDir, 'train.py'), script);
  const args = {
    operation: 'run',
    script: './train.py',
    hardware_flavor: 'a10g-large',
    timeout: '2h',
  };
  const event = {
    hook_event_name: 'PreToolUse',
    permission_mode: 'default',
    session_id: 'one-conversation',
    tool_use_id: 'toolu_job',
    tool_name: 'mcp__plugin_glovebox_glovebox__hf_jobs',
    tool_input: args,
  };
  // It is silent when the Hub does not answer within a second, as on a busy machine; the server would ask then.
  let said = '';
  await expect
    .poll(async () => (said = await askHook(world, event)), { timeout: 30_000 })
    .toContain('"permissionDecision":"ask"');
  expect(said).toMatch(/max\. \$3\.00\\nlimit {6}2 h: 120 min x \$0\.0250/);
  expect(said).toContain('[high] it trains and saves nothing');
  const run = (file: string) => {
    writeFileSync(path.join(world.projectDir, 'train.py'), file);
    return client.callTool({
      name: 'hf_jobs',
      arguments: args,
      _meta: { 'claudecode/toolUseId': 'toolu_job' },
    });
  };
  const ran = await run(script);
  expect([ran.isError === true, JSON.stringify(ran.content)]).toEqual([
    false,
    expect.stringContaining('Warning R1 [high]'),
  ]);
  expect(fake.jobs.size).toBe(1);
  for (const file of [script, `${script}# changed`])
    expect(JSON.stringify((await run(file)).content)).toContain('policy/needs-approval');
  expect(fake.jobs.size).toBe(1);
  // 8: the next conversation begins with what is known of the token, and without the Job that has ended.
  fake.newest().end('COMPLETED');
  const begins = { hook_event_name: 'SessionStart', source: 'startup', session_id: 'another' };
  await expect
    .poll(async () => (said = await askHook(world, begins, 'SessionStart')), { timeout: 60_000 })
    .not.toContain('- me/job0001');
  expect(said).toContain('Hugging Face: me (token from HF_TOKEN, role write).');
  expect(said).toContain('$0.05 today');
});
