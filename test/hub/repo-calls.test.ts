/** hf_repo_files and hf_repo_git through MCP: nothing that was asked for is dropped, and what was read stays what it was. */
import { describe, expect, it } from 'vitest';
import { TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { addAccount, addRepo, type FakeRepo } from '../fakes/hub/fake-repo.ts';
import { call, callError } from '../mcp/call.ts';
import { clientWhoIs, type Asked } from '../rigs/asked.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

const repo_id = 'org/thing';

async function start(): Promise<ResearchWorld & Asked & { readonly repo: FakeRepo }> {
  const world = await startResearch({ env: TOKEN_ENV });
  addAccount(world.services, 'me', ['org']);
  const long = `{"a": "${'x'.repeat(50_000)}"}\n`;
  const files = { 'README.md': 'a\nb\nc\n', 'one-line.json': long, 'data/a.tmp': '', 'b.tmp': '' };
  const repo = addRepo(world.services, { type: 'model', id: repo_id, files });
  return { ...world, ...(await clientWhoIs(world, 'approved')), repo };
}

describe('a change with a field that its operation does not read', () => {
  it.each([
    ['hf_repo_git', { operation: 'create_repo', gated: 'auto' }, 'gated', 'private, space_sdk'],
    [
      'hf_repo_git',
      { operation: 'create_branch', branch: 'b', revision: 'v1' },
      'revision',
      'from_rev',
    ],
    [
      'hf_repo_git',
      { operation: 'create_tag', tag: 't', from_rev: 'v1' },
      'from_rev',
      'tag, revision',
    ],
    [
      'hf_repo_git',
      { operation: 'update_repo', gated: 'auto', title: 'x' },
      'title',
      'private, gated',
    ],
    ['hf_repo_files', { operation: 'delete', patterns: '*.tmp', path: 'data' }, 'path', 'patterns'],
    [
      'hf_repo_files',
      { operation: 'upload', path: 'x', content: 'x', patterns: ['y'] },
      'patterns',
      'content',
    ],
  ])('%s %j is refused before anybody is asked', async (tool, args, field, takes) => {
    const { client, questions, repo } = await start();
    const text = await callError(client, tool, { repo_id, ...args });
    expect(text).toMatch(
      new RegExp(`^\\[input/invalid\\] ${field} does nothing in operation "${args.operation}"`),
    );
    expect(text).toContain('Nothing was changed.');
    expect(text).toMatch(new RegExp(`\nNext: operation "${args.operation}" takes .*${takes}`));
    expect(questions).toEqual([]);
    expect(repo.changes).toEqual([]);
  });
});

describe('reading', () => {
  it('leads on to the revision that was listed, and tells of what it does not read', async () => {
    const { client, repo } = await start();
    const args = { operation: 'list', repo_id, revision: repo.head, line_limit: 5, dry_run: true };
    const { text } = await call(client, 'hf_repo_files', args);
    expect(text).toContain(`repo_type="model", revision="${repo.head}", path="README.md")`);
    expect(text).toContain('Note: dry_run does nothing in operation "list"; it belongs to upload');
  });

  it('keeps a list to max_chars', async () => {
    const world = await startResearch();
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, at) => [`a-file-with-a-name-${at}.txt`, 'x']),
    );
    addRepo(world.services, { type: 'model', id: repo_id, files });
    const args = { operation: 'list', repo_id, limit: 300, max_chars: 1500 };
    const { text } = await call(world.client, 'hf_repo_files', args);
    expect(text.length).toBeLessThanOrEqual(1500);
    expect(text).toMatch(/of 300 entries · more: cursor=[\w-]+\]$/);
  });

  it('says how long a line is that it cuts', async () => {
    const { client } = await start();
    const args = { operation: 'read', repo_id, path: 'one-line.json' };
    const { text } = await call(client, 'hf_repo_files', args);
    expect(text).toContain('… [50,009 characters in this line]\n[lines 1–1 of 1]');
  });

  it('fetches what stands at a commit once, however it is looked at', async () => {
    const { client, services } = await start();
    const read = (more: object) =>
      call(client, 'hf_repo_files', { operation: 'read', repo_id, path: 'README.md', ...more });
    await read({ line_limit: 1 });
    expect((await read({ offset: 2 })).text).toContain('2\tb\n3\tc\n[lines 2–3 of 3]');
    const fetched = services.hub.requests.filter(({ path }) => path.includes('/resolve/'));
    expect(fetched).toHaveLength(1);
  });
});
