/** The parts that a look at a dataset is made of: types, conversations, numbers, cards, tables, Parquet. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { parseCard } from './card.ts';
import { lookAtChats, messagesIn, messagesInText, SHAREGPT } from './chat-messages.ts';
import { parseFeatureType, renderFeatureType } from './feature-types.ts';
import { lookAtParquet } from './parquet.ts';
import { chooseFile, tableRows, typesOf } from './raw-rows.ts';
import { parseStatistics, redFlags, type SignalInput } from './signals.ts';

const text = { dtype: 'string', _type: 'Value' };

describe('types print as', () => {
  it.each([
    [text, 'string'],
    [{ dtype: 'int64', _type: 'Value' }, 'int64'],
    [{ dtype: 'string' }, 'string'],
    [[text], 'list<string>'],
    [{ _type: 'Sequence', feature: text, length: -1 }, 'list<string>'],
    [{ _type: 'List', feature: [text] }, 'list<list<string>>'],
    [{ _type: 'LargeList', feature: { a: text } }, 'list<{a: string}>'],
    [{ a: text, b: [{ dtype: 'int64', _type: 'Value' }] }, '{a: string, b: list<int64>}'],
    [{ _type: 'ClassLabel', names: ['neg', 'pos'] }, 'class(neg, pos)'],
    [{ _type: 'ClassLabel', names: { 0: 'a', 1: 'b' } }, 'class(a, b)'],
    [{ _type: 'ClassLabel', names: ['a', 'b', 'c', 'd', 'e', 'f'] }, 'class(6 names)'],
    [{ _type: 'Image' }, 'Image'],
    [{ _type: 'Audio', sampling_rate: 16_000 }, 'Audio'],
    [{ _type: 'Video' }, 'Video'],
    [{ _type: 'Array2D', shape: [2, 3], dtype: 'float32' }, 'Array2D(2×3, float32)'],
    [{ _type: 'Translation', languages: ['de', 'en'] }, 'Translation'],
    [null, 'null'],
    [[], '[]'],
    [[text, text], '[{"dtype":"string","_type":"Value"},{"dtype":"string","_type":"Value"}]'],
    [{ a: 7, b: text }, '{a: 7, b: string}'],
  ])('%j: %s', (raw, expected) => {
    expect(renderFeatureType(parseFeatureType(raw))).toBe(expected);
  });
});

describe('conversations', () => {
  it('come as lists, as lists by field, and as JSON', () => {
    const messages = [{ role: 'user', content: 'a' }];
    expect(messagesIn(messages)).toEqual(messages);
    expect(messagesIn({ role: ['user'], content: ['a'] })).toEqual(messages);
    expect(messagesIn({ role: ['user'], content: [] })).toBeUndefined();
    expect(messagesIn('text')).toBeUndefined();
    expect(messagesInText(JSON.stringify(messages))).toEqual(messages);
    expect(messagesInText('[1]')).toBeUndefined();
  });

  it('are looked at in all rows, and shown by a message that uses a tool', () => {
    const call = { role: 'assistant', content: '', tool_calls: [{ id: '1' }] };
    const look = lookAtChats('messages', [
      [
        { role: 'system', content: 's' },
        { role: 'user', content: 'u', name: null },
      ],
      [{ role: 'user', content: 'u' }, call, { role: 'tool', content: 't', tool_call_id: '1' }],
    ]);
    expect(look).toMatchObject({
      conversations: 2,
      toolFields: ['tool_calls', 'tool_call_id'],
      minMessages: 2,
      maxMessages: 3,
      endsElsewhere: 2,
      withoutAssistant: 1,
      withSystem: 1,
      example: call,
    });
    expect(look.roles[0]).toEqual(['user', 2]);
  });

  it('show the first answer, else the first that is not of the system', () => {
    const system = { role: 'system', content: 's' };
    const user = { role: 'user', content: 'u' };
    const answer = { role: 'assistant', content: 'a' };
    expect(lookAtChats('c', [[system, user, answer]]).example).toBe(answer);
    expect(lookAtChats('c', [[system, user]]).example).toBe(user);
    const gpt = { from: 'gpt', value: 'a' };
    expect(lookAtChats('c', [[{ from: 'human', value: 'q' }, gpt]], SHAREGPT).example).toBe(gpt);
  });
});

describe('red flags', () => {
  const flags = (part: Partial<SignalInput>): readonly string[] =>
    redFlags({
      statistics: new Map(),
      rowCount: 100,
      rows: [],
      cells: [],
      chat: undefined,
      ...part,
    });
  const column = (type: string, raw: unknown) => new Map([['c', parseStatistics(type, raw)]]);

  it.each([
    [
      'missing values',
      'string_text',
      { nan_proportion: 0.5 },
      'c: 50 % of the values are missing.',
    ],
    [
      'a constant number',
      'int',
      { min: 1, max: 1, nan_proportion: 0 },
      'the same value in every row',
    ],
    [
      'a constant label',
      'string_label',
      { n_unique: 1, frequencies: { a: 100 } },
      'the same value',
    ],
    ['only missing values', 'float', { nan_proportion: 1 }, 'the same value in every row'],
    [
      'imbalance',
      'class_label',
      { frequencies: { a: 1100, b: 100 } },
      'unbalanced, "a" is there 1,100 times and "b" 100 times (11 to 1)',
    ],
    [
      'a few long texts',
      'string_text',
      { min: 1, median: 100, max: 50_000 },
      'half of the values have at most 100 characters, the longest has 50,000',
    ],
    ['empty texts', 'string_text', { min: 0, median: 5, max: 9 }, 'some values are empty'],
  ])('%s', (_name, type, raw, expected) => {
    expect(flags({ statistics: column(type, raw) }).join('\n')).toContain(expected);
  });

  it.each([
    ['ten to one', 'class_label', { frequencies: { a: 1000, b: 100 } }],
    ['few missing values', 'string_text', { nan_proportion: 0.01, min: 1, median: 5, max: 9 }],
    ['nothing readable', 'newer', 'text'],
    ['long texts throughout', 'string_text', { min: 1, median: 30_000, max: 50_000 }],
  ])('none for %s', (_name, type, raw) => {
    expect(flags({ statistics: column(type, raw) })).toEqual([]);
  });

  it('duplicates among the sample, and conversations without an answer', () => {
    expect(flags({ rows: [{ a: 1 }, { a: 1 }, { a: 2 }] })).toEqual([
      '1 of the 3 sampled rows are exact duplicates of others.',
    ]);
    const chat = lookAtChats('m', [[{ role: 'user' }], [{ role: 'assistant' }], []]);
    expect(flags({ chat })).toEqual([
      'm: 2 of 3 sampled conversations have no answer of the assistant.',
      'm: some sampled conversations are empty.',
    ]);
  });

  it('a numeric null share of nothing is not shown as nothing', () => {
    expect(parseStatistics('int', { nan_proportion: Number.NaN }).nullShare).toBeUndefined();
  });
});

it('reads what a card declares, in its several spellings', () => {
  const card = parseCard({
    configs: [
      { config_name: 'en', data_files: [{ split: 'train', path: 'en/*' }] },
      { config_name: 'de', data_files: 'de.csv' },
    ],
    dataset_info: [
      {
        config_name: 'en',
        features: [
          { name: 'a', sequence: 'string' },
          { name: 'b', sequence: [{ name: 'x', dtype: 'int64' }] },
          { name: 'c', struct: [{ name: 'y', dtype: 'image' }] },
          { name: 'd', list: { dtype: 'string' } },
          { name: 'e', strange: 1 },
        ],
        splits: [{ name: 'train', num_examples: 7 }],
      },
    ],
  });
  expect(card.parts).toEqual([
    { config: 'en', split: 'train', rows: 7 },
    { config: 'de', split: 'train' },
  ]);
  const types = [...(card.types.get('en') ?? [])].map(
    ([name, type]) => `${name}: ${renderFeatureType(type)}`,
  );
  expect(types).toEqual([
    'a: list<string>',
    'b: list<{x: int64}>',
    'c: {y: Image}',
    'd: list<string>',
    'e: {"name":"e","strange":1}',
  ]);
  expect(parseCard({ dataset_info: 'nonsense', configs: 7 })).toEqual({
    parts: [],
    types: new Map(),
  });
});

it('reads tables with quotes, line ends in fields, and rows that are cut', () => {
  expect(tableRows('a,b\n"1, ""x""\ny",2\r\n3,4\n5', ',')).toEqual([
    { a: '1, "x"\ny', b: '2' },
    { a: '3', b: '4' },
  ]);
  expect(tableRows('a\tb\n1\t"open', '\t')).toEqual([]);
});

it('tells types from values', () => {
  const rows = [
    { a: null, n: 1, m: [{ role: 'user', content: null }] },
    { a: 'x', n: 1.5, m: [], b: true },
  ];
  const types = [...typesOf(rows)].map(([name, type]) => `${name}: ${renderFeatureType(type)}`);
  expect(types).toEqual([
    'a: string',
    'n: float64',
    'm: list<{role: string, content: null}>',
    'b: bool',
  ]);
});

it('chooses the file that tells most', () => {
  const files = ['a.zip', 'test.parquet', 'train.csv', 'train.jsonl', 'data/train-0.parquet'];
  expect(chooseFile(files, undefined)).toBe('data/train-0.parquet');
  expect(chooseFile(files, { config: 'default', split: 'test' })).toBe('test.parquet');
  const configs = ['de/train.csv', 'en/train.csv', 'en/test.csv'];
  expect(chooseFile(configs, { config: 'en', split: 'train' })).toBe('en/train.csv');
  expect(chooseFile(['README.md', 'dataset_infos.json'], undefined)).toBeUndefined();
});

describe('Parquet', () => {
  const write = (rowGroupSize?: number): Uint8Array =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          {
            name: 'id',
            data: Array.from({ length: 100 }, (_, index) => BigInt(index)),
            type: 'INT64',
          },
          {
            name: 'flag',
            data: Array.from({ length: 100 }, (_, index) => index % 2 === 0),
            type: 'BOOLEAN',
          },
          {
            name: 'text',
            data: Array.from({ length: 100 }, (_, index) => `row ${index}`),
            type: 'STRING',
          },
        ],
        ...(rowGroupSize !== undefined && { rowGroupSize }),
      }),
    );
  const reader =
    (bytes: Uint8Array, seen: number[] = []) =>
    async (start: number, end: number) => {
      seen.push(end - start);
      return { bytes: Buffer.from(bytes.subarray(start, end)), totalBytes: bytes.length };
    };

  it('gives schema, count and a window of rows, values as JSON has them', async () => {
    const look = await lookAtParquet(reader(write(10)), 42, 2);
    expect(look.rowCount).toBe(100);
    expect([...look.types].map(([name, type]) => `${name}: ${renderFeatureType(type)}`)).toEqual([
      'id: int64',
      'flag: bool',
      'text: string',
    ]);
    expect(look.rows).toEqual([
      { id: 42, flag: true, text: 'row 42' },
      { id: 43, flag: false, text: 'row 43' },
    ]);
  });

  it('refuses what is none', async () => {
    const bytes = new TextEncoder().encode('PAR1 and then nothing that a reader could use');
    await expect(lookAtParquet(reader(bytes), 0, 1)).rejects.toThrow('no readable Parquet file');
  });
});
