/** hf_repo_files through MCP against the fake Hub. */
import { describe, expect, it } from 'vitest';
import { encodePng } from '#notebook/render/png-encode.ts';
import { call, callError } from '../mcp/call.ts';
import { repo_id, worldWith } from './repo-world.ts';

const tool = 'hf_repo_files';

const pixels = (width: number): Buffer =>
  encodePng({ width, height: 1, rgba: new Uint8Array(width * 4).fill(255) });

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
      seen.push(...text.split('\n').filter((line) => line.endsWith(' B')));
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
        'a.png': pixels(2),
        'damaged.png': pixels(2).subarray(0, 50),
        'page.png': '<html>',
        'long.png': pixels(9000),
        'n.ipynb': JSON.stringify({ cells, metadata: {} }),
        'broken.ipynb': '{',
      },
    });
    const image = await call(client, tool, { operation: 'read', repo_id, path: 'a.png' });
    expect(image.images).toEqual([{ mimeType: 'image/png', data: pixels(2).toString('base64') }]);
    expect(image.text).toContain('[image 1/1 png 2x1]');
    // A host takes no picture that is broken or wider than 8,000 pixels, and the conversation would be unusable from then on.
    for (const path of ['damaged.png', 'page.png']) {
      const refused = await call(client, tool, { operation: 'read', repo_id, path });
      expect(refused.images).toEqual([]);
      expect(refused.text).toContain('not shown: damaged');
    }
    const long = await call(client, tool, { operation: 'read', repo_id, path: 'long.png' });
    expect(long.images.map(({ data }) => data)).not.toContain(pixels(9000).toString('base64'));
    const { text } = await call(client, tool, { operation: 'read', repo_id, path: 'n.ipynb' });
    expect(text).toContain('cells without outputs and without 1 that are tagged as hidden;');
    expect(text).toContain('# Hello');
    expect(text).toContain('print(1)');
    expect(text).not.toContain('OUTPUT');
    expect(text).not.toContain('secret()');
    const broken = await call(client, tool, { operation: 'read', repo_id, path: 'broken.ipynb' });
    expect(broken.text).toContain('this is no notebook that can be read');
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
