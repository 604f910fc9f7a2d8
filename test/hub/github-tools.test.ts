/** The GitHub tools through MCP. */
import { beforeEach, describe, expect, it } from 'vitest';
import { TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import { COMMIT, serveGithub } from '../fakes/hub/github-routes.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

let world: ResearchWorld;
beforeEach(async () => {
  world = await startResearch();
  serveGithub(world.services);
});

type Arguments = Record<string, unknown>;
const run = async (tool: string, args: Arguments): Promise<string> =>
  (await call(world.client, tool, args)).text;
const find = (args: Arguments) => run('github_find_examples', args);
const list = (args: Arguments) => run('github_list_repos', args);
const read = (path: string | undefined, args: Arguments = {}) =>
  run('github_read_file', { repo: 'org/lib', ...(path !== undefined && { path }), ...args });
const readError = (args: Arguments) =>
  callError(world.client, 'github_read_file', { repo: 'org/lib', ...args });
const cursorOf = (text: string): string => /cursor=([\w-]+)/.exec(text)?.[1] ?? '';
const numbered = (text: string): string[] =>
  [...text.matchAll(/^\d+\. (\S+(?: \S+)*?)(?: \(|$)/gm)].map(([, name = '']) => name);
const USED_UP = {
  status: 403,
  json: { message: 'API rate limit exceeded for 1.2.3.4.' },
  headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1760000600' },
};

describe('github_find_examples', () => {
  it('takes whole parts of a path for examples, code first, tests and docs last', async () => {
    const text = await find({ repo: 'lib' });
    expect(numbered(text)).toEqual([
      'examples/broken.ipynb',
      'examples/min.js',
      'examples/notebooks/grpo training.ipynb',
      'examples/scripts/grpo.py',
      'examples/scripts/sft_vlm.py',
      'examples/weights.bin',
      'examples/datasets/pairs.png',
      'docs/source/quickstart.md',
    ]);
    expect(text).toContain(`8 of 13 files · commit ${COMMIT}`);
    expect(text).toContain('# Examples in huggingface/lib');
    expect(text).toContain('1 tests are left out');
  });

  it('ranks by the words of the keyword, with a link and a call at the commit', async () => {
    const text = await find({ repo: 'https://github.com/org/lib', keyword: 'GRPO trainings' });
    expect(numbered(text)).toEqual([
      'examples/notebooks/grpo training.ipynb',
      'examples/scripts/grpo.py',
    ]);
    expect(text).toContain(
      `https://github.com/org/lib/blob/${COMMIT}/examples/notebooks/grpo%20training.ipynb`,
    );
    expect(text).toContain(
      `github_read_file(repo="org/lib", path="examples/scripts/grpo.py", ref="${COMMIT}")`,
    );
    const all = await find({ repo: 'org/lib', keyword: 'grpo', include_tests: 'true' });
    expect(numbered(all).at(-1)).toBe('tests/examples/test_grpo.py');
    expect(await find({ repo: 'org/lib', keyword: 'xylophone' })).toContain(
      'no path has a word of "xylophone"',
    );
  });

  it('stays in a folder, pages, and takes a ref', async () => {
    const first = await find({
      repo: 'org/lib',
      path: '/examples/',
      max_results: 2,
      ref: 'feature/x',
    });
    expect(first.split('\n').at(-1)).toMatch(/^\[1–2 of 7 examples · more: cursor=/);
    const second = await find({
      repo: 'org/lib',
      path: '/examples/',
      max_results: 2,
      ref: 'feature/x',
      cursor: cursorOf(first),
    });
    expect(numbered(second)[0]).toBe('examples/notebooks/grpo training.ipynb');
    expect(
      world.services.github.requests.some(({ path }) => path.endsWith('/commits/feature%2Fx')),
    ).toBe(true);
    expect(await find({ repo: 'org/lib', path: 'nowhere' })).toContain(
      'there is no folder nowhere',
    );
  });

  it('goes on at the commit that it was begun at, wherever the branch is by then', async () => {
    const first = await find({ repo: 'org/lib', max_results: 2 });
    const moved = { json: { sha: 'b'.repeat(40) } };
    world.services.github.on('GET', /\/repos\/[^/]+\/lib\/commits\/main/, () => moved);
    world.clock.advance(120_000);
    const second = await find({ repo: 'org/lib', max_results: 2, cursor: cursorOf(first) });
    expect(second).toContain(`commit ${COMMIT}`);
    expect(second).toContain('3. ');
    expect(await find({ repo: 'org/lib', max_results: 2 })).toContain(`commit ${'b'.repeat(40)}`);
  });

  it('14.9: says that a tree was cut, and reads the example folders one by one', async () => {
    const text = await find({ repo: 'org/huge' });
    expect(text).toContain(
      'Note: partial tree: GitHub cut the list of files, so 1 of 1 example folders were read one by one.',
    );
    expect(numbered(text)).toEqual(['examples/deep/train.py']);
    const elsewhere = await find({ repo: 'org/huge', path: 'src' });
    expect(elsewhere).not.toContain('there is no folder');
    expect(elsewhere).toContain('none of src is in the part of the list that was read');
  });

  it('names similar repositories when there is none of that name', async () => {
    const text = await callError(world.client, 'github_find_examples', { repo: 'libb' });
    expect(text).toMatch(
      /^\[remote\/not-found\] There is no repository huggingface\/libb; it may be private/,
    );
    expect(text).toContain('Next: similar: huggingface/lib.');
    expect(world.services.github.requests.at(-1)?.query.get('q')).toBe('libb org:huggingface');
  });

  it.each(['', 'a b', 'a/b/c', 'https://evil.test/org/lib', '../x'])(
    'refuses "%s"',
    async (repo) => {
      expect(await callError(world.client, 'github_find_examples', { repo })).toMatch(
        /^\[input\/invalid\]/,
      );
      expect(world.services.all()).toEqual([]);
    },
  );
});

describe('github_list_repos', () => {
  it('14.9: gives the true top of an organisation with 400 repositories', async () => {
    const text = await list({ owner: 'org', limit: 10 });
    expect(numbered(text)).toEqual(Array.from({ length: 10 }, (_, n) => `org/repo-${399 - n}`));
    expect(text).toContain(
      '3,990 stars · 399 forks · Rust · updated 2026-01-02 · pushed 2026-01-01 · ARCHIVED · a, b, c, d, e',
    );
    expect(text).toContain('fork');
    expect(text.split('\n').at(-1)).toMatch(/^\[1–10 of 400 repositories · more: cursor=/);
    const next = await list({ owner: 'org', limit: 10, cursor: cursorOf(text) });
    expect(numbered(next)[0]).toBe('org/repo-389');
    expect(next).toContain('11. org/repo-389');
    expect(world.services.github.requests.map(({ path }) => path)).toEqual([
      '/search/repositories',
      '/search/repositories',
    ]);
  });

  it('leads to the last one within its budget', async () => {
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const text = await list({ owner: 'org', limit: 100, ...(cursor && { cursor }) });
      expect(text.length).toBeLessThanOrEqual(10_000);
      seen.push(...numbered(text));
      cursor = cursorOf(text);
      if (cursor === '') break;
    }
    expect(new Set(seen).size).toBe(400);
  });

  it('sorts by date with the list of the owner, and drops no filter', async () => {
    await list({ owner: '@org', sort: 'updated', order: 'asc' });
    expect(
      world.services.github.requests.map(({ path, query }) => `${path}?${query.toString()}`),
    ).toEqual(['/users/org?', '/orgs/org/repos?sort=updated&direction=asc&per_page=30&page=1']);
    const created = await list({
      owner: 'org',
      sort: 'created',
      language: 'rust',
      owner_type: 'org',
      limit: 5,
    });
    expect(created).toContain('134 of 400 scanned repositories are in rust.');
    expect(created).toContain('· created 2020-05-06 · updated 2026-01-02 ·');
    expect(numbered(created)).toEqual([
      'org/repo-0',
      'org/repo-3',
      'org/repo-6',
      'org/repo-9',
      'org/repo-12',
    ]);
    await list({ owner: 'org', sort: 'updated', language: 'Rust' });
    expect(world.services.github.requests.at(-1)?.query.get('q')).toBe(
      'user:org fork:true language:"Rust"',
    );
  });

  it('goes on beyond the public ones, where a token shows more', async () => {
    world.services.github.on('GET', /\/users\/org/, () => ({
      json: { type: 'Organization', public_repos: 10 },
    }));
    const text = await list({ owner: 'org', sort: 'updated' });
    expect(text.split('\n').at(-1)).toMatch(/^\[1–30 of more repositories · more: cursor=/);
  });

  it('says what is wrong', async () => {
    expect(await callError(world.client, 'github_list_repos', { owner: 'no one' })).toMatch(
      /^\[input\/invalid\]/,
    );
    expect(await callError(world.client, 'github_list_repos', { owner: 'nobody' })).toMatch(
      /^\[input\/invalid\].*\n.*422: Validation Failed/,
    );
    expect(
      await callError(world.client, 'github_list_repos', { owner: 'ghost', sort: 'created' }),
    ).toMatch(/^\[remote\/not-found\]/);
  });
});

describe('github_read_file', () => {
  it('shows lines with the commit that a ref means, and pages', async () => {
    const text = await read('examples/scripts/grpo.py');
    expect(text).toContain(`commit ${COMMIT}`);
    expect(text).toContain(`https://github.com/org/lib/blob/${COMMIT}/examples/scripts/grpo.py`);
    expect(text).toContain('\nline 300\n[lines 1–300 of 700 · more: line_start=301]');
    expect(await read('examples/scripts/grpo.py', { line_start: '650', line_end: 9999 })).toMatch(
      /\n\nline 650\n[\s\S]*\[lines 650–700 of 700\]$/,
    );
    expect(await readError({ path: 'README.md', line_start: 5, line_end: 2 })).toContain(
      'line_start=5 is after line_end=2',
    );
    expect(await readError({ path: 'README.md', line_start: 50 })).toContain(
      'There is no line 50: the file has 3.',
    );
  });

  it('takes an address with its ref and path', async () => {
    expect(
      await run('github_read_file', { repo: 'https://github.com/org/lib/blob/v1.0/README.md#L1' }),
    ).toContain('Read me.');
    expect(
      await run('github_read_file', {
        repo: 'https://raw.githubusercontent.com/org/lib/main/README.md',
      }),
    ).toContain('Read me.');
    expect(
      await run('github_read_file', {
        repo: 'https://raw.githubusercontent.com/org/lib/refs/tags/v1.0/README.md',
      }),
    ).toContain('Read me.');
    const outside = { repo: 'org/lib', path: 'README.md', ref: '..' };
    expect(await callError(world.client, 'github_read_file', outside)).toContain('[http/refused]');
  });

  it('14.9: lists a folder', async () => {
    const text = await read('examples');
    expect(text).toContain('3 folders, 3 files');
    expect(text).toMatch(/\n\nscripts\/\nnotebooks\/\ndatasets\/\nbroken\.ipynb {2}12 bytes/);
    expect(await read(undefined)).toContain('README.md');
  });

  it('14.11: lists a large folder to its end, and says where GitHub itself stops', async () => {
    const entries = Array.from({ length: 1000 }, (_, at) => ({
      name: `file-${at}.py`,
      path: `many/file-${at}.py`,
      type: 'file',
      size: 5,
    }));
    world.services.github.on('GET', /.*\/contents\/many/, () => ({ json: entries }));
    const seen: string[] = [];
    for (let line: string | undefined = '1'; line !== undefined;) {
      const text = await read('many', { line_start: line, max_chars: 6000 });
      expect(text.length).toBeLessThanOrEqual(6000);
      expect(text).toContain('GitHub gives the first 1,000 entries of a folder');
      seen.push(...[...text.matchAll(/^(file-\d+\.py) /gm)].map(([, name = '']) => name));
      line = /more: line_start=(\d+)\]$/.exec(text)?.[1];
    }
    expect(seen).toEqual(entries.map(({ name }) => name));
  });

  it('does not let one long line pass', async () => {
    const text = await read('examples/min.js');
    expect(text.length).toBeLessThanOrEqual(10_000);
    expect(text).toContain('[80,008 characters in this line]');
  });

  it('says what cannot be shown, by its size', async () => {
    expect(await read('examples/datasets/pairs.png')).toContain('A binary file of 8 bytes');
    expect(await read('examples/weights.bin')).toContain(
      'A pointer of Git LFS: the file itself has 1.2 MiB (1,234,567 bytes)',
    );
  });

  it('shows notebooks as their cells', async () => {
    const text = await read('examples/notebooks/grpo training.ipynb');
    expect(text).toContain('# Title\nWords.\n\n````python\nprint("```")\n````');
    expect(text).not.toMatch(/SECRET OUTPUT|hidden\(\)/);
    expect(await read('examples/broken.ipynb')).toContain(
      'Note: this is no notebook that can be read',
    );
  });

  it('gets larger files in their raw form', async () => {
    expect(await read('big/large.txt')).toContain('[lines 1–10 of 10]');
    expect(world.services.github.requests.at(-1)?.headers.accept).toBe(
      'application/vnd.github.raw+json',
    );
  });

  it('refuses paths that leave the repository, and says what is not there', async () => {
    expect(await readError({ path: '../../user' })).toContain('leaves the repository');
    expect(await readError({ path: 'no/such' })).toMatch(
      /^\[remote\/not-found\] There is no file or folder no\/such in org\/lib/,
    );
    expect(await readError({ path: 'README.md', ref: 'gone' })).toContain('revision "gone"');
  });

  it('asks a fixed commit once, also after a restart', async () => {
    await read('README.md', { ref: COMMIT });
    const before = world.services.github.requests.length;
    const client = await world.restart();
    expect(
      (await call(client, 'github_read_file', { repo: 'org/lib', path: 'README.md', ref: COMMIT }))
        .text,
    ).toContain('Read me.');
    expect(world.services.github.requests).toHaveLength(before);
  });
});

describe('the quota of GitHub', () => {
  it('is told of when it is nearly used up', async () => {
    world.services.github.fail(/.*\/contents\/.*/, {
      json: [],
      headers: { 'x-ratelimit-remaining': '4', 'x-ratelimit-reset': '1760003600' },
    });
    expect(await read('examples')).toContain(
      'Note: GitHub allows 4 more requests until 09:53 UTC; GITHUB_TOKEN raises the limit.',
    );
  });

  it('is told of with the time when it is used up', async () => {
    world.services.github.fail(/.*/, USED_UP, 9);
    const text = await callError(world.client, 'github_find_examples', { repo: 'org/lib' });
    expect(text).toMatch(
      /^\[remote\/rate-limited\] GitHub allows no more requests for 10 min \(until 09:03 UTC\)\./,
    );
    expect(text).toContain('set GITHUB_TOKEN: it raises the limit from 60 to 5,000');
  });

  it('does not stop public files, which come without a token', async () => {
    world = await startResearch({ env: { GH_TOKEN: TEST_TOKENS.github } });
    serveGithub(world.services);
    world.services.github.fail(/.*/, USED_UP, 99);
    const text = await read('README.md');
    expect(text).toContain('Read me.');
    expect(text).toContain('Note: the quota of the API is used up');
    expect(world.services.raw.requests[0]?.headers.authorization).toBeUndefined();
    expect(await readError({ path: 'none.md' })).toMatch(/^\[remote\/rate-limited\]/);
  });

  it('goes with the token to the API alone', async () => {
    world = await startResearch({
      env: { GITHUB_TOKEN: TEST_TOKENS.github, HF_TOKEN: TEST_TOKENS.hub },
    });
    serveGithub(world.services);
    await read('README.md');
    expect(
      world.services.github.requests.every(
        ({ headers }) => headers.authorization === `Bearer ${TEST_TOKENS.github}`,
      ),
    ).toBe(true);
    world.services.github.fail(/.*/, { status: 401, json: { message: 'Bad credentials' } }, 9);
    expect(await readError({ path: 'x', ref: 'v1.0' })).toMatch(
      /does not accept the token of GITHUB_TOKEN/,
    );
  });
});
