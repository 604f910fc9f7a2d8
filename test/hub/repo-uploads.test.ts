/** What hf_repo_files changes, through MCP against the fake Hub: what is asked, and what is committed. */
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOKEN_ENV, TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import { call, callError } from '../mcp/call.ts';
import { clientWhoIs } from '../rigs/asked.ts';
import { repo_id, worldWith } from './repo-world.ts';

const tool = 'hf_repo_files';

describe('upload', () => {
  it('says exactly what will change, asks once, and commits on what was looked at', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client, questions } = await clientWhoIs(world, 'approved');
    const parent = world.repo.head;
    const args = {
      operation: 'upload',
      repo_id,
      path: 'README.md',
      content: 'new\n',
      commit_message: 'Say more',
    };
    const { text } = await call(client, tool, args);
    expect(text).toMatch(/^Changed the model org\/thing, of your organisation org\.\n/);
    expect(text).toContain('README.md, which replaces 22 bytes');
    expect(text).toContain(`commit ${world.repo.head}: `);
    expect(questions).toHaveLength(1);
    expect(questions[0]).toMatchObject({
      tool,
      operation: 'upload',
      about: { publishes: true },
      question: 'Upload README.md to the model org/thing, of your organisation org?',
      binding: {
        repo: 'models/org/thing',
        revision: 'main',
        parent,
        path: 'README.md',
        secrets: '',
      },
    });
    expect(questions[0]?.facts.join('\n')).toContain(
      createHash('sha256').update('new\n').digest('hex'),
    );
    expect(world.repo.files.get('README.md')?.bytes.toString()).toBe('new\n');
    const commit = world.repo.changes.find(({ what }) => what.includes('/commit/'));
    expect(commit?.body).toMatchObject([
      { key: 'header', value: { summary: 'Say more', parentCommit: parent } },
      { key: 'file' },
    ]);
  });

  it('puts large files into the storage, which gets no token', async () => {
    const world = await worldWith({ isPrivate: true }, TOKEN_ENV);
    const { client, questions } = await clientWhoIs(world, 'approved');
    writeFileSync(path.join(world.projectDir, 'weights.bin'), Buffer.alloc(6000, 3));
    const args = {
      operation: 'upload',
      repo_id,
      path: 'w/new.bin',
      source_path: 'weights.bin',
      create_pr: 'true',
    };
    const { text } = await call(client, tool, args);
    expect(text).toContain('pull request: ');
    expect(questions[0]).toMatchObject({ about: { publishes: false } });
    expect(world.repo.files.get('w/new.bin')?.bytes).toEqual(Buffer.alloc(6000, 3));
    const put = world.services.mirror.requests.find(({ method }) => method === 'PUT');
    expect(put?.headers.authorization).toBeUndefined();
    expect(JSON.stringify(put?.headers)).not.toContain(TEST_TOKENS.hub);
  });

  it('changes nothing without consent, and nothing for a dry run', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const args = { operation: 'upload', repo_id, path: 'a.txt', content: 'a' };
    const declined = await clientWhoIs(world, 'declined');
    expect(await callError(declined.client, tool, args)).toContain('[policy/refused]');
    const nobody = await clientWhoIs(world, 'unavailable');
    expect(await callError(nobody.client, tool, args)).toContain('[policy/needs-approval]');
    const dry = await call(nobody.client, tool, { ...args, dry_run: 'true' });
    expect(dry.text).toContain(
      'Dry run on the model org/thing, of your organisation org: nothing was changed.',
    );
    expect(dry.text).toContain('file: new file a.txt');
    expect(world.repo.changes).toEqual([]);
  });

  it('commits nothing when the branch has moved on meanwhile', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client } = await clientWhoIs(world, 'approved', () => {
      world.repo.head = 'f'.repeat(40);
    });
    const args = { operation: 'upload', repo_id, path: 'a.txt', content: 'a' };
    expect(await callError(client, tool, args)).toContain('[remote/conflict]');
    expect(world.repo.files.has('a.txt')).toBe(false);
    const stale = await callError(client, tool, { ...args, expected_oid: 'e'.repeat(40) });
    expect(stale).toContain(`is at ${'f'.repeat(40)}, not at ${'e'.repeat(40)}`);
  });

  it('tells of secrets in the content before anybody agrees', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client, questions } = await clientWhoIs(world, 'declined');
    const content = `ok\ntoken = "hf_${'a'.repeat(34)}"\n-----BEGIN RSA PRIVATE KEY-----\n${'MIIE'.repeat(16)}\n`;
    await callError(client, tool, { operation: 'upload', repo_id, path: 'a.py', content });
    expect(questions[0]?.facts).toContain(
      'SECRET: the content holds a Hugging Face token in line 2',
    );
    expect(questions[0]?.binding['secrets']).toContain('a private key in line 3');
    expect(JSON.stringify(questions)).not.toContain('hf_aaaa');
  });

  it('uploads only files of the project', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client } = await clientWhoIs(world, 'approved');
    symlinkSync('/etc/passwd', path.join(world.projectDir, 'link'));
    mkdirSync(path.join(world.projectDir, 'folder'));
    const upload = { operation: 'upload', repo_id, path: 'x' };
    for (const [source_path, expected] of [
      ['/etc/passwd', 'path/not-allowed'],
      ['link', 'path/not-allowed'],
      ['../project', 'path/not-allowed'],
      ['missing', 'path/not-found'],
      ['folder', 'no regular file'],
    ] as const) {
      expect(await callError(client, tool, { ...upload, source_path })).toContain(expected);
    }
    expect(await callError(client, tool, { ...upload, source_path: 'a', content: 'b' })).toContain(
      'exactly one',
    );
    expect(await callError(client, tool, upload)).toContain('exactly one');
    expect(world.repo.changes).toEqual([]);
  });

  it('says that the outcome is not known when the connection breaks, and sends nothing twice', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client } = await clientWhoIs(world, 'approved');
    world.services.hub.fail(/\/api\/models\/org\/thing\/commit\/main/, {
      text: 'xxxx',
      cutAfterBytes: 1,
    });
    const error = await callError(client, tool, {
      operation: 'upload',
      repo_id,
      path: 'a.txt',
      content: 'a',
    });
    expect(error).toContain('Whether the model org/thing was changed is not known.');
    const commits = world.services.hub.requests.filter(({ path: at }) => at.includes('/commit/'));
    expect(commits).toHaveLength(1);
  });

  it('names variable, scope and page when the token may not write', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client } = await clientWhoIs(world, 'approved');
    world.services.hub.fail(/\/api\/models\/org\/thing\/preupload\/main/, {
      status: 403,
      json: { error: 'Forbidden' },
    });
    const error = await callError(client, tool, {
      operation: 'upload',
      repo_id,
      path: 'a.txt',
      content: 'a',
    });
    expect(error).toContain('[remote/forbidden]');
    expect(error).toContain('write scope');
    expect(error).toContain('/settings/tokens');
  });
});

describe('delete', () => {
  it('expands patterns before it asks, and deletes exactly those in one commit', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client, questions } = await clientWhoIs(world, 'approved');
    const { text } = await call(client, tool, {
      operation: 'delete',
      repo_id,
      patterns: 'logs/, *.txt',
    });
    expect(questions[0]).toMatchObject({
      operation: 'delete',
      question: 'Delete 4 files of the model org/thing, of your organisation org?',
    });
    expect(questions[0]?.facts.join('\n')).toContain(
      'delete 4 of 8 files:\n  data/deep/a b.txt\n  data/deep/c.txt\n  logs/1.log\n  logs/2.log',
    );
    expect(text).toContain('Deleted 4 of 8 files:');
    expect([...world.repo.files.keys()]).toEqual([
      'README.md',
      '.gitattributes',
      'data/train.jsonl',
      'model.bin',
    ]);
    expect(world.repo.changes.filter(({ what }) => what.includes('/commit/'))).toHaveLength(1);
  });

  it('lists only for a dry run, and refuses patterns that match nothing or lead outside', async () => {
    const world = await worldWith({}, TOKEN_ENV);
    const { client } = await clientWhoIs(world, 'approved');
    const dry = await call(client, tool, {
      operation: 'delete',
      repo_id,
      patterns: ['**'],
      dry_run: true,
    });
    expect(dry.text).toContain('delete 8 of 8 files:');
    const none = await callError(client, tool, {
      operation: 'delete',
      repo_id,
      patterns: ['*.zip'],
    });
    expect(none).toContain('[remote/not-found]');
    expect(await callError(client, tool, { operation: 'delete', repo_id })).toContain(
      'needs patterns',
    );
    expect(
      await callError(client, tool, { operation: 'delete', repo_id, patterns: ['../*'] }),
    ).toContain('[input/invalid]');
    expect(world.repo.changes).toEqual([]);
  });

  it('shows the first twenty paths of many', async () => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x/${index}`, '']));
    const world = await worldWith({ files }, TOKEN_ENV);
    const { client } = await clientWhoIs(world, 'declined');
    const dry = await call(client, tool, {
      operation: 'delete',
      repo_id,
      patterns: 'x/',
      dry_run: true,
    });
    expect(dry.text).toContain('and 10 more');
  });
});
