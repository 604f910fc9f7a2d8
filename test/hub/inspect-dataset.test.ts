/** hf_inspect_dataset through MCP against the fake Hub and the fake viewer. */
import { describe, expect, it } from 'vitest';
import { addDataset, parquetOf, viewerError, type FakeDataset } from '../fakes/hub/fake-dataset.ts';
import { TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

const text = { dtype: 'string', _type: 'Value' };
const chatRows = Array.from({ length: 20 }, (_, index) => ({
  prompt: `question ${index}`,
  messages: [
    { role: 'user', content: `question ${index}` },
    { role: 'assistant', content: `answer ${index} ${'x'.repeat(400)}` },
  ],
}));
const CHAT: FakeDataset = {
  id: 'org/chat',
  features: { prompt: text, messages: [{ role: text, content: text }] },
  rows: chatRows,
  statistics: [
    {
      column_name: 'prompt',
      column_type: 'string_text',
      column_statistics: {
        nan_count: 5,
        nan_proportion: 0.25,
        min: 10,
        max: 90_000,
        mean: 20.5,
        median: 11,
        std: 3,
      },
    },
    {
      column_name: 'messages',
      column_type: 'list',
      column_statistics: {
        nan_count: 0,
        nan_proportion: 0,
        min: 2,
        max: 2,
        median: 2,
        mean: 2,
        std: 0,
      },
    },
  ],
};

const tool = 'hf_inspect_dataset';

async function worldWith(
  dataset: FakeDataset,
  env: Record<string, string> = {},
): Promise<ResearchWorld> {
  const world = await startResearch({ env });
  addDataset(world.services, dataset);
  return world;
}

it('shows a list-feature dataset with its full schema and verdicts, without a token', async () => {
  const { client, services } = await worldWith(CHAT);
  const { text: answer, meta } = await call(client, tool, { dataset: 'org/chat' });
  expect(answer).toContain(
    `# org/chat\n${services.hub.url}/datasets/org/chat\npublic · not gated · license mit`,
  );
  expect(answer).toContain('- SFT: ready. messages is a list of {role, content}.');
  expect(answer).toContain('- GRPO: ready. prompt is there (plain)');
  expect(answer).toContain('default / train · 20 rows · 0.1 MB');
  expect(answer).toContain('- prompt: string · null 25 %, characters: median 11, max 90,000');
  expect(answer).toContain('- messages: list<{role: string, content: string}> · null 0 %');
  expect(answer).toContain('row 0\n  prompt: "question 0"');
  expect(answer).not.toContain('row 3\n');
  expect(answer).toContain(
    '20 conversations looked at, 2 to 2 messages each; roles: user 20, assistant 20',
  );
  expect(answer).toContain('prompt: 25 % of the values are missing.');
  expect(answer).toContain('the longest has 90,000');
  expect(answer).toMatch(/\nNext: more rows: hf_inspect_dataset\(.*offset=3\)\.$/);
  expect(answer.length).toBeLessThanOrEqual(10_000);
  expect(meta).toMatchObject({ fit: { SFT: 'ready', DPO: 'no' } });
  expect(services.all().filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
});

it('takes the address of the page, and wide input', async () => {
  const { client } = await worldWith(CHAT);
  const answer = await call(client, tool, {
    dataset: 'https://huggingface.co/datasets/org/chat/viewer',
    sample_rows: '50',
    offset: ' 5 ',
  });
  expect(answer.text).toContain('row 5\n');
  expect(answer.text).toContain('row 14\n');
  expect(answer.text).not.toContain('row 15\n');
  expect(answer.text).toContain('sample_rows=50 is out of range: 10 was used.');
});

it('shows one column in full, and says which there are', async () => {
  const { client } = await worldWith(CHAT);
  const { text: answer } = await call(client, tool, { dataset: 'org/chat', column: 'prompt' });
  expect(answer).toContain('type: string');
  expect(answer).toContain('numbers are lengths in characters');
  expect(answer).toContain('min 10, max 90000, mean 20.5, median 11, std 3');
  const wrong = await callError(client, tool, { dataset: 'org/chat', column: 'promt' });
  expect(wrong).toContain('Did you mean "prompt"?');
});

it('chooses config and split, and lists them for an unknown one', async () => {
  const { client, services } = await worldWith({
    ...CHAT,
    parts: [
      ['en', 'validation'],
      ['en', 'test'],
      ['de', 'train'],
    ],
  });
  const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
  expect(answer).toContain('of en / validation:');
  const asked = services.viewer.requests.find(({ path }) => path === '/first-rows');
  expect(asked?.query.get('split')).toBe('validation');
  const config = await callError(client, tool, { dataset: 'org/chat', config: 'fr' });
  expect(config).toContain('[input/invalid] org/chat has no config "fr".');
  expect(config).toContain('en / validation, en / test, de / train');
  const split = await callError(client, tool, { dataset: 'org/chat', config: 'de', split: 'tran' });
  expect(split).toContain('Did you mean "train"?');
});

it('marks cells that the viewer shortened, and does not judge by them', async () => {
  const cut = '[{"role": "user", "cont';
  const { client, services } = await worldWith({ ...CHAT, truncatedCells: { messages: cut } });
  services.viewer.fail(/\/rows/, viewerError(500, 'TooBigContentError'));
  const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
  expect(answer).toContain('[shortened by the viewer]');
  expect(answer).toContain(
    '- SFT: ready. messages is a list of {role, content}. By its type alone',
  );
});

it('gets conversations whole that the viewer shortened, to judge all of their messages', async () => {
  const { client, services } = await worldWith({
    ...CHAT,
    rows: [{ prompt: 'p', messages: [{ role: 'human', content: 'x'.repeat(9000) }] }],
    truncatedCells: { messages: '[{"role": "hum' },
  });
  const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
  expect(answer).toContain('roles are not those of chat templates: human');
  expect(answer).toContain('roles: human 1');
  expect(answer).not.toContain('[shortened by the viewer]');
  const again = services.viewer.requests.find(({ path }) => path === '/rows');
  expect(again?.query.get('length')).toBe('20');
});

it('sends the token to the Hub and the viewer alone', async () => {
  const { client, services } = await worldWith(
    {
      ...CHAT,
      files: { 'data/train.parquet': parquetOf(['a']) },
      viewer: viewerError(501, 'NotSupportedPrivateRepositoryError'),
      hub: { private: true },
    },
    TOKEN_ENV,
  );
  const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
  expect(answer).toContain('private');
  const carried = services.all().filter(({ headers }) => headers.authorization !== undefined);
  expect(new Set(carried.map(({ service }) => service))).toEqual(new Set(['hub', 'viewer']));
  expect(services.mirror.requests.length).toBeGreaterThan(0);
});

describe('when the viewer has nothing', () => {
  it('reads Parquet by ranges, with the types that the file tells', async () => {
    const told = {
      info: {
        features: {
          text: { dtype: 'string', _type: 'Value' },
          score: { dtype: 'float64', _type: 'Value' },
        },
      },
    };
    const { client, services } = await worldWith({
      ...CHAT,
      files: {
        'README.md': '',
        'data/test-00000.parquet': parquetOf(['t']),
        'data/train-00000.parquet': parquetOf(['hello', 'world'], {
          key: 'huggingface',
          value: JSON.stringify(told),
        }),
      },
      viewer: viewerError(
        501,
        'DatasetWithScriptNotSupportedError',
        'The dataset viewer does not run scripts.',
      ),
    });
    const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
    expect(answer).toContain(
      'The dataset viewer: not available here (DatasetWithScriptNotSupportedError',
    );
    expect(answer).toContain(
      '## Sample rows (from data/train-00000.parquet)\nrow 0\n  text: "hello"\n  score: 0\n',
    );
    expect(answer).toContain('- text: string');
    expect(answer).toContain('- SFT: ready. text is a string');
    expect(services.mirror.requests.every(({ headers }) => headers.range !== undefined)).toBe(true);
  });

  it('reads the beginning of JSON lines', async () => {
    const lines = chatRows.map((row) => JSON.stringify(row)).join('\n');
    const { client } = await worldWith({
      ...CHAT,
      files: { 'train.jsonl': lines },
      viewer: viewerError(501, 'NotSupportedDisabledViewerError'),
    });
    const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
    expect(answer).toContain('- SFT: ready. messages is a list');
    expect(answer).toContain('- messages: list<{role: string, content: string}>');
  });

  it('says what the card declares when no row can be read', async () => {
    const { client } = await worldWith({
      ...CHAT,
      files: { 'data.zip': 'x' },
      hub: {
        cardData: {
          license: 'apache-2.0',
          dataset_info: {
            config_name: 'default',
            features: [
              {
                name: 'messages',
                list: [
                  { name: 'role', dtype: 'string' },
                  { name: 'content', dtype: 'string' },
                ],
              },
              { name: 'label', dtype: { class_label: { names: { 0: 'neg', 1: 'pos' } } } },
            ],
            splits: [{ name: 'train', num_examples: 1234, num_bytes: 5_000_000 }],
          },
        },
      },
      viewer: viewerError(501, 'NotSupportedDisabledViewerError'),
    });
    const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
    expect(answer).toContain('license apache-2.0');
    expect(answer).toContain('- default / train · 1,234 rows · 5.0 MB');
    expect(answer).toContain('- label: class(neg, pos)');
    expect(answer).toContain('Rows could not be read');
    expect(answer).toContain('hf_repo_files(operation="list"');
  });

  it('asks to come back when it is not ready', async () => {
    const { client } = await worldWith({
      ...CHAT,
      viewer: viewerError(500, 'ResponseNotReady', 'The server is busier than usual.'),
    });
    const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
    expect(answer).toContain('not ready yet (ResponseNotReady');
    expect(answer).toMatch(/Next: ask again in a minute/);
  });

  it('keeps the rest when one of its answers is broken', async () => {
    const { client, services } = await worldWith(CHAT);
    services.viewer.fail(/\/statistics/, { text: '<html>' }, 9);
    services.viewer.fail(/\/parquet/, { status: 500, json: { error: 'boom' } }, 9);
    const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
    expect(answer).toContain('- SFT: ready.');
    expect(answer).toContain('Statistics: not available');
    expect(answer).toContain('boom');
  });

  it('goes on without it when it cannot be reached', async () => {
    const { client, services } = await worldWith({
      ...CHAT,
      files: { 'train.csv': 'text,label\n"a, ""b""",1\n' },
    });
    services.viewer.fail(
      /\/.*/,
      { status: 200, text: 'x', cutAfterBytes: 0, headers: { 'content-length': '9' } },
      99,
    );
    const { text: answer } = await call(client, tool, { dataset: 'org/chat' });
    expect(answer).toContain('The dataset viewer: not available');
    expect(answer).toContain(String.raw`text: "a, \"b\""`);
  });
});

describe('tells apart', () => {
  it('what is missing or private', async () => {
    const { client, services } = await startResearch();
    const gone = {
      status: 401,
      headers: { 'x-error-code': 'RepoNotFound' },
      json: { error: 'Repository not found' },
    };
    services.hub.on('GET', /\/api\/datasets\/.*/, () => gone);
    services.viewer.on('GET', /\/.*/, () => viewerError(401, 'ExternalUnauthenticatedError'));
    const error = await callError(client, tool, { dataset: 'org/nope' });
    expect(error).toContain('[remote/not-found]');
    expect(error).toContain('it may be private');
    expect(error).toContain('HF_TOKEN');
  });

  it('what is gated, with the page, and whether a token was there', async () => {
    const gated: FakeDataset = {
      ...CHAT,
      hub: { gated: 'manual' },
      viewer: viewerError(401, 'ExternalUnauthenticatedError'),
    };
    const without = await worldWith(gated);
    const none = await callError(without.client, tool, { dataset: 'org/chat' });
    expect(none).toContain('[remote/gated]');
    expect(none).toContain('No token was sent.');
    expect(none).toContain(`${without.services.hub.url}/datasets/org/chat`);
    const withToken = await worldWith(
      { ...gated, viewer: viewerError(404, 'ExternalAuthenticatedError') },
      TOKEN_ENV,
    );
    const sent = await callError(withToken.client, tool, { dataset: 'org/chat' });
    expect(sent).toContain('[remote/gated]');
    expect(sent).toContain('The token of HF_TOKEN was sent, and has no access.');
  });

  it('too many requests, and a Hub that fails', async () => {
    const { client, services } = await worldWith(CHAT);
    services.hub.fail(/\/api\/datasets\/.*/, { status: 429, headers: { 'retry-after': '100' } }, 9);
    expect(await callError(client, tool, { dataset: 'org/chat' })).toContain(
      '[remote/rate-limited]',
    );
    const other = await worldWith(CHAT);
    other.services.hub.fail(/\/api\/datasets\/.*/, { status: 503, text: 'down' }, 9);
    expect(await callError(other.client, tool, { dataset: 'org/chat' })).toContain(
      '[remote/failed]',
    );
  });

  it.each([
    ['https://evil.test/datasets/org/chat', 'is not the Hub'],
    ['https://huggingface.co@evil.test/datasets/org/chat', 'is not the Hub'],
    ['https://huggingface.co.evil.test/datasets/org/chat', 'is not the Hub'],
    ['../../etc', 'names no repository'],
    ['https://huggingface.co/org/model', 'is a model, not a dataset'],
    ['a/b/c', 'names no repository'],
  ])('%s, which is no dataset', async (dataset, expected) => {
    const { client, services } = await startResearch();
    const error = await callError(client, tool, { dataset });
    expect(error).toContain('[input/invalid]');
    expect(error).toContain(expected);
    expect(services.all()).toEqual([]);
  });
});

it('keeps within the budget whatever the dataset is like', async () => {
  const columns = Array.from({ length: 300 }, (_, index) => `column_${index}_${'n'.repeat(60)}`);
  const { client } = await worldWith(
    {
      ...CHAT,
      features: Object.fromEntries(columns.map((name) => [name, text])),
      rows: Array.from({ length: 30 }, () =>
        Object.fromEntries(columns.map((name) => [name, 'v'.repeat(5000)])),
      ),
      parts: Array.from({ length: 200 }, (_, index) => [`config_${index}`, 'train'] as const),
    },
    { GLOVEBOX_OUTPUT_CHARS: '4000' },
  );
  const { text: answer } = await call(client, tool, { dataset: 'org/chat', sample_rows: 10 });
  expect(answer.length).toBeLessThanOrEqual(4000);
  expect(answer).toContain('left out for length');
  expect(answer).toMatch(/\nNext: /);
});
