/** hf_jobs through MCP: what the checks of a script say, what its log does not show, and where it logs to. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { addSpaces } from '../fakes/hub/fake-spaces.ts';
import { call, callError } from '../mcp/call.ts';
import { startJobsWorld } from './jobs-world.ts';

const tool = 'hf_jobs';

describe('6: checks of scripts', () => {
  it('stand in the question and in the answer, the gravest first; a way out is said calmly', async () => {
    const world = await startJobsWorld();
    const train = 'from trl import SFTTrainer\nSFTTrainer(data=open("data.csv")).train()\n';
    writeFileSync(path.join(world.projectDir, 'data.csv'), 'a,b\n');
    const run = (args: object) =>
      call(world.client, tool, { operation: 'run', hardware_flavor: 't4-small', ...args });
    const answer = await run({ script: train, dependencies: ['trl'] });
    expect(answer.text).toContain(
      'Warning R1 [high] it trains and saves nothing; fix: push_to_hub',
    );
    const codes = world.questions
      .at(-1)
      ?.advisories?.map(({ code, severity }) => `${code} ${severity}`);
    expect(codes).toEqual(['R1 high', 'R3 high', 'R9 medium', 'R7 low', 'R8 low']);
    const pushed = `${train.replace('data=open("data.csv")', 'report_to="trackio"')}x(push_to_hub=True, hub_model_id="me/m")\n`;
    const calm = await run({
      script: pushed,
      dependencies: ['trl'],
      timeout: '2h',
      hf_token: 'none',
    });
    expect(calm.text).toContain('Warning R5 [high] it pushes to the Hub, and no token goes in');
    expect(world.questions.at(-1)?.facts.join('\n')).toMatch(/^result +saves to me\/m$/m);
    const inference = 'm = AutoModel.from_pretrained("x/y").cuda()\nm.generate()\n';
    expect((await run({ script: inference, dependencies: ['transformers'] })).text).not.toContain(
      'Warning',
    );
    // Of a command only its time limit is judged; the arguments of a script are no code.
    await run({ command: ['python', 'train.py'], image: 'org/image:1' });
    expect(world.questions.at(-1)?.advisories).toMatchObject([{ code: 'R3' }]);
    await run({ script: inference, dependencies: ['transformers'], script_args: ['Trainer('] });
    expect(world.questions.at(-1)?.advisories).toEqual([]);
    const scheduled = await call(world.client, tool, {
      operation: 'scheduled run',
      script: train,
      schedule: '@daily',
    });
    expect(scheduled.text).toContain('Warning R1 [high]');
  });
});

describe('6.4: secrets in logs', () => {
  it('are not shown, whether this machine has them, the Job was given them, or they only look like one', async () => {
    const { client } = await startJobsWorld('approved', { PLAIN_WORD: 'correct-horse-battery' });
    const shaped = `ghp_${'aB3'.repeat(12)}`;
    const script = `import os
long = "x" * 3990
print(long + os.environ["HF_TOKEN"])
print("given:", os.environ["PLAIN_WORD"], "shape: gh" + "p_" + "aB3" * 12)
print("-----BEGIN " + "PRIVATE KEY-----\\n" + "MIIdef" * 10 + "\\n" + "MIIabc" * 10 + "\\n-----END " + "PRIVATE KEY-----")
print("done")`;
    const answer = await call(client, tool, {
      operation: 'run',
      script,
      secrets: { PLAIN_WORD: '$PLAIN_WORD' },
      wait_seconds: 60,
    });
    const logs = await call(client, tool, { operation: 'logs', job_id: 'job0001', grep: '/./' });
    for (const { text } of [answer, logs]) {
      expect(text).toContain('given: [REDACTED:known-secret] shape: [REDACTED:github-token]');
      expect(text).toContain('[REDACTED:private-key]\ndone');
      expect(text).not.toMatch(/hf_test|hf_t|correct-horse|MIIdef/);
      expect(text).not.toContain(shaped);
    }
  });

  it('a Job that failed is told with its last lines to whoever has read them before, too', async () => {
    const { client, fake } = await startJobsWorld();
    const command = ['sh', '-c', 'echo the cause; while [ ! -e end ]; do sleep 0.05; done; exit 3'];
    const first = await call(client, tool, { operation: 'run', command, wait_seconds: 1 });
    const cursor = /cursor="([^"]+)"/.exec(first.text)?.[1];
    expect(cursor).toBeDefined();
    writeFileSync(path.join(fake.newest().root, 'end'), '');
    const text = await callError(client, tool, { operation: 'wait', job_id: 'job0001', cursor });
    expect(text).toContain(
      'ended as ERROR: Job failed with exit code: 3\nIts last lines:\nthe cause',
    );
  });
});

describe('6.6: trackio', () => {
  const job = {
    operation: 'run',
    command: ['sh', '-c', 'echo "$TRACKIO_SPACE_ID $TRACKIO_PROJECT"'],
  };

  it('makes a private Space in one commit, with a bucket that outlives it, and tells the Job of it', async () => {
    const world = await startJobsWorld();
    const spaces = addSpaces(world.services);
    const args = { ...job, trackio_space_id: 'me/board', trackio_project: 'p1', wait_seconds: 30 };
    const { text } = await call(world.client, tool, args);
    expect(text).toContain(`trackio: ${world.services.hub.url}/spaces/me/board\n`);
    expect(text).toContain('\nme/board p1\n');
    expect(world.questions[0]?.facts.join('\n')).toContain(
      'makes the private Space me/board with the bucket me/board-bucket, and logs to it, project p1',
    );
    expect(world.questions[0]?.about).toMatchObject({ logsInPublic: false });
    const space = spaces.repos.get('me/board');
    expect(space?.settings.private).toBe(true);
    expect(space?.changes.map(({ what }) => what)).toEqual([
      'POST /api/spaces/me/board/commit/main',
    ]);
    expect(space?.files.get('app.py')?.bytes.toString()).toContain('import trackio');
    expect(spaces.mounts.get('me/board')).toEqual([
      { type: 'bucket', source: 'me/board-bucket', mountPath: '/data' },
    ]);
    expect(spaces.variables.get('me/board')).toEqual({
      TRACKIO_DIR: { value: '/data/trackio' },
      TRACKIO_BUCKET_ID: { value: 'me/board-bucket' },
    });
    // Again, it is there, and nothing of it is changed.
    const before = spaces.repos.get('me/board')?.head;
    await call(world.client, tool, { ...args, trackio_project: 'p2' });
    expect(spaces.repos.get('me/board')?.head).toBe(before);
    expect(world.questions[1]?.facts.join('\n')).toContain(
      'logs to the Space me/board (private), project p2',
    );
  });

  it('touches no Space that shows something else, keeps other mounts, warns of a public one and of what failed', async () => {
    const world = await startJobsWorld();
    const spaces = addSpaces(world.services);
    const other = spaces.add('me/demo', { 'app.py': 'import gradio  # not trackio\n' }, true);
    const refused = (args: object) => callError(world.client, tool, { ...job, ...args });
    expect(await refused({ trackio_space_id: 'me/demo' })).toContain('[remote/conflict]');
    expect(await refused({ trackio_space_id: 'others/x' })).toContain('yours are: me, org');
    expect(await refused({ trackio_project: 'p' })).toMatch(
      /trackio_space_id="me\/glovebox-[0-9a-f]{8}"/,
    );
    const schedule = { ...job, operation: 'scheduled run', schedule: '@daily' };
    expect(await refused({ ...schedule, trackio_space_id: 'me/x' })).toContain(
      'takes no trackio_space_id',
    );
    expect(world.questions).toEqual([]);
    expect(other.changes).toEqual([]);

    spaces.add('org/open', { 'app.py': 'import trackio\ntrackio.show()\n' }, false);
    const models = { type: 'model', source: 'org/m', mountPath: '/m', readOnly: true };
    spaces.mounts.set('org/open', [models]);
    world.services.hub.fail(/\/api\/spaces\/org\/open\/variables/, { status: 500 }, 3);
    const { text } = await call(world.client, tool, {
      ...job,
      trackio_space_id: 'org/open',
      hf_token: 'none',
    });
    expect(text).toContain('Submitted the Job me/job0001.');
    expect(text).toContain('Warning: no Hub token goes into the Job');
    expect(text).toMatch(/Warning: what org\/open shows may be lost[^\n]*The Hub failed/);
    expect(world.questions[0]?.about).toMatchObject({ logsInPublic: true });
    expect(world.questions[0]?.facts.join('\n')).toContain(
      'PUBLIC: everybody reads what is logged',
    );
    expect(spaces.mounts.get('org/open')).toEqual([
      models,
      { type: 'bucket', source: 'org/open-bucket', mountPath: '/data' },
    ]);
  });
});
