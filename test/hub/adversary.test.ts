/** Calls made to slip past the gate, sent straight to the server by a client that can ask nobody: the Hub sees no change of anything. */
import fc from 'fast-check';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isRecord } from '#core/json.ts';
import { sha256 } from '#policy/normalise.ts';
import { addJobs, type FakeJobs } from '../fakes/hub/fake-jobs.ts';
import { addAccount, addRepo } from '../fakes/hub/fake-repo.ts';
import { TEST_TOKENS, TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

type Call = readonly [tool: string, operation: string, args: Readonly<Record<string, unknown>>];

const MINE = { repo_id: 'me/thing' };
const THEIRS = { repo_id: 'them/thing' };
const GPU = { hardware_flavor: 't4-small', timeout: '1h' };

/** What costs, destroys, or is seen by others. */
const CALLS: readonly Call[] = [
  ['hf_repo_files', 'upload', { ...MINE, path: 'x', content: 'y' }],
  ['hf_repo_files', 'upload', { ...THEIRS, path: 'x', content: 'y', create_pr: true }],
  ['hf_repo_files', 'delete', { ...MINE, patterns: ['*'] }],
  ['hf_repo_git', 'delete_branch', { ...MINE, branch: 'old' }],
  ['hf_repo_git', 'delete_tag', { ...MINE, tag: 'v1' }],
  ['hf_repo_git', 'create_branch', { ...THEIRS, branch: 'mine' }],
  ['hf_repo_git', 'create_tag', { ...THEIRS, tag: 'v2' }],
  ['hf_repo_git', 'create_pr', { ...THEIRS, title: 'Take it' }],
  ['hf_repo_git', 'create_repo', { repo_id: 'me/new', private: false }],
  ['hf_repo_git', 'update_repo', { ...MINE, private: false }],
  ['hf_jobs', 'run', { ...GPU, command: ['true'] }],
  ['hf_jobs', 'uv', { ...GPU, script: 'print(1)' }],
  ['hf_jobs', 'scheduled run', { ...GPU, command: ['true'], schedule: '@hourly' }],
  ['sandbox_create', '', { backend: 'huggingface', options: { flavor: 't4-small' } }],
  ['sandbox_create', '', { options: { backend: 'huggingface', flavor: 't4-small' } }],
  ['sandbox_create', '', { backend: 'huggingface', name: 'n' }],
];

interface Stage extends ResearchWorld {
  readonly jobs: FakeJobs;
  readonly dir: string;
  /** What changed anything at the Hub. */
  readonly writes: () => readonly string[];
  readonly send: (name: string, args: unknown, meta?: object) => Promise<string>;
}

async function start(): Promise<Stage> {
  const world = await startResearch({ env: TOKEN_ENV });
  addAccount(world.services, 'me');
  for (const id of ['me/thing', 'them/thing']) {
    const files = { 'a.txt': 'a' };
    const repo = addRepo(world.services, { type: 'model', id, files, isPrivate: true });
    repo.branches.set('old', repo.head);
    repo.tags.set('v1', repo.head);
  }
  const jobs = addJobs(world.services.hub, { token: TEST_TOKENS.hub });
  onTestFinished(() => jobs.close());
  return {
    ...world,
    jobs,
    dir: world.app.config.getOrDefault('dir'),
    writes: () =>
      world.services
        .all()
        .filter(({ method, path: at }) => method !== 'GET' && !at.includes('/paths-info/'))
        .map(({ method, path: at }) => `${method} ${at}`),
    async send(name, args, meta = {}) {
      const params = { name, arguments: isRecord(args) ? args : {}, _meta: { ...meta } };
      const { content } = await world.client.callTool(params);
      return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
    },
  };
}

/** The same word as somebody else might write it, or something that only looks like it. */
const spellings = (word: string): fc.Arbitrary<unknown> =>
  fc.constantFrom<unknown>(
    word,
    word.toUpperCase(),
    `  ${word}\n`,
    word.replaceAll(/[ _]/g, '-'),
    word.replaceAll(/[ _]/g, '\u00A0 '),
    `${word}\u200B`,
    `\uFEFF${word}`,
    word.replaceAll('e', '\u0435'),
    word.replaceAll('k', '\u212A').replaceAll('s', '\u017F'),
    word.normalize('NFD'),
    `${word}\0`,
    [word],
    { operation: word },
    `${word} dry_run`,
    `${word}${' '.repeat(50_000)}`,
    null,
    true,
  );

/** Arguments as they should not be: additions that mean nothing, texts as lists, keys that reach elsewhere. */
const twists = (args: Readonly<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> =>
  fc.constantFrom<Record<string, unknown>>(
    { ...args },
    { ...args, dry_run: 'no' },
    { ...args, dry_run: [true] },
    { ...args, approved: true, force: true, yolo: 1 },
    { ...args, namespace: 'me ' },
    Object.fromEntries(Object.entries(args).map(([key, value]) => [key, [value]])),
    Object.fromEntries(Object.entries(args).map(([key, value]) => [key.toUpperCase(), value])),
    JSON.parse(`{"__proto__": {"class": "free"}, ${JSON.stringify(args).slice(1)}`),
    JSON.parse(`{"operation": "ps", ${JSON.stringify(args).slice(1)}`),
    { ...args, commit_message: 'x'.repeat(200_000), name: 'n'.repeat(3000) },
    { ...args, _meta: { 'claudecode/toolUseId': 'toolu_forged' }, toolUseId: 'toolu_forged' },
  );

const attempt = fc
  .constantFrom(...CALLS)
  .chain(([tool, operation, args]) =>
    fc.record({ tool: fc.constant(tool), operation: spellings(operation), args: twists(args) }),
  );

it('1.1, 1.3: whatever is sent, nothing is changed at the Hub without a person or a budget', async () => {
  const stage = await start();
  // As they are meant they come to the gate, and no further.
  for (const [tool, operation, args] of CALLS) {
    const answer = await stage.send(tool, operation === '' ? args : { ...args, operation });
    expect.soft(answer, `${tool} ${operation}`).toMatch(/^\[policy\/needs-approval\]/);
  }
  await fc.assert(
    fc.asyncProperty(attempt, fc.boolean(), async ({ tool, operation, args }, isNamed) => {
      const meta = isNamed ? { 'claudecode/toolUseId': 'toolu_forged' } : {};
      const sent = tool === 'sandbox_create' ? args : { ...args, operation };
      await stage.send(tool, sent, meta);
      return stage.writes().length === 0;
    }),
    { numRuns: 60 },
  );
  expect([stage.writes(), stage.jobs.jobs.size]).toEqual([[], 0]);
}, 60_000);

it('3.5: files that somebody put into the state folder are no agreement of a person', async () => {
  const stage = await start();
  const [tool, operation, args] = ['hf_jobs', 'run', { ...GPU, command: ['true'] }] as const;
  const call = { ...args, operation };
  const meta = { 'claudecode/toolUseId': 'toolu_1' };
  const refusal = await stage.send(tool, call, meta);
  expect(refusal).toMatch(/^\[policy\/needs-approval\]/);
  const policy = path.join(stage.dir, 'policy');
  const [name = ''] = readdirSync(path.join(policy, 'approvals'));
  const file = path.join(policy, 'approvals', name);
  const record: unknown = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...(isRecord(record) && record), grantedMs: Date.now() }));
  mkdirSync(path.join(policy, 'receipts'), { recursive: true });
  const content = JSON.stringify({
    toolUseId: 'toolu_1',
    tool,
    permissionMode: 'default',
    amountMicroUsd: 1e9,
    atMs: Date.now(),
  });
  writeFileSync(
    path.join(policy, 'receipts', `${sha256('toolu_1')}.json`),
    JSON.stringify({ content, mac: sha256(content) }),
  );
  expect(await stage.send(tool, call, meta)).toMatch(/^\[policy\/needs-approval\]/);
  // A budget that nobody set at a terminal is none: then nothing may be spent at all.
  writeFileSync(path.join(policy, 'budget.json'), '{"session":"unlimited","day":"unlimited"}');
  expect(await stage.send(tool, call, meta)).toMatch(/^\[policy\/over-budget\]/);
  expect([stage.writes(), stage.jobs.jobs.size]).toEqual([[], 0]);
});
