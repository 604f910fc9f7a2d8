import { describe, expect, it } from 'vitest';
import { rangeOf } from './field-range.ts';
import { summarizePlot } from './plots.ts';

const summary = (mime: string, value: unknown): string | undefined =>
  summarizePlot({ [mime]: value })?.text;
const packed = (bytes: Buffer, dtype: string): unknown => ({
  dtype,
  bdata: bytes.toString('base64'),
});

describe('ranges', () => {
  it.each([
    ['numbers', [3, 1, 2], { count: 3, range: '1..3' }],
    ['numbers with gaps', [null, 1.23456, 'nan'], { count: 3, range: '1.235' }],
    [
      'rows of numbers',
      [
        [1, 2],
        [3, 4],
      ],
      { count: 4, range: '1..4' },
    ],
    ['names', ['b', 'a', 'b'], { count: 3, range: 'b, a' }],
    ['many names', 'abcdefg'.split(''), { count: 7, range: 'a, b, c, d, ... (7 different)' }],
    ['dates', ['2024-03-01', '2023-01-01'], { count: 2, range: '2023-01-01..2024-03-01' }],
    ['nothing', [], { count: 0, range: '' }],
    ['bytes', packed(Buffer.of(255, 1), 'i1'), { count: 2, range: '-1..1' }],
    [
      'doubles',
      packed(Buffer.from(new Float64Array([0.5, -2]).buffer), 'f8'),
      { count: 2, range: '-2..0.5' },
    ],
    [
      'long integers',
      packed(Buffer.from(new BigInt64Array([7n, 9n]).buffer), '<i8'),
      { count: 2, range: '7..9' },
    ],
  ])('of %s', (_, value, range) => {
    expect(rangeOf(value)).toEqual(range);
  });
  it.each([
    ['a word', 'abc'],
    ['nothing', undefined],
    ['an unknown type', packed(Buffer.of(1), 'c16')],
  ])('of %s are not told', (_, value) => {
    expect(rangeOf(value)).toBeUndefined();
  });
});

describe('plotly', () => {
  it('tells at most four traces', () => {
    const data = Array.from({ length: 50 }, (_, i) => ({
      type: 'bar',
      name: `t${i}`,
      x: ['a', 'b'],
      y: [i, i + 1],
    }));
    expect(
      summary('application/vnd.plotly.v1+json', {
        data,
        layout: { title: { text: '<b>Sales</b>' } },
      }),
    ).toBe(
      [
        'plotly figure "Sales", 50 traces',
        '- bar "t0": 2 points, x a, b, y 0..1',
        '- bar "t1": 2 points, x a, b, y 1..2',
        '- bar "t2": 2 points, x a, b, y 2..3',
        '- bar "t3": 2 points, x a, b, y 3..4',
        '- ... 46 more traces',
      ].join('\n'),
    );
  });
  it('reads a heat map and a pie', () => {
    const data = [
      {
        type: 'heatmap',
        z: [
          [1, 2],
          [3, 4],
        ],
      },
      { type: 'pie', labels: ['a', 'b'], values: [1, 9] },
    ];
    expect(summary('application/vnd.plotly.v1+json', { data })).toContain(
      'heatmap: 4 points, z 1..4',
    );
    expect(summary('application/vnd.plotly.v1+json', { data })).toContain(
      'pie: 2 points, values 1..9, labels a, b',
    );
  });
});

describe('vega', () => {
  it('reads layers, data in place and data elsewhere', () => {
    const spec = {
      title: { text: ['Two', 'lines'] },
      data: { url: 'https://example.org/cars.json' },
      layer: [
        {
          mark: { type: 'line' },
          encoding: { x: { field: 'year', type: 'temporal' }, y: { aggregate: 'count' } },
        },
        {
          mark: 'rule',
          data: { name: 'limits', values: [{ v: 1 }, { v: 5 }] },
          encoding: { y: { field: 'v' } },
        },
      ],
    };
    expect(summary('application/vnd.vegalite.v5+json', spec)).toBe(
      [
        'vega-lite chart "Two lines"; data: table from https://example.org/cars.json, limits 2 rows',
        '- line: x = year temporal, y = count()',
        '- rule: y = v 1..5',
      ].join('\n'),
    );
  });
  it('reads the marks of Vega itself', () => {
    const spec = {
      $schema: 'https://vega.github.io/schema/vega/v5.json',
      data: [{ name: 'table', values: [1, 2, 3] }],
      marks: [{ type: 'rect' }, { type: 'text' }],
    };
    expect(summary('application/vnd.vega.v5+json', spec)).toBe(
      'vega chart; data: table 3 rows\n- rect\n- text',
    );
  });
});

it('a chart type with something else in it is no chart', () => {
  for (const value of [undefined, null, 'no json', {}, [], { data: 1 }]) {
    expect(summarizePlot({ 'application/vnd.plotly.v1+json': value })).toBeUndefined();
    expect(summarizePlot({ 'application/vnd.vegalite.v5+json': value })).toBeUndefined();
  }
  expect(summarizePlot({ 'text/html': 'Plotly.newPlot("a", [{"x": [1' })).toBeUndefined();
  expect(summarizePlot({ 'text/html': 'docs_json = {"a": {}};' })).toBeUndefined();
});

it('reads a chart out of a script past quotes and brackets in its strings', () => {
  const data = [{ type: 'bar', name: 'a "]} \\', y: [1, 2] }];
  const page = `<script>Plotly.newPlot("id-1", ${JSON.stringify(data)}, {"title": "T"}, {})</script>`;
  expect(summarizePlot({ 'text/html': page })?.text).toBe(
    'plotly figure "T", 1 trace\n- bar "a "]} \\": 2 points, y 1..2',
  );
});

it('O7: says it in a few hundred characters, whatever the chart', () => {
  const long = 'very long name '.repeat(50);
  const data = Array.from({ length: 30 }, () => ({
    name: long,
    x: [long, `${long}2`],
    y: [long],
    z: [long],
  }));
  const text = summary('application/vnd.plotly.v1+json', { data, layout: { title: long } });
  expect(text?.length).toBeLessThanOrEqual(603);
});
