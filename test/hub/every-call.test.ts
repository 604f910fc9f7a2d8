/** Every operation that reads, in what may happen to it: failures of each kind, a caller that gives up, and where it leads on to. */
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import { tools } from '#tools/index.ts';
import { addDataset } from '../fakes/hub/fake-dataset.ts';
import { addJobs } from '../fakes/hub/fake-jobs.ts';
import { addRepo } from '../fakes/hub/fake-repo.ts';
import type { FakeAnswer } from '../fakes/hub/fake-service.ts';
import { TEST_TOKENS, TOKEN_ENV, type FakeServices } from '../fakes/hub/fake-services.ts';
import { ALL_CALLS, startAllResearch } from '../rigs/research-calls.ts';
import type { ResearchWorld } from '../rigs/research-world.ts';

/** For conditions that come about by themselves, on a machine that does much else. */
const WAIT = { timeout: 30_000, interval: 5 };

type Arguments = Readonly<Record<string, unknown>>;

const listOf = (services: FakeServices) => {
  const { hub, viewer, scholar, arxiv, ar5iv, gradio, github, raw, mirror } = services;
  return [hub, viewer, scholar, arxiv, ar5iv, gradio, github, raw, mirror];
};

async function ask(
  { client }: Pick<ResearchWorld, 'client'>,
  name: string,
  args: Arguments,
): Promise<{ readonly text: string; readonly isError: boolean }> {
  const { content, isError } = await client.callTool({ name, arguments: { ...args } });
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
  return { text, isError: isError === true };
}

const failure = (status: number, headers: Readonly<Record<string, string>> = {}): FakeAnswer => ({
  status,
  headers,
  json: { error: `Failure ${status}. ${'More words. '.repeat(100)}` },
});

/** What each answer may be called; which of them depends on who was asked for what. */
const FAILURES: readonly (readonly [name: string, answer: FakeAnswer, code: RegExp])[] = [
  ['401', failure(401), /auth-required|not-found|failed/],
  ['403', failure(403), /forbidden|auth-required|failed/],
  [
    '403 of something gated',
    failure(403, { 'x-error-code': 'GatedRepo' }),
    /gated|forbidden|au|fa/,
  ],
  ['404', failure(404), /not-found/],
  ['422', failure(422), /invalid|failed/],
  ['429', failure(429, { 'retry-after': '77' }), /rate-limited|failed/],
  ['500', failure(500), /failed/],
  ['501', failure(501), /unsupported|failed/],
  ['no JSON', { text: '{"half": ' }, /failed|not-found/],
  ['a cut answer', { text: 'x'.repeat(99), cutAfterBytes: 9 }, /failed/],
  ['another host', { status: 302, headers: { location: 'https://evil.test/x' } }, /refused|failed/],
  ['a private host', { status: 302, headers: { location: 'http://10.0.0.1/x' } }, /refused|failed/],
  [
    'another scheme',
    { status: 302, headers: { location: 'file:///etc/passwd' } },
    /refused|failed/,
  ],
];

describe.each(FAILURES)('2.6, 14.1: when every service answers with %s', (_, answer, code) => {
  it('each operation fails with a code, the reason, a next step, and no secret', async () => {
    const world = await startAllResearch({ env: TOKEN_ENV });
    for (const service of listOf(world.services)) service.fail(/.*/, answer, 999);
    for (const [name, args] of ALL_CALLS) {
      // Any text can be a page.
      if (answer.text !== undefined && name === 'fetch_hf_docs') continue;
      const { text, isError } = await ask(world, name, args);
      const what = `${name} ${JSON.stringify(args)}: ${text}`;
      expect(isError, what).toBe(true);
      const [, found = ''] = /^\[([a-z/-]+)\] /.exec(text) ?? [];
      expect(Object.keys(ERROR_CODES), what).toContain(found);
      expect(found, what).toMatch(code);
      expect(text, what).toMatch(/\nNext: \S/);
      expect(text.length, what).toBeLessThanOrEqual(1500);
      for (const secret of Object.values(TEST_TOKENS)) expect(text).not.toContain(secret);
    }
  });
});

it('2.7: a caller that gives up ends the work of any operation on the network at once', async () => {
  const world = await startAllResearch();
  const services = listOf(world.services);
  for (const service of services) service.fail(/.*/, { hangs: true }, 999);
  let before = 0;
  for (const [name, args] of ALL_CALLS) {
    const stop = new AbortController();
    const asked = world.client.callTool({ name, arguments: { ...args } }, { signal: stop.signal });
    await expect.poll(() => world.services.all().length, WAIT).toBeGreaterThan(before);
    stop.abort();
    await expect(asked).rejects.toThrow(/abort/i);
    for (const service of services)
      await expect
        .poll(() => service.openConnections(), { ...WAIT, message: JSON.stringify([name, args]) })
        .toBe(0);
    before = world.services.all().length;
  }
});

/** Calls as answers write them: `tool(key="value", other=3)`. What holds `...` is for the reader to fill in. */
function callsIn(text: string): readonly (readonly [name: string, args: Arguments])[] {
  const names = tools.map(({ name }) => name).join('|');
  return [...text.matchAll(new RegExp(`\\b(${names})\\(([^)]*)\\)`, 'g'))].flatMap(
    ([, name = '', inside = '']) => {
      if (inside.includes('...')) return [];
      const args = [...inside.matchAll(/(\w+)=(?:"([^"]*)"|([\w.]+))/g)].map(
        ([, key = '', words, plain]) => [key, words ?? plain] as const,
      );
      return [[name, Object.fromEntries(args)] as const];
    },
  );
}

it('2.5: what answers lead on to can be called as it stands', async () => {
  const world = await startAllResearch();
  const text = { dtype: 'string', _type: 'Value' };
  addRepo(world.services, { type: 'model', id: 'org/models-0', files: { 'config.json': '{}' } });
  addDataset(world.services, { id: 'org/datasets-0', features: { text }, rows: [{ text: 'a' }] });
  for (const page of [/\/docs\/trl\/v0\.2\/en\/dpo_trainer\.md/, /\/docs\/.*\/quicktour\.md/])
    world.services.hub.on('GET', page, () => ({ text: '# A page\n\n## Loss\n\nWords.' }));
  let followed = 0;
  for (const [name, args] of ALL_CALLS) {
    const { text: answered } = await ask(world, name, args);
    const last = answered.split('\n').at(-1) ?? '';
    const more = /more: (\w+)=([\w-]+)\]$/.exec(last);
    const next = [
      ...callsIn(
        answered
          .split('\n')
          .filter((line) => line.startsWith('Next: '))
          .join('\n'),
      ),
      ...(more === null ? [] : [[name, { ...args, [more[1] ?? '']: more[2] }] as const]),
    ];
    for (const [tool, given] of next) {
      followed += 1;
      const answer = await ask(world, tool, given);
      const what = `${name} ${JSON.stringify(args)} -> ${tool} ${JSON.stringify(given)}: ${answer.text}`;
      expect(answer.text, what).not.toMatch(/^\[input\/invalid\]|does nothing in operation/);
    }
  }
  expect(followed).toBeGreaterThan(30);
});

it('2.1: every tool answers through the server with only HF_TOKEN set, and none trips over itself', async () => {
  const world = await startAllResearch({ env: { HF_TOKEN: TEST_TOKENS.hub } });
  addJobs(world.services.hub, { token: TEST_TOKENS.hub, namespaces: ['me'] });
  // Those that start a machine have their own tests, with a Python to start.
  const named = tools.filter(
    ({ name }) => !['start_new_notebook', 'sandbox_create'].includes(name),
  );
  for (const { name } of named) {
    const { text } = await ask(world, name, {});
    expect(text, name).not.toMatch(/^\[internal|TypeError|undefined is not|Cannot read/);
    expect(text, name).not.toBe('');
    expect(text, name).not.toContain(TEST_TOKENS.hub);
  }
}, 120_000);
