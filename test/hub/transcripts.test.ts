/** The upload of transcripts against the fake Hub: consent, redaction, the dataset, and what survives which failure. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { addRepo } from '../fakes/hub/fake-repo.ts';
import { TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import { filler } from '../fixtures/secret-corpus.ts';
import { DATASET, startTranscripts, type TranscriptWorld } from '../rigs/transcript-world.ts';

const ID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const never = new AbortController().signal;
const root = path.resolve(import.meta.dirname, '../..');

const LINES: readonly unknown[] = [
  { type: 'summary', summary: 'ünïcode – kept', timestamp: '2026-01-02T23:59:00.000Z' },
  {
    type: 'assistant',
    timestamp: '2026-01-03T00:01:00.000Z',
    message: {
      content: [
        { type: 'text', text: 'I use the token.' },
        { type: 'tool_use', name: 'Bash', input: { command: `HF_TOKEN=${TEST_TOKENS.hub} run` } },
        { type: 'tool_use', name: 'x', input: { secrets: { WANDB: 'short-one' }, password: 1234 } },
      ],
    },
  },
  '',
  'no JSON: Authorization: Bearer 0123456789abcdefghijk',
  {
    type: 'user',
    message: {
      content: [
        { type: 'tool_result', content: [{ type: 'text', text: `{"api_key": "${filler(20)}"}` }] },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo' } },
      ],
    },
    toolUseResult: { stdout: `key ${filler(8)}` },
    n: 12.5,
  },
  { type: 'user', isSidechain: true, message: { content: 'of a subagent' } },
];

async function queued(
  world: TranscriptWorld,
  lines: readonly unknown[] = LINES,
): Promise<TranscriptWorld> {
  await world.queue.request(ID, world.transcript(ID, lines));
  return world;
}

const sentTo = (world: TranscriptWorld): string =>
  world.made.get(DATASET)?.files.get(`sessions/2026-01-02/${ID}.jsonl`)?.bytes.toString() ?? '';

const ON = { GLOVEBOX_SAVE_SESSIONS: '1' };

describe('9.1: consent', () => {
  it('12.6: sends nothing while no variable is set and nobody agreed, whatever waits', async () => {
    const world = await queued(await startTranscripts());
    const uploads = await world.uploads();
    expect(await uploads.status()).toMatchObject({ isOn: false });
    expect(await uploads.drain({ withBlocked: true }, never)).toEqual({
      outcome: 'off',
      entries: [],
    });
    expect(world.services.all()).toEqual([]);
  });

  it.each([
    ['GLOVEBOX_SAVE_SESSIONS', '1', true],
    ['ML_INTERN_SAVE_SESSIONS', 'Yes', true],
    ['GLOVEBOX_SAVE_SESSIONS', '2', false],
    ['GLOVEBOX_SAVE_SESSIONS', '0', false],
  ])('11.1: %s=%s switches it %s', async (name, value, isOn) => {
    const uploads = await (await startTranscripts()).uploads({ [name]: value });
    expect((await uploads.status()).isOn).toBe(isOn);
  });

  it('is on after somebody agreed, off by the variable all the same, and off again with an empty queue', async () => {
    const world = await queued(await startTranscripts());
    const uploads = await world.uploads();
    await uploads.enable({ repo: 'org/t', isPublic: false });
    expect(await uploads.status()).toMatchObject({
      isOn: true,
      repo: 'org/t',
      counts: { pending: 1 },
    });
    const off = await world.uploads({ GLOVEBOX_SAVE_SESSIONS: 'off' });
    expect(await off.status()).toMatchObject({ isOn: false, because: 'GLOVEBOX_SAVE_SESSIONS' });
    expect(await uploads.disable()).toEqual({ dropped: 1 });
    expect(await uploads.status()).toMatchObject({ isOn: false, counts: { pending: 0 } });
  });

  it('sends nothing more of an upload that is on its way when transcripts are switched off', async () => {
    const world = await queued(await startTranscripts());
    const uploads = await world.uploads();
    await uploads.enable({ repo: undefined, isPublic: false });
    const { hub } = world.services;
    hub.fail(/.*\/preupload\/main/, { hangs: true });
    const isSending = (): boolean =>
      hub.requests.some(({ path: at }) => at.includes('/preupload/'));
    const drained = uploads.drain({ withBlocked: false }, never);
    await expect.poll(isSending, { timeout: 30_000 }).toBe(true);
    await (await world.uploads()).disable();
    expect(await drained).toEqual({ outcome: 'off', entries: [] });
    expect(sentTo(world)).toBe('');
    expect(await world.queue.list()).toEqual([]);
    expect(readdirSync(path.join(world.dir, 'transcripts', 'tmp'))).toEqual([]);
  });

  it('11.1: the new name of the dataset beats the old one', async () => {
    const world = await startTranscripts();
    const uploads = await world.uploads({
      ML_INTERN_SESSION_REPO: 'org/x',
      GLOVEBOX_SESSION_REPO: 'me/y',
    });
    expect((await uploads.status()).repo).toBe('me/y');
  });
});

describe('9.3: the worker', () => {
  it('makes a private dataset with a card and sends one redacted file of the same structure', async () => {
    const world = await queued(await startTranscripts({ env: ON }));
    const { entries } = await (await world.uploads()).drain({ withBlocked: false }, never);
    expect(entries).toMatchObject([
      { state: 'done', upload: { repo: DATASET, leftOut: ['1 images', '1 lines of subagents'] } },
    ]);
    const repo = world.made.get(DATASET);
    expect(repo?.settings.private).toBe(true);
    expect(repo?.files.get('README.md')?.bytes.toString()).toContain('best effort');
    const lines = sentTo(world).split('\n');
    expect(lines).toHaveLength(LINES.length);
    expect(JSON.parse(lines[0] ?? '')).toEqual(LINES[0]);
    expect(lines[0]).toContain('ünïcode – kept');
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      message: {
        content: [
          { text: 'I use the token.' },
          { input: { command: 'HF_TOKEN=[REDACTED:known-secret] run' } },
          {
            input: {
              secrets: { WANDB: '[REDACTED:named-secret]' },
              password: '[REDACTED:named-secret]',
            },
          },
        ],
      },
    });
    expect(lines[2]).toBe('');
    expect(lines[3]).toBe('no JSON: Authorization: Bearer [REDACTED:auth-header]');
    expect(JSON.parse(lines[4] ?? '')).toMatchObject({
      message: {
        content: [
          { content: [{ text: '{"api_key":"[REDACTED:named-secret]"}' }] },
          { type: 'text', text: expect.stringContaining('image') },
        ],
      },
      n: 12.5,
    });
    expect(readdirSync(path.join(world.dir, 'transcripts', 'tmp'))).toEqual([]);
  });

  it('takes the files of subagents along where they were asked for, in the same commit, and else says how many stay', async () => {
    const world = await startTranscripts({ env: ON });
    const transcript = world.transcript(ID, LINES);
    const folder = path.join(path.dirname(transcript), ID, 'subagents');
    mkdirSync(path.join(folder, 'workflows/w1'), { recursive: true });
    const line = { isSidechain: true, message: { content: `with ${TEST_TOKENS.hub}` } };
    for (const name of ['agent-a1.jsonl', 'workflows/w1/agent-b2.jsonl'])
      writeFileSync(path.join(folder, name), `${JSON.stringify(line)}\n`);
    // None of these is a transcript of a subagent.
    writeFileSync(path.join(world.projectDir, 'private.jsonl'), '{}');
    symlinkSync(path.join(world.projectDir, 'private.jsonl'), path.join(folder, 'agent-c3.jsonl'));
    symlinkSync(world.projectDir, path.join(folder, 'linked'));
    for (const name of ['notes.jsonl', 'agent-d.json', 'agent-é.jsonl'])
      writeFileSync(path.join(folder, name), '{}');
    await world.queue.request(ID, transcript);
    const without = await (await world.uploads()).drain({ withBlocked: false }, never);
    expect(without.entries[0]?.upload?.leftOut).toContain('2 transcripts of subagents');
    const files = (): readonly string[] => [...(world.made.get(DATASET)?.files.keys() ?? [])];
    expect(files().filter((file) => file.includes('subagents'))).toEqual([]);
    await world.queue.request(ID, transcript);
    const include = { GLOVEBOX_SESSION_INCLUDE: 'tool-results,subagents' };
    const { entries } = await (await world.uploads(include)).drain({ withBlocked: false }, never);
    expect(entries).toMatchObject([{ state: 'done', upload: { leftOut: ['1 images'] } }]);
    const place = `sessions/2026-01-02/${ID}`;
    expect(
      files()
        .filter((file) => file.startsWith('sessions/'))
        .toSorted(),
    ).toEqual(
      [
        `${place}.jsonl`,
        `${place}/subagents/agent-a1.jsonl`,
        `${place}/subagents/workflows/w1/agent-b2.jsonl`,
      ].toSorted(),
    );
    const sent = world.made.get(DATASET)?.files.get(`${place}/subagents/agent-a1.jsonl`);
    expect(sent?.bytes.toString()).toBe(
      `${JSON.stringify({ ...line, message: { content: 'with [REDACTED:known-secret]' } })}\n`,
    );
    expect(readdirSync(path.join(world.dir, 'transcripts', 'tmp'))).toEqual([]);
  });

  it('leaves results of tools out where they are not wanted', async () => {
    const world = await queued(
      await startTranscripts({ env: { ...ON, GLOVEBOX_SESSION_INCLUDE: 'none' } }),
    );
    await (await world.uploads()).drain({ withBlocked: false }, never);
    const line: unknown = JSON.parse(sentTo(world).split('\n')[4] ?? '');
    expect(JSON.stringify(line)).not.toContain('api_key');
    expect(line).toMatchObject({ toolUseResult: expect.stringContaining('left out') });
  });

  it('sends the same content once, a session that went on again, and never overwrites the card', async () => {
    const world = await queued(await startTranscripts({ env: ON }));
    const uploads = await world.uploads();
    const commits = (): number =>
      world.made.get(DATASET)?.changes.filter(({ what }) => what.includes('/commit/')).length ?? 0;
    await uploads.drain({ withBlocked: false }, never);
    await queued(world);
    await uploads.drain({ withBlocked: false }, never);
    expect(commits()).toBe(1);
    await queued(world, [...LINES, { more: true }]);
    await uploads.drain({ withBlocked: false }, never);
    expect(commits()).toBe(2);
    expect(sentTo(world)).toContain('{"more":true}');
    const last = world.made.get(DATASET)?.changes.findLast(({ what }) => what.includes('/commit/'));
    expect(JSON.stringify(last?.body)).not.toContain('README.md');
  });

  it('sends nothing to a public dataset that nobody agreed to, and does where they did', async () => {
    const world = await queued(await startTranscripts({ env: ON }));
    const repo = addRepo(world.services, {
      type: 'dataset',
      id: DATASET,
      files: { 'README.md': 'mine' },
    });
    const uploads = await world.uploads();
    const { entries } = await uploads.drain({ withBlocked: false }, never);
    expect(entries).toMatchObject([
      { state: 'blocked', reason: expect.stringContaining(`${DATASET} is public`) },
    ]);
    expect(repo.changes).toEqual([]);
    await uploads.enable({ repo: DATASET, isPublic: true });
    expect((await uploads.drain({ withBlocked: true }, never)).entries).toMatchObject([
      { state: 'done' },
    ]);
    expect(repo.files.get('README.md')?.bytes.toString()).toBe('mine');
  });

  it('names who the token may write for when the dataset is of somebody else', async () => {
    const world = await queued(
      await startTranscripts({ env: { ...ON, GLOVEBOX_SESSION_REPO: 'other/x' } }),
    );
    const { entries } = await (await world.uploads()).drain({ withBlocked: false }, never);
    expect(entries[0]).toMatchObject({
      state: 'blocked',
      reason: expect.stringMatching(/no write access.*me, org/s),
    });
    expect(world.services.hub.requests.map(({ path: at }) => at)).toEqual(['/api/whoami-v2']);
  });

  it('9.4: uses the token for uploads first, and without any names the variable', async () => {
    const own = `hf_${filler(34)}`;
    const world = await queued(
      await startTranscripts({ env: { ...ON, HF_SESSION_UPLOAD_TOKEN: own } }),
    );
    await (await world.uploads()).drain({ withBlocked: false }, never);
    const tokens = new Set(world.services.hub.requests.map(({ headers }) => headers.authorization));
    expect([...tokens]).toEqual([`Bearer ${own}`]);
    const bare = await queued(
      await startTranscripts({ env: { ...ON, HF_TOKEN: '', HF_ADMIN_TOKEN: own } }),
    );
    const { entries } = await (await bare.uploads()).drain({ withBlocked: false }, never);
    expect(entries[0]).toMatchObject({
      state: 'blocked',
      reason: expect.stringContaining('GLOVEBOX_SESSION_UPLOAD_TOKEN'),
    });
  });

  it('tries again what may pass, in this run and the next, and gives up after five', async () => {
    const world = await queued(await startTranscripts({ env: ON }));
    const uploads = await world.uploads();
    const busy = { status: 503, json: { error: 'busy' } };
    world.services.hub.fail(/\/api\/datasets\/me\/glovebox-sessions\/commit\/main/, busy, 2);
    expect((await uploads.drain({ withBlocked: false }, never)).entries).toMatchObject([
      { state: 'done', runs: 0 },
    ]);
    await queued(world, [{ changed: true }]);
    world.services.hub.fail(/.*\/commit\/main/, busy, 15);
    for (const [runs, state] of [
      [1, 'failed'],
      [2, 'failed'],
      [3, 'failed'],
      [4, 'failed'],
      [5, 'blocked'],
    ] as const)
      expect((await uploads.drain({ withBlocked: false }, never)).entries).toMatchObject([
        { state, runs },
      ]);
    expect((await uploads.drain({ withBlocked: false }, never)).entries).toEqual([]);
  });

  it('does not repeat an upload whose answer was lost', async () => {
    const world = await queued(await startTranscripts({ env: ON }));
    const uploads = await world.uploads();
    await uploads.drain({ withBlocked: false }, never);
    const commits = world.made.get(DATASET)?.changes.length;
    await world.queue.remove(ID);
    await queued(world);
    expect((await uploads.drain({ withBlocked: false }, never)).entries).toMatchObject([
      { state: 'done' },
    ]);
    expect(world.made.get(DATASET)?.changes.length).toBe(commits);
  });

  it('holds back what is too large, and a transcript that is none any more', async () => {
    const world = await startTranscripts({ env: { ...ON, GLOVEBOX_SESSION_MAX_MB: '1' } });
    await queued(world, [{ text: 'x'.repeat(1_100_000) }]);
    const uploads = await world.uploads();
    expect((await uploads.drain({ withBlocked: false }, never)).entries).toMatchObject([
      { state: 'blocked', reason: expect.stringContaining('GLOVEBOX_SESSION_MAX_MB') },
    ]);
    const file = path.join(world.claudeDir, 'projects', '-project', `${ID}.jsonl`);
    const elsewhere = path.join(world.projectDir, `${ID}.jsonl`);
    writeFileSync(elsewhere, '{}');
    rmSync(file);
    symlinkSync(elsewhere, file);
    expect((await uploads.drain({ withBlocked: true }, never)).entries).toMatchObject([
      { state: 'blocked', reason: expect.stringContaining('projects folder') },
    ]);
    expect(world.services.hub.requests).toEqual([]);
    expect(readdirSync(path.join(world.dir, 'transcripts', 'tmp'))).toEqual([]);
  });

  it('shows before anything is sent what would be sent', async () => {
    const world = await startTranscripts();
    world.transcript(ID, LINES);
    const lines: string[] = [];
    const found = await (await world.uploads()).preview(ID, (line) => lines.push(line));
    expect(lines.join('')).toContain('[REDACTED:known-secret]');
    expect(found.redacted).toContainEqual({ class: 'known-secret', count: 1 });
    expect(world.services.all()).toEqual([]);
  });
});

it('11.6: a worker that is killed in the middle of an upload leaves it to the next, and no file', async () => {
  const world = await queued(await startTranscripts({ env: ON }));
  world.services.hub.fail(/.*\/commit\/main/, { hangs: true });
  const worker = spawn(
    process.execPath,
    ['--import', 'tsx', path.join(root, 'src/bin/cli.ts'), 'transcripts', 'upload', '--worker'],
    { cwd: root, env: world.env, stdio: 'inherit' },
  );
  await expect
    .poll(() => world.services.hub.requests.some(({ path: at }) => at.includes('/commit/')), {
      timeout: 20_000,
    })
    .toBe(true);
  expect(await world.queue.read(ID)).toMatchObject({ state: 'uploading' });
  const uploads = await world.uploads();
  expect(await uploads.drain({ withBlocked: false }, never)).toEqual({
    outcome: 'busy',
    entries: [],
  });
  const [left = ''] = readdirSync(path.join(world.dir, 'transcripts', 'tmp'));
  expect(readFileSync(path.join(world.dir, 'transcripts', 'tmp', left), 'utf8')).not.toContain(
    TEST_TOKENS.hub,
  );
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  expect((await uploads.drain({ withBlocked: false }, never)).entries).toMatchObject([
    { state: 'done' },
  ]);
  expect(existsSync(path.join(world.dir, 'transcripts', 'tmp', left))).toBe(false);
  expect(sentTo(world)).toContain('I use the token.');
});
