/** hf_repo_git through MCP against the fake Hub. */
import { describe, expect, it } from 'vitest';
import { TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import {
  addAccount,
  addRepo,
  type FakeRepo,
  type FakeRepoOptions,
} from '../fakes/hub/fake-repo.ts';
import { call, callError } from '../mcp/call.ts';
import { clientWhoIs } from '../rigs/asked.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

const tool = 'hf_repo_git';
const repo_id = 'org/thing';

const PR = {
  num: 3,
  title: 'Fix the config',
  status: 'open',
  isPullRequest: true,
  author: { name: 'someone' },
  createdAt: '2025-05-06T07:08:09.000Z',
  numComments: 2,
  events: [
    {
      type: 'comment',
      author: { name: 'someone' },
      createdAt: '2025-05-06T07:08:09.000Z',
      data: { latest: { raw: 'Please take it.' } },
    },
    { type: 'commit', author: { name: 'someone' }, data: { subject: 'Fix', oid: 'c'.repeat(40) } },
    {
      type: 'comment',
      author: { name: 'bot' },
      createdAt: '2025-05-07T07:08:09.000Z',
      data: { hidden: true },
    },
    { type: 'newer-kind' },
  ],
  diff: 'diff --git a/x b/x\n-old\n+new ```fence```',
};
const numbered = (num: number): Record<string, unknown> => ({ ...PR, num, title: `Number ${num}` });

async function worldWith(
  options: Partial<FakeRepoOptions> = {},
  env: Readonly<Record<string, string>> = TOKEN_ENV,
): Promise<ResearchWorld & { readonly repo: FakeRepo }> {
  const world = await startResearch({ env });
  addAccount(world.services, 'me', ['team']);
  return {
    ...world,
    repo: addRepo(world.services, {
      type: 'model',
      id: repo_id,
      files: { 'README.md': '' },
      discussions: [PR],
      ...options,
    }),
  };
}

describe('refs', () => {
  it('lists branches, tags and refs of pull requests with their commits, without a token', async () => {
    const { client, repo } = await worldWith({}, {});
    repo.tags.set('v1', 'a'.repeat(40));
    const { text } = await call(client, tool, { operation: 'list refs', repo_id });
    expect(text).toContain(
      `branch main  ${repo.head}\ntag v1  ${'a'.repeat(40)}\nconversion parquet`,
    );
    expect(text).toContain('pull request refs/pr/1');
    expect(repo.changes).toEqual([]);
  });

  it('makes a branch at the commit that was looked at', async () => {
    const world = await worldWith();
    const { client, questions } = await clientWhoIs(world, 'approved');
    const head = world.repo.head;
    const { text } = await call(client, tool, {
      operation: 'create_branch',
      repo_id,
      branch: 'feature/x',
    });
    expect(text).toMatch(/^Changed the model org\/thing, SOMEBODY ELSE'S \(org\)\.\n/);
    expect(text).toContain('/org/thing/tree/feature%2Fx');
    expect(world.repo.branches.get('feature/x')).toBe(head);
    expect(questions[0]).toMatchObject({
      operation: 'create_branch',
      about: { publishes: false },
      binding: { repo: '/api/models/org/thing', branch: 'feature/x', from: head },
    });
    const again = await callError(client, tool, {
      operation: 'create_branch',
      repo_id,
      branch: 'feature/x',
    });
    expect(again).toContain('[remote/conflict]');
    for (const branch of ['a b', '../x', '-x', 'x.lock', 'a..b', 'x~1']) {
      expect(
        await callError(client, tool, { operation: 'create_branch', repo_id, branch }),
      ).toContain('cannot be the name');
    }
  });

  it('deletes a branch or tag only when it is there, and says what is lost', async () => {
    const world = await worldWith();
    const { client, questions } = await clientWhoIs(world, 'approved');
    world.repo.branches.set('old', 'b'.repeat(40));
    world.repo.tags.set('v1', 'a'.repeat(40));
    const wrong = await callError(client, tool, {
      operation: 'delete_branch',
      repo_id,
      branch: 'odl',
    });
    expect(wrong).toContain('Did you mean "old"?');
    expect(questions).toEqual([]);
    const { text } = await call(client, tool, {
      operation: 'delete-branch',
      repo_id,
      branch: 'old',
    });
    expect(text).toContain(`Deleted the branch old, which was at ${'b'.repeat(40)}.`);
    expect(questions[0]).toMatchObject({ operation: 'delete_branch' });
    await call(client, tool, { operation: 'delete_tag', repo_id, tag: 'v1' });
    expect([world.repo.branches.size, world.repo.tags.size]).toEqual([0, 0]);
  });

  it('makes a tag on a commit, with a message', async () => {
    const world = await worldWith();
    const { client } = await clientWhoIs(world, 'approved');
    await call(client, tool, {
      operation: 'create_tag',
      repo_id,
      tag: 'v1.0',
      tag_message: 'first',
    });
    expect(world.repo.tags.get('v1.0')).toBe(world.repo.head);
    expect(world.repo.changes.at(-1)?.body).toEqual({ tag: 'v1.0', message: 'first' });
  });
});

describe('pull requests', () => {
  it('lists one page for each call, with a cursor to the end', async () => {
    const discussions = Array.from({ length: 27 }, (_, index) => numbered(index + 1));
    const { client, services } = await worldWith({ discussions }, {});
    const seen: string[] = [];
    let cursor: string | undefined;
    let calls = 0;
    let last: string | undefined;
    do {
      calls += 1;
      const { text } = await call(client, tool, {
        operation: 'list_prs',
        repo_id,
        limit: 4,
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...[...text.matchAll(/^(\d+)\. Number/gm)].map(([, num = '']) => num));
      cursor = /more: cursor=(\S+)\]/.exec(text)?.[1];
      last = text.split('\n').at(-1);
    } while (cursor !== undefined && calls < 20);
    expect(seen).toEqual(Array.from({ length: 27 }, (_, index) => String(index + 1)));
    expect(services.hub.requests).toHaveLength(calls);
    expect(last).toBe('[25–27 of 27 items, the end]');
  });

  it('filters by status and kind', async () => {
    const closed = { ...PR, num: 8, title: 'Old talk', status: 'closed', isPullRequest: false };
    const { client } = await worldWith({ discussions: [PR, closed] }, {});
    const open = await call(client, tool, { operation: 'list_prs', repo_id });
    expect(open.text).toContain(
      '3. Fix the config · open · pull request · someone · 2025-05-06 · 2 comments',
    );
    expect(open.text).not.toContain('Old talk');
    const all = await call(client, tool, {
      operation: 'list_prs',
      repo_id,
      status: 'all',
      type: 'all',
    });
    expect(all.text).toContain('8. Old talk · closed · discussion');
  });

  it('shows one with comments and changes, in pages', async () => {
    const long = {
      ...PR,
      diff: Array.from({ length: 2000 }, (_, index) => `+line ${index}`).join('\n'),
    };
    const { client } = await worldWith({ discussions: [PR, { ...long, num: 4 }] }, {});
    const { text } = await call(client, tool, { operation: 'get_pr', repo_id, pr_num: '3' });
    expect(text).toContain('open · pull request · by someone · revision refs/pr/3');
    expect(text).toContain('Please take it.');
    expect(text).toContain('(hidden)');
    expect(text).toContain('````diff\n');
    let whole = '';
    let cursor: string | undefined;
    for (let page = 0; page < 20; page += 1) {
      const part = await call(client, tool, {
        operation: 'get_pr',
        repo_id,
        pr_num: 4,
        ...(cursor !== undefined && { cursor }),
      });
      expect(part.text.length).toBeLessThanOrEqual(10_000);
      whole += part.text;
      cursor = /more: cursor=(\S+)\]$/.exec(part.text)?.[1];
      if (cursor === undefined) break;
    }
    for (const index of [0, 500, 1000, 1999]) expect(whole).toContain(`+line ${index}\n`);
    expect(await callError(client, tool, { operation: 'get_pr', repo_id, pr_num: 99 })).toContain(
      '[remote/not-found]',
    );
  });

  it('opens a draft and says how files get into it', async () => {
    const world = await worldWith({ type: 'dataset' });
    const { client, questions } = await clientWhoIs(world, 'approved');
    const args = {
      operation: 'create_pr',
      repo_id,
      repo_type: 'dataset',
      title: 'Better card',
      description: 'why',
    };
    const { text } = await call(client, tool, args);
    expect(text).toContain('Pull request 42 is open as a draft: ');
    expect(text).toContain('revision="refs/pr/42"');
    expect(world.repo.changes).toEqual([
      {
        what: 'POST /api/datasets/org/thing/discussions',
        body: { title: 'Better card', description: 'why', pullRequest: true },
      },
    ]);
    expect(questions[0]?.question).toContain(
      'Open the draft pull request "Better card" of the dataset org/thing',
    );
  });

  it('merges only what can be merged', async () => {
    const merged = { ...PR, num: 5, status: 'merged' };
    const world = await worldWith({
      discussions: [PR, merged, { ...PR, num: 6, isPullRequest: false }],
    });
    const { client, questions } = await clientWhoIs(world, 'approved');
    expect(await callError(client, tool, { operation: 'merge_pr', repo_id, pr_num: 5 })).toContain(
      'it is merged',
    );
    expect(await callError(client, tool, { operation: 'merge_pr', repo_id, pr_num: 6 })).toContain(
      'no pull request',
    );
    const { text } = await call(client, tool, {
      operation: 'merge_pr',
      repo_id,
      pr_num: 3,
      comment: 'thanks',
    });
    expect(text).toContain('Merged pull request 3.');
    expect(world.repo.changes).toEqual([
      { what: 'POST /api/models/org/thing/discussions/3/merge', body: { comment: 'thanks' } },
    ]);
    expect(questions).toHaveLength(1);
    expect(questions[0]?.binding['commit']).toBe('c'.repeat(40));
  });

  it('closes, opens and comments', async () => {
    const world = await worldWith();
    const { client, questions } = await clientWhoIs(world, 'approved');
    await call(client, tool, { operation: 'close_pr', repo_id, pr_num: 3 });
    await call(client, tool, {
      operation: 'change_pr_status',
      repo_id,
      pr_num: 3,
      new_status: 'Open',
      comment: 'again',
    });
    await call(client, tool, { operation: 'comment_pr', repo_id, pr_num: 3, comment: 'hello' });
    expect(world.repo.changes.map(({ what, body }) => [what.split('/').at(-1), body])).toEqual([
      ['status', { status: 'closed' }],
      ['status', { status: 'open', comment: 'again' }],
      ['comment', { comment: 'hello' }],
    ]);
    expect(questions.map(({ about }) => about.ownership)).toEqual([
      'foreign',
      'foreign',
      'foreign',
    ]);
    const missing = await callError(client, tool, { operation: 'change_pr_status', repo_id });
    expect(missing).toContain('needs pr_num and new_status');
  });
});

describe('repositories', () => {
  it('are private unless said otherwise', async () => {
    const world = await worldWith();
    const bodies: unknown[] = [];
    world.services.hub.on('POST', /\/api\/repos\/create/, ({ body }) => {
      bodies.push(JSON.parse(body.toString('utf8')));
      return { json: { url: 'x' } };
    });
    const { client, questions } = await clientWhoIs(world, 'approved');
    const { text } = await call(client, tool, { operation: 'create_repo', repo_id: 'new-model' });
    expect(text).toMatch(/^Changed the model me\/new-model, yours \(me\)\.\nCreated it, private\./);
    await call(client, tool, {
      operation: 'create_repo',
      repo_id: 'team/app',
      repo_type: 'space',
      space_sdk: 'gradio',
      private: 'false',
    });
    expect(bodies).toEqual([
      { type: 'model', name: 'new-model', organization: 'me', private: true },
      { type: 'space', name: 'app', organization: 'team', private: false, sdk: 'gradio' },
    ]);
    expect(questions.map(({ about }) => about.publishes)).toEqual([false, true]);
    const none = await callError(client, tool, {
      operation: 'create_repo',
      repo_id: 'team/app',
      repo_type: 'space',
    });
    expect(none).toContain('needs space_sdk');
  });

  it('that exist show how visible they really are', async () => {
    const world = await worldWith();
    world.services.hub.on('POST', /\/api\/repos\/create/, () => ({
      status: 409,
      json: { error: 'exists' },
    }));
    const { client } = await clientWhoIs(world, 'approved');
    const args = { operation: 'create_repo', repo_id };
    expect(await callError(client, tool, args)).toContain('[remote/conflict]');
    const { text } = await call(client, tool, { ...args, exist_ok: true });
    expect(text).toContain(
      'Nothing was changed: it exists already, and is public, not private as asked.',
    );
  });

  it('change their settings from old to new, with gated none as the truth value', async () => {
    const world = await worldWith({ isPrivate: true });
    const { client, questions } = await clientWhoIs(world, 'approved');
    const manual = await call(client, tool, { operation: 'update_repo', repo_id, gated: 'manual' });
    expect(manual.text).toContain('gated: none -> manual');
    for (const gated of ['none', 'false', false]) {
      await call(client, tool, { operation: 'update_repo', repo_id, gated });
      expect(world.repo.changes.at(-1)?.body).toEqual({ gated: false });
    }
    const open = await call(client, tool, { operation: 'update_repo', repo_id, private: false });
    expect(open.text).toContain('visibility: private -> PUBLIC');
    expect(world.repo.settings.private).toBe(false);
    expect(questions.at(-1)).toMatchObject({ about: { publishes: true } });
    expect(await callError(client, tool, { operation: 'update_repo', repo_id })).toContain(
      'needs private or gated',
    );
  });
});

it('changes nothing when nobody agrees, whatever the spelling', async () => {
  const world = await worldWith();
  world.repo.branches.set('old', 'b'.repeat(40));
  const { client, questions } = await clientWhoIs(world, 'declined');
  const calls = [
    { operation: 'Delete Branch', branch: 'old' },
    { operation: 'CREATE-TAG', tag: 'v' },
    { operation: ' merge_pr ', pr_num: 3 },
    { operation: 'close pr', pr_num: 3 },
    { operation: 'comment_pr', pr_num: 3, comment: 'x' },
    { operation: 'create_pr', title: 't' },
    { operation: 'update_repo', private: true },
    { operation: 'create_repo' },
  ];
  for (const args of calls)
    expect(await callError(client, tool, { repo_id, ...args })).toContain('[policy/refused]');
  expect(world.repo.changes).toEqual([]);
  expect(questions.map(({ operation }) => operation)).toEqual([
    'delete_branch',
    'create_tag',
    'merge_pr',
    'close_pr',
    'comment_pr',
    'create_pr',
    'update_repo',
    'create_repo',
  ]);
});

it('names what is wrong with a call', async () => {
  const { client } = await worldWith();
  expect(await callError(client, tool, { operation: 'delete_repo', repo_id })).toContain(
    'must be one of',
  );
  expect(await callError(client, tool, { operation: 'get_pr', repo_id, pr_num: '3.5' })).toContain(
    'must be a whole number',
  );
  expect(await callError(client, tool, { operation: 'create_branch', repo_id })).toContain(
    'needs branch',
  );
  expect(await callError(client, tool, { operation: 'list_refs', repo_id: 'a b' })).toContain(
    'names no repository',
  );
});
