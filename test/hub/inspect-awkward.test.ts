/** hf_inspect_dataset through MCP on datasets that are not as one wishes: the answer is right, and so is its next step. */
import { describe, expect, it } from 'vitest';
import { addDataset, viewerError, type FakeDataset } from '../fakes/hub/fake-dataset.ts';
import type { FakeAnswer } from '../fakes/hub/fake-service.ts';
import { TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

const text = { dtype: 'string', _type: 'Value' };
const turns = [{ role: text, content: text }];
const chat = (answer: string) => [
  { role: 'user', content: 'q' },
  { role: 'assistant', content: answer },
];
const NO_VIEWER = viewerError(501, 'NotSupportedDisabledViewerError');

interface Seen extends ResearchWorld {
  readonly answer: string;
}

async function inspect(
  dataset: Partial<FakeDataset>,
  args: Record<string, unknown> = {},
): Promise<Seen> {
  const world = await startResearch();
  addDataset(world.services, { id: 'org/data', features: {}, rows: [], ...dataset });
  const answer = await call(world.client, 'hf_inspect_dataset', { dataset: 'org/data', ...args });
  expect(answer.text.length).toBeLessThanOrEqual(10_000);
  return { ...world, answer: answer.text };
}

it('follows a dataset to its new name, also in the viewer', async () => {
  const { answer, services } = await inspect(
    { id: 'owner/data', oldName: 'data', features: { text }, rows: [{ text: 'hello' }] },
    { dataset: 'data' },
  );
  expect(answer).toMatch(/^# owner\/data\n/);
  expect(answer).toContain('- data is called owner/data now.');
  expect(answer).toContain('text: "hello"');
  expect(answer).not.toContain('not available');
  expect(services.viewer.requests.at(-1)?.query.get('dataset')).toBe('owner/data');
});

describe('rows', () => {
  const rows = [{ text: 'a' }, { text: 'b' }];

  it('that are all shown lead on to code, not to rows that do not exist', async () => {
    const { answer } = await inspect({ features: { text }, rows });
    expect(answer).toContain('default / train · 2 rows');
    expect(answer.split('\n').at(-1)).toBe(
      'Next: a working example for it: github_find_examples(repo="trl", keyword="sft").',
    );
    const one = await inspect({ features: { text }, rows }, { sample_rows: 1 });
    expect(one.answer).toMatch(/Next: more rows: .*split="train", offset=1\)\.$/);
  });

  it('beyond the end are refused with the count', async () => {
    const world = await startResearch();
    addDataset(world.services, { id: 'org/data', features: { text }, rows });
    const args = { dataset: 'org/data', offset: 50 };
    expect(await callError(world.client, 'hf_inspect_dataset', args)).toMatch(
      /^\[input\/invalid\] offset=50 is beyond the end: there are 2 rows\.\nNext: offset goes from 0 to 1\./,
    );
  });

  it('that a split does not have are not looked for elsewhere', async () => {
    const { answer } = await inspect({ features: { messages: turns }, rows: [] });
    expect(answer).toContain('- This split has no rows.');
    expect(answer).toContain('By its type alone: no row shows messages.');
    expect(answer).not.toContain('Rows could not be read');
  });

  it('that are empty or alike are told of', async () => {
    const pairs = [
      { prompt: 'p', chosen: 'a', rejected: 'a' },
      { prompt: '', chosen: 'a', rejected: 'b' },
    ];
    const { answer } = await inspect({
      features: { prompt: text, chosen: text, rejected: text },
      rows: pairs,
    });
    expect(answer).toContain('- chosen and rejected are the same in 1 of 2 sampled rows.');
    expect(answer).toContain('- prompt is empty in 1 of 2 sampled rows.');
  });
});

describe('columns', () => {
  it('with media say what the verdicts are not about, and keep signed addresses out', async () => {
    const src = 'https://cdn.test/a.jpg?Signature=secret';
    const { answer } = await inspect({
      features: { image: { _type: 'Image' }, text },
      rows: [{ image: { src, height: 2, width: 3 }, text: 'a cat' }],
    });
    expect(answer).toContain('- SFT: ready. text is a string');
    expect(answer).toContain('- image (Image): the verdicts are about the texts;');
    expect(answer).not.toContain('Signature');
    const parts = [{ type: text, text, image: { _type: 'Image' } }];
    const inside = await inspect({
      features: { messages: [{ role: text, content: parts }] },
      rows: [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] }],
    });
    expect(inside.answer).toContain('- messages (Image): the verdicts');
  });

  it('with conversations in lists by field get their mapping, and are looked at', async () => {
    const { answer } = await inspect({
      features: { messages: { _type: 'Sequence', feature: turns[0] } },
      rows: [{ messages: { role: ['user', 'assistant'], content: ['q', 'a'] } }],
    });
    expect(answer).toContain(
      '- SFT: needs mapping. messages is lists by field, {role, content} instead of a list of {role, content}.\n  mapping: messages = [{"role": r,',
    );
    expect(answer).toContain('1 conversations looked at, 2 to 2 messages each');
    expect(answer).toMatch(/\nNext: map the columns for SFT as said above\.$/);
  });

  it('show the conversations that answers are in, and do not miss an answer to a prompt', async () => {
    const row = {
      prompt: [{ role: 'user', content: 'q' }],
      chosen: chat('a'),
      messages: chat('a'),
    };
    const { answer } = await inspect({
      features: { prompt: turns, chosen: turns, messages: turns },
      rows: [row],
    });
    expect(answer).toContain('## Messages in messages');
    const prompts = await inspect({ features: { prompt: turns }, rows: [row] });
    expect(prompts.answer).toContain('## Messages in prompt');
    expect(prompts.answer).not.toContain('no answer of the assistant');
  });

  it('by the hundred keep the answer short, and the warnings too', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `column_${index}`);
    const { answer } = await inspect({
      features: Object.fromEntries(names.map((name) => [name, text])),
      rows: [Object.fromEntries(names.map((name) => [name, 'v'.repeat(5000)]))],
      statistics: names.map((column_name) => ({
        column_name,
        column_type: 'string_text',
        column_statistics: { nan_proportion: 0.5 },
      })),
    });
    expect(answer).toContain('- and 285 more of that kind; column="NAME" shows one column');
  });
});

describe('without a viewer', () => {
  it('names the files by folder, and the script that nobody runs any more', async () => {
    const { answer } = await inspect({
      viewer: viewerError(501, 'DatasetWithScriptNotSupportedError'),
      files: { 'README.md': '', 'data.py': 'x', 'raw/a.bin': 'x', 'raw/b.bin': 'x' },
    });
    expect(answer).toContain('## Files\n- README.md, data.py\n- raw/ 2\n');
    expect(answer).toMatch(/made by the script data\.py, which current versions of datasets/);
    expect(answer).toContain('hf_repo_files(operation="list", repo_id="org/data"');
  });

  it.each([
    ['a list', '[{"text": "a, [b] \\"c\\""}, {"text": "d"}]'],
    ['a list over many lines', '[\n  {\n    "text": "a, [b] \\"c\\""\n  },\n  {"text": "d"}\n]\n'],
    [
      'an object with a list',
      '{"version": 1, "data": [{"text": "a, [b] \\"c\\""}, {"text": "d"}]}',
    ],
    ['lines', '{"text": "a, [b] \\"c\\""}\n{"text": "d"}\n'],
  ])('reads JSON that is %s', async (_, content) => {
    const { answer } = await inspect({ viewer: NO_VIEWER, files: { 'train.json': content } });
    expect(answer).toContain(String.raw`text: "a, [b] \"c\""`);
    expect(answer).toContain('row 1\n  text: "d"');
    expect(answer).toContain('- SFT: ready.');
  });

  it('reads a long list up to where it was cut', async () => {
    const rows = Array.from({ length: 5000 }, (_, at) => ({ text: `${at} ${'x'.repeat(100)}` }));
    const { answer } = await inspect({
      viewer: NO_VIEWER,
      files: { 'train.json': JSON.stringify(rows) },
    });
    expect(answer).toContain('row 0\n  text: "0 xxx');
    expect(answer).toContain('Only the beginning of the file was read');
  });

  it('drops no split or config that was asked for', async () => {
    const files = {
      'en/train.jsonl': '{"text": "wrong"}\n',
      'de/test.jsonl': '{"text": "right"}\n',
    };
    const { answer } = await inspect({ viewer: NO_VIEWER, files }, { config: 'de', split: 'test' });
    expect(answer).toContain('## Sample rows (from de/test.jsonl)');
    const other = await inspect({ viewer: NO_VIEWER, files }, { split: 'validation' });
    expect(other.answer).toMatch(/No file is named after the split validation; the rows are those/);
  });

  it('says who failed', async () => {
    const { answer, services } = await inspect({ viewer: viewerError(500, 'UnexpectedError') });
    expect(answer).toContain('The dataset viewer failed at the dataset org/data.');
    expect(answer).not.toContain('The Hub failed');
    expect(services.viewer.requests).toHaveLength(3);
  });
});

it('14.6: gated, private, missing, disabled and not-ready viewers give five different messages', async () => {
  const answerTo = async (
    viewer: FakeAnswer,
    hub: Readonly<Record<string, unknown>> = {},
    isThere = true,
    env: Record<string, string> = {},
  ): Promise<string> => {
    const world = await startResearch({ env });
    addDataset(world.services, { id: 'org/data', features: {}, rows: [], viewer, hub });
    const gone = { status: 404, headers: { 'x-error-code': 'RepoNotFound' }, json: { error: 'x' } };
    if (!isThere) world.services.hub.on('GET', /\/api\/datasets\/.*/, () => gone);
    const found = await world.client.callTool({
      name: 'hf_inspect_dataset',
      arguments: { dataset: 'org/data' },
    });
    return found.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
  };
  const locked = viewerError(401, 'ExternalUnauthenticatedError');
  const found = {
    gated: await answerTo(locked, { gated: 'manual' }),
    private: await answerTo(
      viewerError(501, 'NotSupportedPrivateRepositoryError'),
      { private: true },
      true,
      TOKEN_ENV,
    ),
    missing: await answerTo(locked, {}, false),
    disabled: await answerTo(NO_VIEWER),
    notReady: await answerTo(viewerError(500, 'ResponseNotReady')),
  };
  expect(found.gated).toMatch(/^\[remote\/gated\].*gated: manual.*No token was sent/);
  expect(found.private).toMatch(/\nprivate · [\s\S]*NotSupportedPrivateRepositoryError/);
  expect(found.missing).toMatch(/^\[remote\/not-found\] There is no public dataset org\/data/);
  expect(found.disabled).toMatch(/not available here \(NotSupportedDisabledViewerError/);
  expect(found.notReady).toMatch(/not ready yet[\s\S]*Next: ask again in a minute/);
  expect(new Set(Object.values(found)).size).toBe(5);
});
