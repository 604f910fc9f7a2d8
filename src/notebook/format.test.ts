/** Notebook files: refused or read, and written again byte for byte but for what changed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import type { CellOutput } from './contract.ts';
import {
  chunksOf,
  newNotebook,
  parseNotebook,
  withKernel,
  withSandbox,
  withSaves,
  type NotebookDocument,
} from './format.ts';
import type { CellChanges } from './stored-cell.ts';

const parse = (text: string): NotebookDocument => parseNotebook(Buffer.from(text), 'a.ipynb');
const textOf = (document: NotebookDocument): string => Buffer.concat(chunksOf(document)).toString();
const change = (
  document: NotebookDocument,
  index: number,
  changes: CellChanges,
): NotebookDocument => ({
  ...document,
  cells: document.cells.map((cell, at) => (at === index ? cell.with(changes) : cell)),
});

const CODE =
  '{"cell_type":"code","execution_count":1,"id":"a","metadata":{},"outputs":[],"source":["1"]}';
const notebook = (cells: string, rest = '"metadata":{},"nbformat":4,"nbformat_minor":5'): string =>
  `{"cells":[${cells}],${rest}}`;

describe('a file that is refused', () => {
  it.each([
    ['an empty file', '', 'empty'],
    ['blanks', ' \n', 'empty'],
    ['no JSON', 'hello', 'expected an object'],
    ['a list', '[]', 'expected an object'],
    ['half a file', notebook(CODE).slice(0, 60), 'ends inside'],
    ['more behind the end', `${notebook('')} x`, 'more text'],
    ['JSON of something else', '{"a": 1}', 'no nbformat number'],
    ['no cells', '{"nbformat":4,"nbformat_minor":5,"metadata":{}}', 'no cells'],
    ['cells that are no list', '{"nbformat":4,"cells":{}}', 'expected a list'],
    ['a cell that is a number', notebook('1'), 'cell 0: a cell is no object'],
    [
      'a cell of an unknown type',
      notebook(`${CODE},{"cell_type":"heading","source":""}`),
      'cell 1: a cell has the type "heading"',
    ],
    ['a cell without source', notebook('{"cell_type":"raw"}'), 'cell 0: a cell has no source'],
    ['broken JSON in a cell', notebook('{"cell_type":"raw","source":"","x":tru}'), 'cell 0'],
    [
      'broken JSON elsewhere',
      notebook('', '"nbformat":4,"nbformat_minor":5,"metadata":{"a":nul}'),
      'JSON',
    ],
    [
      'broken JSON in an unknown member',
      notebook('', '"nbformat":4,"nbformat_minor":5,"x":[1,]'),
      'JSON',
    ],
  ])('is %s', (_, text, reason) => {
    expect(() => parse(text)).toThrowError(expect.objectContaining({ code: 'notebook/invalid' }));
    expect(() => parse(text)).toThrowError(reason);
  });

  it('is not UTF-8', () => {
    const bytes = Buffer.concat([
      Buffer.from('{"nbformat":4,"x":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    expect(() => parseNotebook(bytes, 'a.ipynb')).toThrowError('UTF-8');
  });

  it('D1: has format 3, and is told how to convert it', () => {
    expect(() =>
      parse('{"worksheets":[],"nbformat":3,"nbformat_minor":0,"metadata":{}}'),
    ).toThrowError(
      expect.objectContaining({
        code: 'notebook/unsupported',
        hint: expect.stringContaining('jupyter nbconvert --to notebook'),
      }),
    );
  });

  it('has a format of the future', () => {
    expect(() => parse('{"cells":[],"nbformat":5,"nbformat_minor":0}')).toThrowError(
      expect.objectContaining({ code: 'notebook/unsupported' }),
    );
  });
});

/** What people and programs put into notebooks, also what no schema knows. */
const source = fc.oneof(fc.string(), fc.array(fc.string({ unit: 'binary' })));
const extra = fc.dictionary(fc.stringMatching(/^x[a-z0-9]{0,4}$/), fc.jsonValue());
const output = fc.oneof(
  fc.record({
    output_type: fc.constant('stream'),
    name: fc.constantFrom('stdout', 'stderr'),
    text: source,
  }),
  fc.record({
    output_type: fc.constant('error'),
    ename: fc.string(),
    evalue: fc.string(),
    traceback: fc.array(fc.string()),
  }),
  fc.record({
    output_type: fc.constant('display_data'),
    data: fc.record({ 'text/plain': source, 'application/json': fc.jsonValue() }),
    metadata: extra,
  }),
  fc.record({
    output_type: fc.constant('execute_result'),
    data: fc.record({ 'image/png': fc.base64String() }),
    metadata: extra,
    execution_count: fc.option(fc.nat()),
  }),
  fc.record({ output_type: fc.constant('of the future'), x: fc.jsonValue() }),
);
const cell = fc.tuple(
  fc.oneof(
    fc.record({
      cell_type: fc.constant('code'),
      source,
      metadata: extra,
      outputs: fc.array(output, { maxLength: 3 }),
      execution_count: fc.option(fc.nat()),
    }),
    fc.record({ cell_type: fc.constantFrom('markdown', 'raw'), source, metadata: extra }),
  ),
  extra,
);
const anyNotebook = fc
  .record({
    minor: fc.integer({ min: 0, max: 5 }),
    cells: fc.array(cell, { maxLength: 5 }),
    metadata: extra,
    more: extra,
  })
  .map(({ minor, cells, metadata, more }) => ({
    ...more,
    cells: cells.map(([known, others], index) => ({
      ...others,
      ...known,
      ...(minor === 5 && { id: `c${index}` }),
    })),
    metadata,
    nbformat: 4,
    nbformat_minor: minor,
  }));
const layout = fc.record({
  indent: fc.constantFrom('', ' ', '  ', '    ', '\t', '   \t', ' '.repeat(9)),
  newline: fc.constantFrom('\n', '\r\n'),
  start: fc.constantFrom('', '\uFEFF', '\n\n'),
  end: fc.constantFrom('', '\n', ' \r\n\n'),
});
const file = fc.tuple(anyNotebook, layout).map(([content, { indent, newline, start, end }]) => {
  const text = JSON.stringify(content, undefined, indent).replaceAll('\n', newline);
  return start + text + end;
});

describe('a file that is read', () => {
  it('D1: is written again byte for byte', () => {
    fc.assert(
      fc.property(file, (text) => {
        expect(textOf(parse(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [
      'numbers that JavaScript writes otherwise',
      notebook(CODE.replace('{}', '{"a":1.0,"b":1e5,"c":-0.0,"d":12345678901234567890}')),
    ],
    ['escapes that nobody needs', notebook(CODE.replace('"1"', '"\\/\\u0041\\u00e9"'))],
    ['two members of one name', notebook(CODE.replace('{}', '{"a":1,"a":2}'))],
    ['integer-like keys out of order', notebook(CODE.replace('{}', '{"b":1,"2":1,"1":1}'))],
    [
      'the numbers that only Python writes',
      notebook(CODE.replace('{}', '{"a":NaN,"b":-Infinity,"c":"NaN"}')),
    ],
    [
      'white space in strange places',
      notebook(` \n${CODE} ,\n\n\t${CODE.replace('"a"', '"b"')}\n\n `),
    ],
    ['an empty list on several lines', notebook('\n\n  ')],
    [
      'other members first',
      `{"nbformat":4, "nbformat_minor":5, "x":[{}], "cells":[${CODE}], "metadata":{}}`,
    ],
  ])('keeps %s', (_, text) => {
    expect(textOf(parse(text))).toBe(text);
  });

  it('keeps them around a change, too', () => {
    const text = notebook(
      CODE.replace('"metadata":{}', '"metadata":{"a":1.0,"b":NaN,"1":[ ]},"x":"\\/"'),
    );
    expect(textOf(change(parse(text), 0, { source: '2\n3' }))).toBe(
      text.replace('["1"]', '["2\\n","3"]'),
    );
  });

  it('changes nothing else when outputs are set', () => {
    fc.assert(
      fc.property(file, fc.nat(), fc.string({ unit: 'binary' }), (text, at, printed) => {
        const document = parse(text);
        const codes = document.cells.flatMap(({ type }, index) => (type === 'code' ? [index] : []));
        const index = codes[at % codes.length];
        if (index === undefined) return;
        const outputs: CellOutput[] = [{ output_type: 'stream', name: 'stdout', text: printed }];
        const written = textOf(change(document, index, { outputs, executionCount: 7 }));
        const after = parse(written);
        expect(after.cells[index]?.outputs).toEqual([
          { output_type: 'stream', name: 'stdout', text: printed },
        ]);
        expect(after.cells[index]?.executionCount).toBe(7);
        const blank = (full: string): unknown => {
          const raw: unknown = JSON.parse(full.replace('\uFEFF', ''));
          const cells = isRecord(raw) && Array.isArray(raw['cells']) ? raw['cells'] : [];
          Object.assign(cells[index], { outputs: 0, execution_count: 0 });
          return raw;
        };
        expect(blank(written)).toEqual(blank(text));
      }),
    );
  });

  it('writes an output again only when it is another one', () => {
    const text = notebook(
      CODE.replace(
        '"outputs":[]',
        '"outputs":[{"output_type":"stream","name":"stdout","text":"as found","x":1.0},{"output_type":"error"}]',
      ),
    );
    const document = parse(text);
    const outputs = document.cells[0]?.outputs ?? [];
    const more: CellOutput = { output_type: 'stream', name: 'stderr', text: 'new' };
    const written = textOf(change(document, 0, { outputs: [...outputs, more] }));
    expect(written).toContain(
      '{"output_type":"stream","name":"stdout","text":"as found","x":1.0},{"output_type":"error"},{',
    );
  });

  it('X58: shows joined texts and whole bundles', () => {
    const data = '{"text/html":["<b>\\n","x"],"application/json":["a","b"],"image/png":"AA=="}';
    const text = notebook(
      CODE.replace(
        '"outputs":[]',
        `"outputs":[{"output_type":"display_data","data":${data},"metadata":{"m":1}}]`,
      ),
    );
    expect(parse(text).cells[0]?.outputs).toEqual([
      {
        output_type: 'display_data',
        data: { 'text/html': '<b>\nx', 'application/json': ['a', 'b'], 'image/png': 'AA==' },
        metadata: { m: 1 },
      },
    ]);
  });

  it.each([
    ['lists of lines where they are', '["1"]', '["2\\n","3"]'],
    ['single strings where they are', '"1"', '"2\\n3"'],
  ])('writes texts as %s', (_, before, after) => {
    const text = notebook(CODE.replace('["1"]', before));
    expect(textOf(change(parse(text), 0, { source: '2\n3' }))).toBe(text.replace(before, after));
  });
});

describe('a file that is read again', () => {
  it('gives the same objects for cells that are the same', () => {
    const text = notebook(`${CODE},${CODE.replace('"a"', '"b"')}`);
    const before = parse(text);
    const after = parseNotebook(
      Buffer.from(text.replace('"id":"b"', '"id":"b","x":1')),
      'a.ipynb',
      before,
    );
    expect(after.cells[0]).toBe(before.cells[0]);
    expect(after.cells[1]).not.toBe(before.cells[1]);
  });
});

describe('a new notebook', () => {
  it('D1: is 4.5, indented by one, sorted, with a final newline', () => {
    const kernel = { name: 'python3', display_name: 'Python 3', language: 'python' };
    expect(textOf(newNotebook(kernel))).toBe(
      '{\n "cells": [],\n "metadata": {\n  "kernelspec": {\n   "display_name": "Python 3",\n   "language": "python",\n   "name": "python3"\n  }\n },\n "nbformat": 4,\n "nbformat_minor": 5\n}\n',
    );
  });
});

describe('L3: the sandbox of a notebook', () => {
  const text = notebook(CODE, '"metadata":{"y":1.0},"nbformat":4,"nbformat_minor":5');

  it('stands beside the marks of saves, and neither takes the other away', () => {
    const there = withSandbox(parse(text), { id: 'modal-x' });
    const saved = withSaves(there, [{ writer: '0123abcd', count: 3 }]);
    const moved = withSandbox(parse(textOf(saved)), { id: 'local-y' });
    expect(JSON.parse(textOf(moved)).metadata).toEqual({
      y: 1,
      glovebox: { sandbox: { id: 'local-y' }, saves: ['0123abcd 3'] },
    });
    expect(parse(textOf(moved))).toMatchObject({
      sandbox: { id: 'local-y' },
      saves: [{ writer: '0123abcd', count: 3 }],
    });
    expect(withSandbox(moved, { id: 'local-y' })).toBe(moved);
  });
});

describe('D3: the kernel of a notebook', () => {
  const spec = { name: 'r', display_name: 'R', language: 'R' };
  const info = { name: 'R', version: '4' };
  const withSpec = notebook(
    CODE,
    '"metadata":{"kernelspec":{"name":"python3","display_name":"P","x":1},"y":1.0},"nbformat":4,"nbformat_minor":5',
  );

  it('is set where there is none, and nothing else is touched', () => {
    const text = notebook(CODE, '"metadata":{"y":1.0},"nbformat":4,"nbformat_minor":5');
    const changed = withKernel(parse(text), { spec, languageInfo: info, replace: false });
    expect(textOf(changed)).toBe(
      text.replace(
        '{"y":1.0}',
        '{"kernelspec":{"display_name":"R","language":"R","name":"r"},"language_info":{"name":"R","version":"4"},"y":1.0}',
      ),
    );
  });

  it('stays when it is another one', () => {
    const document = parse(withSpec);
    expect(withKernel(document, { spec, languageInfo: info, replace: false })).toBe(document);
  });

  it('gives way when the user picked another one', () => {
    const text = textOf(withKernel(parse(withSpec), { spec, languageInfo: info, replace: true }));
    expect(text).toContain('"kernelspec":{"display_name":"R","language":"R","name":"r"}');
    expect(text).toContain('"y":1.0');
  });

  it('keeps its own words when it is the same, and learns the language', () => {
    const same = { spec: { ...spec, name: 'python3' }, languageInfo: info, replace: true };
    const text = textOf(withKernel(parse(withSpec), same));
    expect(text).toContain('{"name":"python3","display_name":"P","x":1}');
    expect(text).toContain('"language_info":{"name":"R","version":"4"}');
  });

  it('comes into a file without metadata', () => {
    const text = textOf(
      withKernel(parse('{"cells":[],"nbformat":4,"nbformat_minor":4}'), {
        spec,
        languageInfo: undefined,
        replace: false,
      }),
    );
    expect(JSON.parse(text)).toEqual({
      cells: [],
      nbformat: 4,
      nbformat_minor: 4,
      metadata: { kernelspec: spec },
    });
  });
});

describe('the pieces of a file', () => {
  it('are the same buffers for the cells that did not change', () => {
    const cells = Array.from({ length: 500 }, (_, index) => CODE.replace('"a"', `"c${index}"`));
    const document = parse(notebook(cells.join(',')));
    const before = chunksOf(document);
    const after = chunksOf(change(document, 250, { outputs: [], executionCount: 9 }));
    const different = after.filter((chunk, index) => chunk !== before[index]);
    // Besides the cell only the two ends of the file, which are cut out anew each time.
    expect(different.length).toBe(3);
  });
});
