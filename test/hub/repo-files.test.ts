/** hf_repo_files through MCP against the fake Hub. */
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOKEN_ENV, TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import {
  addAccount,
  addRepo,
  type FakeRepo,
  type FakeRepoOptions,
} from '../fakes/hub/fake-repo.ts';
import { call, callError } from '../mcp/call.ts';
import { clientWhoIs } from '../rigs/asked.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

const tool = 'hf_repo_files';
const repo_id = 'org/thing';

const FILES: FakeRepoOptions = {
  type: 'model',
  id: repo_id,
  files: {
    'README.md': '# Title\nline 2\nline 3\n',
    '.gitattributes': '',
    'data/train.jsonl': '{}\n',
    'data/deep/a b.txt': 'spaces',
    'data/deep/c.txt': 'c',
    'logs/1.log': 'l',
    'logs/2.log': 'l',
    'model.bin': Buffer.alloc(5000, 7),
  },
  lfsBytes: 4000,
};

async function worldWith(
  options: Partial<FakeRepoOptions> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<ResearchWorld & { readonly repo: FakeRepo }> {
  const world = await startResearch({ env });
  addAccount(world.services, 'me', ['org']);
  return { ...world, repo: addRepo(world.services, { ...FILES, ...options }) };
}

describe('list', () => {
  it('shows folders with counts and files with sizes, totals of files only, without a token', async () => {
    const { client, services, repo } = await worldWith();
    const { text } = await call(client, tool, { operation: 'list', repo_id });
    expect(text).toContain(
      `# org/thing (model)\n${services.hub.url}/org/thing/tree/main\nrevision main · 8 files in all`,
    );
    expect(text).toContain(
      'data/  3 files\nlogs/  2 files\n.gitattributes  0 B\nREADME.md  22 B\nmodel.bin  5,000 B  LFS',
    );
    expect(text).toContain('Next: hf_repo_files(operation="read"');
    const deep = await call(client, tool, {
      operation: 'List',
      repo_id,
      path: 'data',
      recursive: 'true',
    });
    expect(deep.text).toContain('deep/a b.txt  6 B\ndeep/c.txt  1 B\ntrain.jsonl  3 B');
    expect(deep.text).toContain('3 files in all folders');
    expect(services.all().every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(repo.changes).toEqual([]);
  });

  it('takes everything out of an address', async () => {
    const { client } = await worldWith({ type: 'dataset' });
    const address = 'https://huggingface.co/datasets/org/thing/tree/main/data';
    const { text } = await call(client, tool, { operation: 'list', repo_id: address });
    expect(text).toContain('# org/thing / data (dataset)');
    const wrong = await callError(client, tool, {
      operation: 'list',
      repo_id: address,
      repo_type: 'model',
    });
    expect(wrong).toContain('names the dataset org/thing');
  });

  it('filters by patterns and pages to the end with cursors that survive a restart', async () => {
    const world = await worldWith();
    const args = { operation: 'list', repo_id, glob: '**/*.{txt,log}', limit: 2 };
    const seen: string[] = [];
    let { client } = world;
    let cursor: string | undefined;
    for (let page = 0; page < 5; page += 1) {
      const { text } = await call(client, tool, {
        ...args,
        ...(cursor !== undefined && { cursor }),
      });
      expect(text).toContain('4 match');
      seen.push(...text.split('\n').filter((line) => / B$/.test(line)));
      cursor = /more: cursor=(\S+)\]/.exec(text)?.[1];
      if (cursor === undefined) break;
      client = await world.restart();
    }
    expect(seen).toEqual([
      'data/deep/a b.txt  6 B',
      'data/deep/c.txt  1 B',
      'logs/1.log  1 B',
      'logs/2.log  1 B',
    ]);
    const other = await callError(client, tool, {
      ...args,
      glob: '*',
      cursor: Buffer.from('["x",1]').toString('base64url'),
    });
    expect(other).toContain('does not continue this call');
  });

  it('follows pages of large repositories', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 2300 }, (_, index) => [`f/${index}.txt`, 'x']),
    );
    const { client, services } = await worldWith({ files: { ...files, 'top.txt': '' } });
    const deep = await call(client, tool, {
      operation: 'list',
      repo_id,
      recursive: true,
      limit: 5,
    });
    expect(deep.text).toContain('2,301 files in all folders');
    const flat = await call(client, tool, { operation: 'list', repo_id });
    expect(flat.text).toContain('f/\ntop.txt  0 B');
    expect(flat.text).toContain('1 file here');
    expect(services.hub.requests.length).toBeLessThan(10);
  });

  it('says what is not there', async () => {
    const { client } = await worldWith();
    expect(await callError(client, tool, { operation: 'list', repo_id, path: 'nope' })).toContain(
      '[remote/not-found]',
    );
    const revision = await callError(client, tool, { operation: 'list', repo_id, revision: 'v9' });
    expect(revision).toContain('list_refs');
    expect(await callError(client, tool, { operation: 'list', repo_id, path: '../x' })).toContain(
      '[input/invalid]',
    );
    expect(await callError(client, tool, { operation: 'remove', repo_id })).toContain(
      'must be one of list, read, upload, delete',
    );
    expect(await callError(client, tool, { operation: 'list', repo_id, pth: 'x' })).toContain(
      'Did you mean "path"?',
    );
  });
});

describe('read', () => {
  it('shows text with line numbers, windows and the commit', async () => {
    const { client, repo } = await worldWith();
    const { text } = await call(client, tool, {
      operation: 'read',
      repo_id,
      path: 'README.md',
      line_limit: 2,
    });
    expect(text).toContain(`commit ${repo.head}`);
    expect(text).toMatch(/\n1\t# Title\n2\tline 2\n\[lines 1–2 of 3 · more: offset=3\]$/);
    const rest = await call(client, tool, {
      operation: 'read',
      repo_id,
      path: 'README.md',
      offset: '3',
    });
    expect(rest.text).toMatch(/\n3\tline 3\n\[lines 3–3 of 3\]$/);
  });

  it('keeps one long line and many lines within the budget, with a way to the end', async () => {
    const long = Array.from({ length: 400 }, (_, index) => `${index} ${'é'.repeat(80)}`);
    const { client } = await worldWith({
      files: { 'a.txt': long.join('\n'), 'min.js': 'x'.repeat(500_000) },
      lfsBytes: 1e9,
    });
    let offset = 1;
    let lines = 0;
    for (let page = 0; page < 40 && offset > 0; page += 1) {
      const { text } = await call(client, tool, {
        operation: 'read',
        repo_id,
        path: 'a.txt',
        offset,
        max_chars: 4000,
      });
      expect(text.length).toBeLessThanOrEqual(4000);
      lines += text.split('\n').filter((line) => /^\d+\t/.test(line)).length;
      offset = Number(/more: offset=(\d+)\]$/.exec(text)?.[1] ?? 0);
    }
    expect(lines).toBe(400);
    const one = await call(client, tool, {
      operation: 'read',
      repo_id,
      path: 'min.js',
      max_chars: 1,
    });
    expect(one.text.length).toBeLessThanOrEqual(2500);
    expect(one.text).toContain('max_chars=1 is out of range: 1000 was used');
  });

  it('says what a binary or large file is, without fetching it', async () => {
    const { client, services } = await worldWith({
      files: { 'w.bin': Buffer.alloc(9000, 1), 'x.npy': Buffer.from('934e554d5059000102', 'hex') },
    });
    const lfs = await call(client, tool, { operation: 'read', repo_id, path: 'w.bin' });
    expect(lfs.text).toContain('9,000 B (LFS)');
    expect(lfs.text).toContain('kept in large file storage, SHA-256');
    expect(services.mirror.requests).toEqual([]);
    const binary = await call(client, tool, { operation: 'read', repo_id, path: 'x.npy' });
    expect(binary.text).toContain('it is binary (NumPy array)');
  });

  it('lists the tensors of a safetensors file from its header alone', async () => {
    const header = JSON.stringify({
      __metadata__: { format: 'pt' },
      'a.weight': { dtype: 'BF16', shape: [1000, 20], data_offsets: [0, 40_000] },
      b: { dtype: 'F32', shape: [], data_offsets: [40_000, 40_004] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = Buffer.concat([length, Buffer.from(header), Buffer.alloc(40_004)]);
    const { client, services } = await worldWith({ files: { 'model.safetensors': file } });
    const { text, meta } = await call(client, tool, {
      operation: 'read',
      repo_id,
      path: 'model.safetensors',
    });
    expect(text).toContain('20,001 parameters in 2 tensors (BF16 20,000, F32 1)');
    expect(text).toContain('a.weight  BF16  [1000, 20]');
    expect(meta).toMatchObject({ parameters: 20_001 });
    const ranges = services.mirror.requests.map(({ headers }) => headers.range);
    expect(ranges).toEqual(['bytes=0-7', `bytes=8-${8 + header.length - 1}`]);
  });

  it('shows pictures, and notebooks as Markdown', async () => {
    const cells = [
      { cell_type: 'markdown', source: ['# Hello\n', 'text'], metadata: {} },
      { cell_type: 'code', source: 'print(1)', outputs: [{ text: 'OUTPUT' }], metadata: {} },
      { cell_type: 'code', source: 'secret()', metadata: { tags: ['hide-input'] } },
    ];
    const { client } = await worldWith({
      files: {
        'a.png': Buffer.from('89504e47', 'hex'),
        'n.ipynb': JSON.stringify({ cells, metadata: {} }),
        'broken.ipynb': '{',
      },
    });
    const image = await call(client, tool, { operation: 'read', repo_id, path: 'a.png' });
    expect(image.images).toEqual([{ mimeType: 'image/png', data: 'iVBORw==' }]);
    const { text } = await call(client, tool, { operation: 'read', repo_id, path: 'n.ipynb' });
    expect(text).toContain('without outputs and without 1 hidden cells');
    expect(text).toContain('# Hello');
    expect(text).toContain('print(1)');
    expect(text).not.toContain('OUTPUT');
    expect(text).not.toContain('secret()');
    const broken = await call(client, tool, { operation: 'read', repo_id, path: 'broken.ipynb' });
    expect(broken.text).toContain('The notebook is broken');
  });

  it('says what is no file', async () => {
    const { client } = await worldWith();
    expect(await callError(client, tool, { operation: 'read', repo_id, path: 'data' })).toContain(
      'data is a folder',
    );
    expect(await callError(client, tool, { operation: 'read', repo_id, path: 'data/x' })).toContain(
      'path="data")',
    );
    expect(await callError(client, tool, { operation: 'read', repo_id })).toContain('needs path');
  });
});

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
      effect: 'publishes',
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
    expect(questions[0]).toMatchObject({ effect: 'writes' });
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
    const content = `ok\ntoken = "hf_${'a'.repeat(34)}"\n-----BEGIN RSA PRIVATE KEY-----\n`;
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
      effect: 'destroys',
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
