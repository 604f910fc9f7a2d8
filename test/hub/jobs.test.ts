/** hf_jobs through MCP, against a fake Hub whose Jobs are real processes: they run, stream, fail truthfully, are cancelled. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import { call, callError, idOf } from '../mcp/call.ts';
import { startJobsWorld } from './jobs-world.ts';

const tool = 'hf_jobs';
/** The cursor that an answer ends with. */
const cursorIn = (text: string): string => /cursor="([^"]+)"/.exec(text)?.[1] ?? '';

describe('run', () => {
  it('6.3: asks with every fact, and runs exactly the script that was shown, with words that no shell reads', async () => {
    const world = await startJobsWorld('approved', { WANDB_API_KEY: 'wandb-secret-value' });
    const script = `import sys, os\nprint("naïve $HOME 'x' \\"y\\" \`z\`")\nprint(sys.argv[1:], "WANDB_API_KEY" in os.environ)\n`;
    const args = ['a b', '$(x)', "'", ''];
    const answer = await call(world.client, tool, {
      operation: 'Run',
      script,
      script_args: args,
      dependencies: ['torch>=2.4,<3'],
      python: '3.12',
      hardware_flavor: 'a10g-large',
      timeout: '2h',
      secrets: { WANDB_API_KEY: '$WANDB_API_KEY' },
      name: 'my-run',
      wait_seconds: 60,
    });
    expect(answer.text).toContain('Submitted the Job me/job0001.');
    expect(answer.text).toContain('limit 2 h. At most $3.00.');
    expect(answer.text).toContain('The Job me/job0001 has COMPLETED.');
    expect(answer.text).toContain(`naïve $HOME 'x' "y" \`z\`\n['a b', '$(x)', "'", ''] True`);
    expect(answer.text).toContain('[2 lines of uv left out] Installed 2 packages in 3ms');
    expect(idOf(answer, 'job_id')).toBe('me/job0001');
    const { body, labels } = world.fake.newest();
    const file = body.command[3] ?? '';
    expect(world.uvWords()).toEqual([
      'run',
      '--with',
      'torch>=2.4,<3',
      '--python',
      '3.12',
      file,
      ...args,
    ]);
    expect(labels).toMatchObject({ name: 'my-run' });
    expect(body).toMatchObject({ timeoutSeconds: 7200, flavor: 'a10g-large' });
    expect(body.environment).toMatchObject({ PYTHONUNBUFFERED: '1', UV_NO_PROGRESS: '1' });
    expect(body.environment).not.toHaveProperty('HF_HUB_ENABLE_HF_TRANSFER');
    expect(body.secrets).toEqual({
      HF_TOKEN: TEST_TOKENS.hub,
      WANDB_API_KEY: 'wandb-secret-value',
    });
    expect(world.questions).toHaveLength(1);
    const [question] = world.questions;
    expect(question).toMatchObject({
      operation: 'run',
      about: { ownership: 'own', hardware: 'a10g-large', isExposed: true, givesTokenAway: false },
      binding: { namespace: 'me' },
      cost: { amountMicroUsd: 3_000_000, minutes: 120, isFresh: true },
      namespace: 'me',
      subject: { kind: 'job', id: labels['glovebox-request'] },
    });
    expect(question?.facts.map((line) => line.replace(/\s+/g, ' '))).toEqual([
      'account me (yours)',
      'hardware a10g-large: 12 vCPU, 46 GB, 1x A10G 24 GB, $1.50/h',
      expect.stringMatching(/^code code of the call, 3 lines, sha256 [0-9a-f]{12}$/),
      'image ghcr.io/astral-sh/uv:python3.12-bookworm',
      'packages torch>=2.4,<3',
      'gets WANDB_API_KEY ($WANDB_API_KEY), HF_TOKEN of HF_TOKEN',
    ]);
    expect(JSON.stringify([world.questions, answer])).not.toMatch(/wandb-secret-value|hf_test/);
  });

  it('6.3: tells code, files and addresses apart; a script of 200 KB arrives whole', async () => {
    const world = await startJobsWorld();
    const run = (script: string) =>
      call(world.client, tool, { operation: 'run', script, wait_seconds: 60 });
    expect((await run(`print('x')`)).text).toContain('\nx\n');
    const large = Array.from({ length: 4000 }, (_, at) => `# ${at} ${'padding '.repeat(5)}`).join(
      '\n',
    );
    writeFileSync(path.join(world.projectDir, 'train.py'), `${large}\nprint("of the project")\n`);
    expect((await run('./train.py')).text).toContain('of the project');
    await call(world.client, tool, { operation: 'run', script: 'https://example.test/a.py' });
    expect(world.fake.newest().body.command).toEqual(['uv', 'run', 'https://example.test/a.py']);
    for (const [script, words] of [
      ['train.py --epochs 1', 'use script_args'],
      ['../outside.py', 'path/'],
      ['no-such.py', 'path/not-found'],
    ] as const)
      expect(await callError(world.client, tool, { operation: 'run', script })).toContain(words);
    expect(world.questions).toHaveLength(3);
  });

  it('6.3: runs a command in an image unwrapped, and gives no token to images of others', async () => {
    const world = await startJobsWorld();
    const { text } = await call(world.client, tool, {
      operation: 'run',
      command: `sh -c 'echo "$HF_TOKEN|$0" | tr a-z A-Z' "two words"`,
      image: 'somebody/image:1',
      env: { FOO: 'bar' },
      wait_seconds: 30,
    });
    expect(text).toContain('|TWO WORDS');
    expect(world.fake.newest().body).toMatchObject({
      command: ['sh', '-c', 'echo "$HF_TOKEN|$0" | tr a-z A-Z', 'two words'],
      dockerImage: 'somebody/image:1',
      environment: { FOO: 'bar' },
    });
    expect(world.fake.newest().body.secrets).toBeUndefined();
    await call(world.client, tool, {
      operation: 'run',
      command: ['true'],
      image: 'https://huggingface.co/spaces/org/space',
    });
    expect(world.fake.newest().body).toMatchObject({ spaceId: 'org/space' });
    await call(world.client, tool, {
      operation: 'run',
      command: ['true'],
      image: 'somebody/image:1',
      hf_token: 'inherit',
    });
    expect(world.questions.at(-1)?.facts.join()).toContain('INTO AN IMAGE OF SOMEBODY ELSE');
  });

  it('6.3: refuses what cannot be before anybody is asked', async () => {
    const world = await startJobsWorld();
    const refused = (args: object) => callError(world.client, tool, { operation: 'run', ...args });
    const command = ['true'];
    expect(await refused({})).toContain('exactly one of script and command');
    expect(await refused({ command, script: 'print(1)' })).toContain('exactly one');
    const flavor = await refused({ command, hardware_flavor: 'a10g-larg' });
    expect(flavor).toContain('Did you mean "a10g-large"?');
    expect(flavor).toContain('a100-large ($2.50/h)');
    expect(await refused({ command, timeout: '1h30' })).toContain('is not a time limit');
    expect(await refused({ command, namespace: 'others' })).toContain('yours are: me, org');
    expect(await refused({ command, labels: { 'a b': 'c' } })).toContain('label');
    expect(await refused({ command, secrets: { KEY: '$NOT_SET' } })).toContain(
      'NOT_SET is not set',
    );
    expect(await refused({ script: 'print(1)', dependencies: ['-r x'] })).toContain(
      'no requirement',
    );
    expect(world.questions).toEqual([]);
    expect(world.fake.jobs.size).toBe(0);
  });

  it('runs nothing when the person says no', async () => {
    const world = await startJobsWorld('declined');
    expect(await callError(world.client, tool, { operation: 'run', command: ['true'] })).toContain(
      '[policy/refused]',
    );
    expect(world.fake.jobs.size).toBe(0);
  });

  it('6.3: is never sent twice: a lost answer is looked up by its label, and 402 is about credit', async () => {
    const world = await startJobsWorld();
    world.fake.losesReply = true;
    const { text } = await call(world.client, tool, { operation: 'run', command: ['true'] });
    expect(text).toContain('Submitted the Job me/job0001.');
    expect(world.fake.jobs.size).toBe(1);
    world.services.hub.fail(/\/api\/jobs\/me/, {
      status: 402,
      json: { error: 'Payment Required' },
    });
    expect(await callError(world.client, tool, { operation: 'run', command: ['true'] })).toMatch(
      /^\[remote\/billing\][^]*settings\/billing/,
    );
    world.services.hub.fail(/\/api\/jobs\/me/, { status: 500 });
    expect(await callError(world.client, tool, { operation: 'run', command: ['true'] })).toContain(
      'was not submitted',
    );
    world.services.hub.fail(/\/api\/jobs\/me/, { status: 500 }, 4);
    expect(await callError(world.client, tool, { operation: 'run', command: ['true'] })).toMatch(
      /^\[job\/unconfirmed\][^]*glovebox-request=/,
    );
    expect(world.fake.jobs.size).toBe(1);
    const posts = world.services.hub.requests.filter(({ method }) => method === 'POST');
    expect(posts).toHaveLength(4);
  });
});

describe('following', () => {
  it('6.4: a Job that fails is told as failed, with its last lines and the message of the service', async () => {
    const { client } = await startJobsWorld();
    const script = 'import sys\nprint("before")\nprint("the cause", file=sys.stderr)\nsys.exit(1)';
    const text = await callError(client, tool, { operation: 'run', script, wait_seconds: 60 });
    expect(text).toMatch(
      /^\[job\/failed\] The Job me\/job0001 ended as ERROR: Job failed with exit code: 1\n/,
    );
    expect(text).toContain('before');
    expect(text).toContain('the cause');
    const again = await callError(client, tool, { operation: 'wait', job_id: 'job0001' });
    expect(again).toContain('[job/failed]');
    const logs = await call(client, tool, { operation: 'logs', job_id: 'me/job0001' });
    expect(logs.text).toContain('ERROR (Job failed with exit code: 1)');
  });

  it('6.4: a wait that ends says that it runs on, and the next one goes on without a line twice', async () => {
    const { client, fake } = await startJobsWorld();
    const loop =
      'n=1; echo line $n; while true; do while [ -e go$n ]; do n=$((n+1)); echo line $n; done; [ -e end ] && exit 0; sleep 0.05; done';
    await call(client, tool, { operation: 'run', command: ['sh', '-c', loop] });
    const job = fake.newest();
    const release = (name: string): void => writeFileSync(path.join(job.root, name), '');
    const first = await call(client, tool, {
      operation: 'wait',
      job_id: 'job0001',
      wait_seconds: 1,
    });
    expect(first.text).toContain('is still RUNNING; it goes on.');
    expect(first.text).toContain('line 1');
    release('go1');
    await expect.poll(() => job.log.length).toBe(3);
    const second = await call(client, tool, {
      operation: 'logs',
      job_id: 'job0001',
      cursor: cursorIn(first.text),
    });
    expect(second.text).toContain('line 2');
    expect(second.text).not.toContain('line 1');
    release('end');
    const last = await call(client, tool, {
      operation: 'wait',
      job_id: 'job0001',
      cursor: cursorIn(second.text),
    });
    expect(last.text).toContain('has COMPLETED');
    expect(last.text).toContain('(no new lines)');
  });

  it('6.4: broken connections lose no line and repeat none', async () => {
    const { client, fake, services } = await startJobsWorld();
    fake.cuts.push(3, 2, 5, 0);
    const command = ['sh', '-c', 'for n in 1 2 3 4 5 6 7 8 9; do echo "line $n"; sleep 0.05; done'];
    const { text } = await call(client, tool, { operation: 'run', command, wait_seconds: 60 });
    expect(text.match(/^line \d$/gm)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `line ${n}`));
    expect(text).toContain('has COMPLETED');
    expect(
      services.hub.requests.filter(({ path: at }) => at.endsWith('/logs')).length,
    ).toBeGreaterThan(4);
  });

  it('6.4: an unknown stage is no end, and DELETED is one', async () => {
    const { client, fake } = await startJobsWorld();
    await call(client, tool, { operation: 'run', command: ['sleep', '60'] });
    fake.newest().stage = 'MIGRATING';
    const { text } = await call(client, tool, {
      operation: 'wait',
      job_id: 'job0001',
      wait_seconds: 1,
    });
    expect(text).toContain('is still MIGRATING');
    fake.newest().end('DELETED');
    expect(await callError(client, tool, { operation: 'wait', job_id: 'job0001' })).toContain(
      'ended as DELETED',
    );
  });

  it('6.4: finds lines, cuts the middle, and removes colours', async () => {
    const { client } = await startJobsWorld();
    const command = [
      'sh',
      '-c',
      'echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; for n in $(seq 1 400); do printf "\\033[31mstep %s\\033[0m\\n" $n; done; sleep 0.01',
    ];
    await call(client, tool, { operation: 'run', command, wait_seconds: 60 });
    const logs = (args: object) =>
      call(client, tool, { operation: 'logs', job_id: 'job0001', ...args });
    const { text } = await logs({ grep: '/step 20\\d$/i', tail: 5 });
    expect(text).toContain('step 207\nstep 208\nstep 209\nstep 210\nstep 211\n');
    expect(text).toContain('earlier lines');
    const endless = { operation: 'logs', job_id: 'job0001', grep: '/^(.?.?)+$x/' };
    expect(await callError(client, tool, endless)).toContain('takes longer than 1 s');
    expect(await callError(client, tool, { ...endless, grep: '/(/' })).toContain('no regular');
    expect((await logs({ grep: '/^none$/' })).text).toContain('(no lines)');
    const cut = await logs({ tail: 400, max_chars: 1000 });
    expect(cut.text.length).toBeLessThanOrEqual(1100);
    expect(cut.text).toMatch(/step 1\n[^]*characters left out[^]*step 400/);
    expect(
      await callError(client, tool, { operation: 'logs', job_id: 'job0001', since: 'noon' }),
    ).toContain('since');
  });
});
