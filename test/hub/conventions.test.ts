/** What holds for all research tools alike: tokens, wide arguments, budgets, cancelling, switching off. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { createDoctorProbes } from '#main/doctor-probes.ts';
import { inputSchemaOf } from '#tools/input-schema.ts';
import { tools } from '#tools/index.ts';
import { TEST_TOKENS, TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { COMMIT } from '../fakes/hub/github-routes.ts';
import { PAPER } from '../fakes/hub/paper-routes.ts';
import { call, callError } from '../mcp/call.ts';
import { ALL_CALLS, CALLS, startAllResearch } from '../rigs/research-calls.ts';
import type { ResearchWorld } from '../rigs/research-world.ts';
import { startJobsWorld } from './jobs-world.ts';

const RESEARCH = new Set(CALLS.map(([name]) => name));

describe.each([
  ['no token at all', {}],
  ['only HF_TOKEN', { HF_TOKEN: TEST_TOKENS.hub }],
  ['every token', TOKEN_ENV],
  [
    'texts that hosts pass on for a variable that is not set',
    { HF_TOKEN: '${HF_TOKEN}', GITHUB_TOKEN: '${GITHUB_TOKEN}', GLOVEBOX_HF_TOKEN: ' ' },
  ],
] as const)('14.2, 14.3: with %s', (_, env) => {
  it('every operation works, and no secret goes to another host', async () => {
    const world = await startAllResearch({ env });
    for (const [name, args] of ALL_CALLS) {
      const { text } = await call(world.client, name, args);
      expect(text.length, name).toBeLessThanOrEqual(10_000);
      for (const secret of Object.values(TEST_TOKENS)) expect(text).not.toContain(secret);
      expect(text).not.toContain('${');
    }
    const sent = world.services
      .all()
      .map(({ headers }) => JSON.stringify(headers))
      .join();
    expect(sent).not.toContain('${');
    if (env === TOKEN_ENV)
      for (const secret of Object.values(TEST_TOKENS)) expect(sent).toContain(secret);
  });
});

describe('2.2: the token of the Hub', () => {
  const authorizations = (world: ResearchWorld): unknown[] =>
    world.services.hub.requests.map(({ headers }) => headers.authorization);

  it.each([
    [{ GLOVEBOX_HF_TOKEN: ' hf_a\r\n', HF_TOKEN: 'hf_b' }, 'Bearer hf_a'],
    [{ HF_TOKEN: 'hf_b', HUGGING_FACE_HUB_TOKEN: 'hf_c' }, 'Bearer hf_b'],
    [{ HUGGING_FACE_HUB_TOKEN: 'hf_c' }, 'Bearer hf_c'],
    [{ HF_TOKEN: 'not a token' }, undefined],
    [{ HF_TOKEN: '' }, undefined],
  ])('is taken from %j', async (env, expected) => {
    const world = await startAllResearch({ env });
    await call(world.client, 'hf_papers', { operation: 'trending' });
    expect(authorizations(world)).toEqual([expected]);
  });

  it('is taken from the file of a login, at the time of the call', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-login-'));
    const world = await startAllResearch({ env: { HF_HOME: folder } });
    await call(world.client, 'hf_papers', { operation: 'find_models', arxiv_id: PAPER });
    writeFileSync(path.join(folder, 'token'), 'hf_file\n');
    await call(world.client, 'hf_papers', { operation: 'find_datasets', arxiv_id: PAPER });
    expect(authorizations(world)).toEqual([undefined, 'Bearer hf_file']);
    rmSync(folder, { recursive: true });
  });

  it('2.6: is named by its source, never by its value, when it is refused', async () => {
    const world = await startAllResearch({ env: { HF_TOKEN: TEST_TOKENS.hub } });
    const fail = (status: number, headers = {}) =>
      world.services.hub.fail(/.*/, { status, json: { error: 'No.' }, headers });
    const ask = (limit: number) =>
      callError(world.client, 'hf_papers', { operation: 'find_models', arxiv_id: PAPER, limit });
    fail(401);
    expect(await ask(1)).toMatch(
      /^\[remote\/auth-required\].*The token of HF_TOKEN was sent\.\n.*401: No\.\nNext: set HF_TOKEN.*read scope from http:\/\/127[^ ]*\/settings\/tokens/,
    );
    fail(403);
    expect(await ask(2)).toMatch(/^\[remote\/forbidden\]/);
    fail(402);
    expect(await ask(3)).toMatch(/^\[remote\/billing\].*\n.*\nNext: see .*\/settings\/billing/);
    fail(403, { 'x-error-code': 'GatedRepo' });
    expect(await ask(4)).toMatch(/^\[remote\/gated\].*\n.*\nNext: ask for access at/);
    fail(404, { 'x-error-code': 'RevisionNotFound', 'x-error-message': 'Invalid rev id: x' });
    expect(await ask(5)).toMatch(/^\[remote\/not-found\].*\n.*404: Invalid rev id: x/);
    fail(501);
    expect(await ask(6)).toMatch(/^\[remote\/unsupported\]/);
    world.services.hub.fail(/.*/, { status: 429, headers: { ratelimit: '"api";r=0;t=240' } }, 3);
    expect(await ask(7)).toMatch(
      /^\[remote\/rate-limited\] The Hub allows no more requests for 4 min\./,
    );
    expect(await ask(8)).not.toContain(TEST_TOKENS.hub);
  });

  it('says without a token that something private looks the same as something missing', async () => {
    const world = await startAllResearch();
    world.services.hub.fail(/.*/, {
      status: 401,
      json: { error: 'Invalid username or password.' },
    });
    expect(await callError(world.client, 'hf_papers', { operation: 'trending' })).toMatch(
      /needs a token, or is private, or does not exist\. No token was sent\./,
    );
    world.services.hub.fail(/.*/, { status: 429, headers: { 'retry-after': '99' } });
    expect(await callError(world.client, 'hf_papers', { operation: 'trending' })).toMatch(
      /Next: wait; a token in HF_TOKEN .* raises the quota/,
    );
  });
});

describe('2.4, 14.12: arguments', () => {
  const schema = z.object({
    properties: z.record(z.string(), z.object({ type: z.string().optional() })),
  });
  const fields = tools
    .filter(({ toolset }) => toolset === 'hub' || toolset === 'github')
    .flatMap((tool) => {
      const { properties } = schema.parse(inputSchemaOf(tool));
      return Object.entries(properties).map(([field, { type = '' }]) => ({ tool, field, type }));
    });
  const parse = ({ tool, field }: (typeof fields)[number], value: unknown) => {
    const result = tool.input.partial().safeParse({ [field]: value });
    return result.success ? { value: result.data[field] } : { error: result.error.message };
  };

  it.each(fields.filter(({ type }) => type === 'integer'))(
    '$tool.name $field takes the spellings of a whole number',
    (field) => {
      for (const spelling of ['20', ' 20 ', '20.0', 20])
        expect(parse(field, spelling)).toEqual({ value: 20 });
      for (const nothing of [null, '', '  '])
        expect(parse(field, nothing)).toEqual({ value: undefined });
      for (const bad of ['20.5', 20.5, 'abc', Number.NaN, true, [20]]) {
        const { error } = parse(field, bad);
        expect(error).toContain('a whole number');
        expect(error).toContain(field.field);
      }
    },
  );

  it.each(fields.filter(({ type }) => type === 'boolean'))(
    '$tool.name $field takes the spellings of true and false',
    (field) => {
      for (const spelling of ['true', 'True', true])
        expect(parse(field, spelling)).toEqual({ value: true });
      for (const spelling of ['false', ' FALSE ', false])
        expect(parse(field, spelling)).toEqual({ value: false });
      expect(parse(field, null)).toEqual({ value: undefined });
      for (const bad of ['yes', 1, 'abc'])
        expect(parse(field, bad).error).toContain('true or false');
    },
  );

  // Those of hf_jobs are words of a command line, ports and mounts: each has a grammar of its own, and its own tests.
  const lists = fields.filter(({ tool, type }) => type === 'array' && tool.name !== 'hf_jobs');
  it.each(lists)('$tool.name $field takes the spellings of a list', (field) => {
    for (const spelling of ['a, b', '["a","b"]', ['a', 'b']])
      expect(parse(field, spelling)).toEqual({ value: ['a', 'b'] });
    expect(parse(field, ' ')).toEqual({ value: undefined });
    for (const bad of [5, [1], '[broken'])
      expect(parse(field, bad).error).toContain('a list of texts');
  });

  it('finds all of them', () => {
    const count = (type: string) => fields.filter((field) => field.type === type).length;
    expect([count('integer'), count('boolean'), lists.length]).toEqual([26, 10, 3]);
  });

  it('names the nearest field for one that it does not know', async () => {
    const world = await startAllResearch();
    const text = await callError(world.client, 'hf_papers', { operation: 'search', querry: 'x' });
    expect(text).toMatch(/^\[input\/invalid\].*querry[\s\S]*Did you mean "query"\?/);
    expect(await callError(world.client, 'hf_papers', { operation: 'serch' })).toContain(
      'Did you mean "search"?',
    );
    expect(world.services.all()).toEqual([]);
  });

  it('clamps limits, and says so', async () => {
    const world = await startAllResearch();
    const { text } = await call(world.client, 'hf_papers', { operation: 'trending', limit: '500' });
    expect(text).toContain('Note: limit=500 is out of range: 50 was used.');
  });

  it('takes a cursor for nothing but what it continues', async () => {
    const world = await startAllResearch();
    const { text } = await call(world.client, 'hf_papers', { operation: 'trending', limit: 2 });
    const cursor = /cursor=([\w-]+)/.exec(text)?.[1];
    for (const args of [
      { operation: 'search', query: 'q', cursor },
      { operation: 'trending', date: '2026-01', cursor },
      { operation: 'trending', cursor: 'garbage' },
    ])
      expect(await callError(world.client, 'hf_papers', args)).toMatch(
        /^\[input\/invalid\].*does not continue this call/,
      );
    const client = await world.restart();
    expect(
      (await call(client, 'hf_papers', { operation: 'trending', limit: 2, cursor })).text,
    ).toContain('3. Paper 2');
  });
});

describe('2.5, 14.11: answers', () => {
  it.each([1000, 2500, 40_000])('keep to max_chars=%i', async (chars) => {
    const world = await startAllResearch();
    for (const [name, args] of ALL_CALLS) {
      const takesIt =
        tools.find((tool) => tool.name === name)?.input.shape['max_chars'] !== undefined;
      if (!takesIt) continue;
      const limits =
        name === 'hf_papers' && args['operation'] !== 'read_paper' ? { limit: 50 } : {};
      const { text } = await call(world.client, name, { ...args, ...limits, max_chars: chars });
      expect(text.length, JSON.stringify(args)).toBeLessThanOrEqual(chars);
    }
  });

  it('keep to GLOVEBOX_OUTPUT_CHARS, and never pass 40,000', async () => {
    const small = await startAllResearch({ env: { GLOVEBOX_OUTPUT_CHARS: '2000' } });
    const large = await startAllResearch({ env: { GLOVEBOX_OUTPUT_CHARS: '45000' } });
    for (const [world, most] of [
      [small, 2000],
      [large, 40_000],
    ] as const) {
      for (const [name, args] of ALL_CALLS) {
        const { text } = await call(world.client, name, args);
        expect(text.length, JSON.stringify([name, args])).toBeLessThanOrEqual(most);
      }
    }
  });

  it('have addresses without a token, and none of a foreign host', async () => {
    const world = await startAllResearch({ env: TOKEN_ENV });
    const { text } = await call(world.client, 'github_read_file', {
      repo: 'org/lib',
      path: 'README.md',
      ref: COMMIT,
    });
    expect(text).toContain(`https://github.com/org/lib/blob/${COMMIT}/README.md`);
  });
});

describe('2.7: a call that is cancelled', () => {
  it('ends the work on the network at once', async () => {
    const world = await startAllResearch();
    world.services.hub.on('GET', /\/api\/daily_papers/, () => ({ hangs: true }));
    const stop = new AbortController();
    const asked = world.client.callTool(
      { name: 'hf_papers', arguments: { operation: 'trending' } },
      { signal: stop.signal },
    );
    await expect.poll(() => world.services.hub.requests.length).toBe(1);
    stop.abort();
    await expect(asked).rejects.toThrow(/abort/i);
    // The fake notices when the connection is gone: nothing of the product still holds it.
    await expect.poll(() => world.services.hub.openConnections()).toBe(0);
  });
});

it('1: all of them say that they only read, may run side by side, and reach beyond this machine', async () => {
  const world = await startAllResearch();
  const listed = (await world.client.listTools()).tools.filter(({ name }) => RESEARCH.has(name));
  expect(listed).toHaveLength(RESEARCH.size);
  for (const { annotations } of listed)
    expect(annotations).toMatchObject({
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: true,
    });
});

describe('slow and broken services', () => {
  let slow: ResearchWorld;
  beforeEach(async () => {
    slow = await startAllResearch();
  });

  it.each([
    ['a cut answer', { text: '[{"half', cutAfterBytes: 4 }, /^\[http\/failed\]/],
    [
      'no JSON',
      { text: 'Service temporarily unavailable' },
      /^\[remote\/failed\].*is not JSON: Service temporarily/,
    ],
    ['another shape', { json: { papers: [] } }, /^\[remote\/failed\].*another shape/],
    [
      'an error page',
      { status: 502, text: '<html>Bad gateway</html>' },
      /^\[remote\/failed\][\s\S]*502: \(a page of HTML\)/,
    ],
  ])('%s becomes an error that says so', async (_, answer, expected) => {
    slow.services.hub.fail(/.*/, answer, 9);
    expect(await callError(slow.client, 'hf_papers', { operation: 'trending' })).toMatch(expected);
  });
});

it('2.7: doctor asks the Hub what its token is good for; without one it asks nobody', async () => {
  const { services } = await startJobsWorld();
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-doctor-'));
  const ask = async (vars: object) => {
    const env = { HOME: folder, GLOVEBOX_DIR: folder, ...services.env, ...vars };
    const config = await loadConfig({ env, cwd: folder, projectDir: folder });
    const { signal } = new AbortController();
    return createDoctorProbes(env, () => folder).huggingface(config, signal);
  };
  expect(await ask({})).toEqual({ kind: 'no-token' });
  expect(services.hub.requests).toEqual([]);
  expect(await ask({ HF_TOKEN: TEST_TOKENS.hub })).toEqual({
    kind: 'account',
    source: 'HF_TOKEN',
    name: 'me',
    organisations: ['org'],
    role: undefined,
    namespace: 'me',
    openJobs: 0,
    flavors: 7,
    hasLivePrices: true,
  });
  expect(
    await ask({ HF_TOKEN: 'hf_ofNobody', GLOVEBOX_DIR: path.join(folder, 'b') }),
  ).toMatchObject({
    kind: 'failed',
    hint: expect.stringContaining('settings/tokens'),
  });
  rmSync(folder, { recursive: true });
});

it('2.7: doctor names the source of each token, and never its value', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-doctor-'));
  writeFileSync(path.join(folder, 'token'), TEST_TOKENS.hub);
  const env = { HOME: folder, GLOVEBOX_DIR: folder, HF_HOME: folder, GH_TOKEN: TEST_TOKENS.github };
  const config = await loadConfig({ env, cwd: folder, projectDir: folder });
  const found = await createDoctorProbes(env, () => folder).remoteServices(config);
  rmSync(folder, { recursive: true });
  expect(found).toEqual({
    tokens: [
      {
        service: 'Hugging Face Hub',
        host: 'huggingface.co',
        source: `the file ${path.join(folder, 'token')}`,
      },
      { service: 'GitHub', host: 'api.github.com', source: 'GH_TOKEN' },
      { service: 'Semantic Scholar', host: 'api.semanticscholar.org', source: undefined },
    ],
    cacheBytes: 0,
  });
});
