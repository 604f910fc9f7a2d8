/** Verdicts for the formats in which datasets really come. */
import { describe, expect, it } from 'vitest';
import type { Row } from './chat-messages.ts';
import { parseFeatureType } from './feature-types.ts';
import { judge, type Method, type Verdict } from './verdict.ts';

const text = { dtype: 'string', _type: 'Value' };
const turns = [{ role: text, content: text }];
const turn = (role: string, content = 'x'): Row => ({ role, content });

function verdicts(
  features: Readonly<Record<string, unknown>>,
  rows: readonly Row[] = [],
): Readonly<Record<string, Verdict>> {
  const types = new Map(
    Object.entries(features).map(([name, raw]) => [name, parseFeatureType(raw)]),
  );
  return Object.fromEntries(judge({ types, rows }).map((verdict) => [verdict.method, verdict]));
}

type Expected = Partial<Record<Method, Verdict['fit']>>;
const cases: readonly (readonly [
  name: string,
  features: Readonly<Record<string, unknown>>,
  expected: Expected,
  mapping?: readonly [Method, string],
])[] = [
  ['ultrachat', { prompt: text, messages: turns }, { SFT: 'ready', DPO: 'no', GRPO: 'ready' }],
  ['messages as List', { messages: { _type: 'List', feature: turns[0] } }, { SFT: 'ready' }],
  [
    'messages as LargeList with parts and tools',
    {
      messages: {
        _type: 'LargeList',
        feature: {
          role: text,
          content: [{ type: text, text }],
          tool_calls: { _type: 'Json' },
        },
      },
    },
    { SFT: 'ready' },
  ],
  [
    'messages as Sequence',
    { messages: { _type: 'Sequence', feature: turns[0] } },
    { SFT: 'needs mapping', GRPO: 'needs mapping' },
    [
      'SFT',
      'messages = [{"role": r, "content": c} for r, c in zip(row["messages"]["role"], row["messages"]["content"])]',
    ],
  ],
  [
    'messages as a struct of lists',
    { messages: { role: [text], content: [text] } },
    { SFT: 'needs mapping' },
    ['SFT', 'zip(row["messages"]["role"], row["messages"]["content"])'],
  ],
  [
    'ShareGPT as lists by field',
    { conversations: { _type: 'Sequence', feature: { from: text, value: text } } },
    { SFT: 'needs mapping', GRPO: 'needs mapping' },
    ['SFT', 'for r, c in zip(row["conversations"]["from"], row["conversations"]["value"])'],
  ],
  [
    'messages inside of a struct',
    { id: text, data: { messages: turns, meta: text } },
    { SFT: 'needs mapping', GRPO: 'needs mapping', DPO: 'no' },
    ['SFT', 'messages = row["data"]["messages"]'],
  ],
  [
    'several conversations in a row',
    { dialogs: [[{ from: text, value: text }]] },
    { SFT: 'needs mapping', GRPO: 'needs mapping' },
    [
      'SFT',
      'one row for each item of row["dialogs"]: messages = [{"role": {"human": "user", "gpt": "assistant"}.get(m["from"], m["from"]), "content": m["value"]} for m in item]',
    ],
  ],
  [
    'one message on each side, after a conversation',
    {
      conversations: [{ from: text, value: text }],
      chosen: { from: text, value: text },
      rejected: { from: text, value: text },
    },
    { SFT: 'needs mapping', DPO: 'needs mapping', 'reward model': 'needs mapping' },
    ['DPO', 'prompt = [{"role": {"human": "user", "gpt": "assistant"}.get(m["from"], m["from"])'],
  ],
  [
    'messages without roles',
    { messages: [{ content: text, speaker: text }] },
    { SFT: 'no', GRPO: 'no' },
  ],
  ['preferences in lists of texts', { chosen: [text], rejected: [text] }, { DPO: 'no', KTO: 'no' }],
  [
    'tokens',
    {
      input_ids: [{ dtype: 'int32', _type: 'Value' }],
      labels: [{ dtype: 'int64', _type: 'Value' }],
    },
    { SFT: 'no', DPO: 'no', GRPO: 'no' },
  ],
  ['plain text', { text }, { SFT: 'ready', DPO: 'no', GRPO: 'no', KTO: 'no' }],
  ['text of another dtype', { text: { dtype: 'large_string', _type: 'Value' } }, { SFT: 'ready' }],
  ['prompt and completion', { prompt: text, completion: text }, { SFT: 'ready', KTO: 'no' }],
  [
    'prompt and completion as messages',
    { prompt: turns, completion: turns },
    { SFT: 'ready', GRPO: 'ready' },
  ],
  [
    'prompt and completion of two forms',
    { prompt: text, completion: turns },
    { SFT: 'needs mapping' },
  ],
  [
    'ShareGPT',
    { id: text, conversations: [{ from: text, value: text }] },
    { SFT: 'needs mapping', DPO: 'no', GRPO: 'needs mapping' },
    ['SFT', 'for m in row["conversations"]'],
  ],
  [
    'a chat under another name',
    { conversation: turns, model: text },
    { SFT: 'needs mapping', GRPO: 'needs mapping' },
    ['SFT', 'rename_column("conversation", "messages")'],
  ],
  [
    'Alpaca',
    { instruction: text, input: text, output: text },
    { SFT: 'needs mapping', GRPO: 'needs mapping' },
    ['SFT', 'prompt = row["instruction"] + ("\\n\\n" + row["input"]'],
  ],
  [
    'GSM8K',
    { question: text, answer: text },
    { SFT: 'needs mapping', GRPO: 'needs mapping' },
    ['GRPO', 'rename_column("question", "prompt")'],
  ],
  [
    'Dolly',
    { instruction: text, context: text, response: text, category: text },
    { SFT: 'needs mapping' },
    ['SFT', 'row["context"]'],
  ],
  [
    'an article',
    { article: text, label: { _type: 'ClassLabel', names: ['a', 'b'] } },
    { SFT: 'needs mapping' },
  ],
  [
    'hh-rlhf',
    { chosen: text, rejected: text },
    { DPO: 'ready', 'reward model': 'ready', SFT: 'needs mapping', KTO: 'needs mapping' },
  ],
  [
    'preferences with a prompt',
    { prompt: text, chosen: text, rejected: text },
    { DPO: 'ready', 'reward model': 'ready', GRPO: 'ready', KTO: 'needs mapping' },
  ],
  [
    'conversational preferences',
    { prompt: turns, chosen: turns, rejected: turns },
    { DPO: 'ready', 'reward model': 'ready' },
  ],
  [
    'UltraFeedback binarized',
    {
      prompt: text,
      chosen: turns,
      rejected: turns,
      score_chosen: { dtype: 'float64', _type: 'Value' },
    },
    { DPO: 'needs mapping', 'reward model': 'ready' },
    ['DPO', 'remove_columns("prompt")'],
  ],
  [
    'Orca pairs',
    { system: text, question: text, chosen: text, rejected: text },
    { DPO: 'needs mapping' },
    ['DPO', 'rename_column("question", "prompt")'],
  ],
  [
    'pairs under other names',
    { query: text, preferred: text, dispreferred: text },
    { DPO: 'needs mapping', 'reward model': 'needs mapping' },
    ['DPO', '"preferred": "chosen", "dispreferred": "rejected", "query": "prompt"'],
  ],
  ['two forms of answers', { chosen: text, rejected: turns }, { DPO: 'no' }],
  [
    'KTO',
    { prompt: text, completion: text, label: { dtype: 'bool', _type: 'Value' } },
    { KTO: 'ready', SFT: 'ready' },
  ],
  [
    'KTO with a number',
    { prompt: text, completion: text, label: { dtype: 'int64', _type: 'Value' } },
    { KTO: 'needs mapping' },
  ],
  [
    'mathematics with answers',
    { problem: text, solution: text, answer: text },
    { GRPO: 'needs mapping', SFT: 'needs mapping' },
    ['GRPO', 'rename_column("problem", "prompt")'],
  ],
  [
    'images with labels',
    { image: { _type: 'Image' }, label: { _type: 'ClassLabel', names: ['cat'] } },
    { SFT: 'no', DPO: 'no', GRPO: 'no', KTO: 'no', 'reward model': 'no' },
  ],
  ['nothing known', { x: { _type: 'Newer', a: 1 } }, { SFT: 'no', GRPO: 'no' }],
];

describe('judges', () => {
  it.each(
    cases.map(([name, features, expected, mapping]) => ({ name, features, expected, mapping })),
  )('$name', ({ features, expected, mapping }) => {
    const found = verdicts(features);
    const fits = Object.fromEntries(
      Object.keys(expected).map((method) => [method, found[method]?.fit]),
    );
    expect(fits).toEqual(expected);
    for (const { fit, mapping: how } of Object.values(found)) {
      expect(how !== undefined, `${fit} and a mapping`).toBe(fit.startsWith('needs'));
    }
    if (mapping !== undefined) expect(found[mapping[0]]?.mapping).toContain(mapping[1]);
  });
});

describe('looks at the rows', () => {
  it('names candidates for a reward', () => {
    const found = verdicts({
      prompt: text,
      ground_truth: text,
      reward_model: turns[0],
      source: text,
    });
    expect(found['GRPO']?.reason).toContain('candidates for a reward: ground_truth, reward_model');
  });

  it('sees messages that are JSON in a text', () => {
    const rows = [{ messages: JSON.stringify([turn('user'), turn('assistant')]) }];
    expect(verdicts({ messages: text }, rows)['SFT']).toMatchObject({
      fit: 'needs parsing',
      mapping: 'messages = json.loads(row["messages"])',
    });
    const share = [{ dialog: JSON.stringify([{ from: 'human', value: 'x' }]) }];
    expect(verdicts({ dialog: text }, share)['SFT']?.mapping).toContain(
      'json.loads(row["dialog"])',
    );
    expect(verdicts({ dialog: text }, [{ dialog: '[1, 2]' }])['SFT']?.fit).toBe('no');
    expect(verdicts({ dialog: text }, [{ dialog: '[broken' }])['SFT']?.fit).toBe('no');
  });

  it('believes rows more than types', () => {
    const empty = verdicts({ messages: turns }, [{ messages: [] }, { messages: null }]);
    expect(empty['SFT']).toMatchObject({ fit: 'no' });
    expect(empty['SFT']?.reason).toContain('messages is empty in all sampled rows');
    const blank = verdicts({ prompt: text, chosen: text, rejected: text }, [
      { prompt: 'p', chosen: 'c', rejected: ' ' },
    ]);
    expect(blank['DPO']?.fit).toBe('no');
  });

  it('wants roles that chat templates know', () => {
    const rows = [{ messages: [turn('human'), turn('gpt')] }];
    const found = verdicts({ messages: turns }, rows)['SFT'];
    expect(found?.fit).toBe('needs mapping');
    expect(found?.reason).toContain('human, gpt');
    const tools = [{ messages: [turn('system'), turn('user'), turn('assistant'), turn('tool')] }];
    expect(verdicts({ messages: turns }, tools)['SFT']?.fit).toBe('ready');
  });

  it('says what is wrong with a column of the right name', () => {
    expect(verdicts({ messages: [{ content: text, speaker: text }] })['SFT']?.reason).toContain(
      'But messages is list<{content: string, speaker: string}>.',
    );
    expect(verdicts({ chosen: [text], rejected: [text] })['DPO']?.reason).toContain(
      'But chosen is list<string>, rejected is list<string>.',
    );
    expect(verdicts({ input_ids: [{ dtype: 'int32' }] })['SFT']?.reason).toContain('are tokens');
  });

  it('does not call ready what no row has shown', () => {
    const unseen = verdicts({ messages: turns })['SFT'];
    expect(unseen?.reason).toContain('By its type alone: no row shows messages.');
    const missing = [{ messages: [{ content: 'x' }, turn('assistant')] }];
    expect(verdicts({ messages: turns }, missing)['SFT']).toMatchObject({ fit: 'needs mapping' });
    expect(verdicts({ messages: turns }, missing)['SFT']?.reason).toContain('none at all');
  });

  it('sees whether the answers of pairs hold the prompt once more', () => {
    const plain = { prompt: text, chosen: text, rejected: text };
    const twice = [{ prompt: 'Q: a', chosen: 'Q: a\nb', rejected: 'Q: a\nc' }];
    expect(verdicts(plain, twice)['DPO']).toMatchObject({
      fit: 'needs mapping',
      mapping:
        'chosen = row["chosen"][len(row["prompt"]):]; rejected = row["rejected"][len(row["prompt"]):]',
    });
    const once = [...twice, { prompt: 'Q: a', chosen: 'b', rejected: 'c' }];
    expect(verdicts(plain, once)['DPO']?.fit).toBe('ready');
    const chats = { prompt: text, chosen: turns, rejected: turns };
    const chat = (...words: readonly string[]): readonly Row[] =>
      words.map((word, at) => turn(at % 2 === 0 ? 'user' : 'assistant', word));
    const whole = [{ prompt: 'q', chosen: chat('q', 'a'), rejected: chat('q', 'b') }];
    expect(verdicts(chats, whole)['DPO']).toMatchObject({
      mapping: 'remove_columns("prompt")',
      reason:
        'prompt is a text; chosen and rejected are conversations that begin with it in every sampled row that could be compared (1).',
    });
    const answers = [
      { prompt: 'q', chosen: [turn('assistant', 'a')], rejected: [turn('assistant', 'b')] },
    ];
    expect(verdicts(chats, answers)['DPO']?.mapping).toBe(
      'prompt = [{"role": "user", "content": row["prompt"]}]',
    );
  });

  it('sees preferences that are JSON in a text', () => {
    const json = JSON.stringify([turn('user'), turn('assistant')]);
    const found = verdicts({ chosen: text, rejected: text }, [{ chosen: json, rejected: json }]);
    expect(found['DPO']?.fit).toBe('needs parsing');
    expect(found['reward model']?.mapping).toContain('json.loads(row["rejected"])');
  });

  it('5: tells the balance of the label for KTO, of the whole split where it is known', () => {
    const features = { prompt: text, completion: text, label: { dtype: 'bool', _type: 'Value' } };
    const rows = [true, true, false].map((label) => ({ prompt: 'p', completion: 'c', label }));
    expect(verdicts(features, rows)['KTO']?.reason).toContain(
      'Balance of label in 3 sampled rows: true 2, false 1.',
    );
    const types = new Map(
      Object.entries(features).map(([name, raw]) => [name, parseFeatureType(raw)]),
    );
    const frequencies = new Map([['label', [['True', 9000] as const, ['False', 10] as const]]]);
    const kto = judge({ types, rows, frequencies }).find(({ method }) => method === 'KTO');
    expect(kto?.reason).toContain('Balance of label: True 9,000, False 10.');
  });
});
