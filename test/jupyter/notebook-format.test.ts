/** Our notebook files and Jupyter's own nbformat: the same bytes, and valid by its schemas. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Ajv from 'ajv-draft-04';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CellOutput, MimeBundle } from '#notebook/contract.ts';
import {
  chunksOf,
  newNotebook,
  parseNotebook,
  withKernel,
  type NotebookDocument,
} from '#notebook/format.ts';
import { createOutputCollector } from '#notebook/output-collector.ts';
import { StoredCell } from '#notebook/stored-cell.ts';
import { testPython } from '../rigs/python.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-nbformat-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const python = (script: string, ...args: readonly string[]): string =>
  execFileSync(testPython(), ['-c', script, ...args], { encoding: 'utf8', maxBuffer: 1e9 });
const bytesOf = (document: NotebookDocument): Buffer => Buffer.concat(chunksOf(document));

/** Writes notebooks of every minor version as programs in Python do. */
const WRITE = `
import json, sys, nbformat
from nbformat.v4 import new_notebook, new_code_cell, new_markdown_cell, new_raw_cell, new_output
text = 'a\\nb\\r\\nc\\x0bd\\u2028e\\x85f \\U0001F600 "q" \\\\ \\t\\x1b[31m'
nb = new_notebook(metadata={'kernelspec': {'name': 'p', 'display_name': 'P', 'language': 'python'}, 'x': {'10': 1.0, '9': 1e-7, 'é': None}})
nb.cells = [
  new_markdown_cell('# é\\n\\n![a](attachment:a.png)', attachments={'a.png': {'image/png': 'AA==\\n'}}),
  new_code_cell(text, execution_count=3, metadata={'collapsed': False, 'tags': ['t']}, outputs=[
    new_output('stream', name='stdout', text=text),
    new_output('execute_result', execution_count=3, data={'text/plain': text, 'text/html': '<b>\\n</b>', 'application/json': {'b': [1.5, 1], 'a': text}, 'image/svg+xml': '<svg>\\n</svg>', 'image/png': 'AA==\\n'}, metadata={'image/png': {'width': 1}}),
    new_output('display_data', data={'application/vnd.plotly.v1+json': {'data': [1e22, -0.0, 123456789012345678901234567890]}}),
    new_output('error', ename='E', evalue='é', traceback=[text, ''])]),
  new_code_cell(''), new_raw_cell('raw', metadata={'format': 'text/html'}),
]
for minor in range(6):
    nb.nbformat_minor = minor
    if minor < 5:
        for cell in nb.cells: cell.pop('id', None)
    if minor < 1:
        nb.cells[0].pop('attachments', None)
    if minor == 5:
        for n, cell in enumerate(nb.cells): cell['id'] = f'cell-{n}'
    nbformat.validate(nb)
    nbformat.write(nb, f'{sys.argv[1]}/jupyter-4.{minor}.ipynb', version=nbformat.NO_CONVERT)
    raw = json.load(open(f'{sys.argv[1]}/jupyter-4.{minor}.ipynb', encoding='utf8'))
    for name, options in {'ascii': {'indent': 2}, 'line': {}, 'tight': {'separators': (',', ':'), 'ensure_ascii': False}, 'zero': {'indent': 0}, 'tab': {'indent': '\\t', 'sort_keys': True}}.items():
        with open(f'{sys.argv[1]}/{name}-4.{minor}.ipynb', 'w', encoding='utf8', newline='') as f: json.dump(raw, f, **options)
`;

describe('files that programs in Python wrote', () => {
  beforeAll(() => void python(WRITE, dir));

  it('D1: are written again byte for byte, in all formats', () => {
    const files = readdirSync(dir);
    expect(files).toHaveLength(36);
    for (const file of files) {
      const bytes = readFileSync(path.join(dir, file));
      expect(bytesOf(parseNotebook(bytes, file)).equals(bytes), file).toBe(true);
    }
  });

  it('are laid out as before when all that we know was written anew', () => {
    for (const file of readdirSync(dir)) {
      const bytes = readFileSync(path.join(dir, file));
      const document = parseNotebook(bytes, file);
      const cells = document.cells.map((cell) => {
        const { type, source, executionCount } = cell;
        // The display holds numbers that only Python can write; all others are taken for new.
        const outputs = cell.outputs.map((output) =>
          output.output_type === 'display_data' ? output : { ...output },
        );
        return cell.with({ source, ...(type === 'code' && { outputs, executionCount }) });
      });
      expect(bytesOf({ ...document, cells }).toString(), file).toBe(bytes.toString());
    }
  });
});

const anyText = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r',
        '\r\n',
        '\u000b',
        '\u000c',
        '\u001c',
        '\u0085',
        '\u2028',
        '\u2029',
        '\u001b[31m',
        'é',
        '\u{1f600}',
        '"',
        '\\',
        'x',
        '',
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join('')),
);
const bundle: fc.Arbitrary<MimeBundle> = fc.dictionary(
  fc.constantFrom(
    'text/plain',
    'text/html',
    'image/svg+xml',
    'application/javascript',
    'image/png',
    'application/json',
    'application/x+json',
    'application/octet-stream',
  ),
  fc.oneof(anyText, fc.integer(), fc.constant({ b: [1], a: 'x\ny' }), fc.constant(null)),
);
const message = fc.oneof(
  fc.record({
    type: fc.constant('stream'),
    content: fc.record({ name: fc.constantFrom('stdout', 'stderr'), text: anyText }),
  }),
  fc.record({
    type: fc.constantFrom('display_data', 'execute_result'),
    content: fc.record({ data: bundle, metadata: fc.constant({}), execution_count: fc.nat(9) }),
  }),
  fc.record({
    type: fc.constant('error'),
    content: fc.record({ ename: anyText, evalue: anyText, traceback: fc.array(anyText) }),
  }),
);
const collect = (
  messages: readonly { readonly type: string; readonly content: Record<string, unknown> }[],
): readonly CellOutput[] => {
  const collector = createOutputCollector({ maxBytes: 200 });
  for (const one of messages) collector.add(one);
  return collector.outputs;
};
const anyCell = fc.record({
  type: fc.constantFrom('code', 'markdown', 'raw'),
  source: anyText,
  messages: fc.array(message, { maxLength: 5 }),
  count: fc.option(fc.nat(99)),
  again: anyText,
});

/** A notebook as a session makes it: inserted, run, edited. */
const anyNotebook = fc.array(anyCell, { maxLength: 4 }).map((cells) => {
  const kernel = {
    spec: { name: 'p', display_name: 'P', language: 'python' },
    languageInfo: { name: 'python', version: '3' },
    replace: false,
  };
  const empty = withKernel(newNotebook(), kernel);
  const made = cells.map(({ type, source, messages, count, again }, index) => {
    const cell = StoredCell.make(
      { id: `cell-${index}`, type, source, metadata: {} },
      empty.format,
      `cell-${index}`,
    );
    const ran =
      type === 'code' ? cell.with({ outputs: collect(messages), executionCount: count }) : cell;
    return again === '' ? ran : ran.with({ source: again });
  });
  return { ...empty, cells: made };
});

/** Reads, checks and writes what we wrote; prints the files where that fails or differs. */
const CHECK = `
import sys, glob, nbformat
for file in sorted(glob.glob(sys.argv[1] + '/ours-*.ipynb')):
    text = open(file, encoding='utf8', newline='').read()
    nb = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    try: nbformat.validate(nb, relax_add_props=False)
    except Exception as error: print(file, 'is not valid:', error)
    if nbformat.writes(nb, version=nbformat.NO_CONVERT) + '\\n' != text: print(file, 'is written otherwise')
`;

describe('files that we wrote', () => {
  const documents = fc.sample(anyNotebook, { numRuns: 150, seed: 7 });

  it('D1: are valid for nbformat, and what Jupyter itself would have written', () => {
    for (const [index, document] of documents.entries())
      writeFileSync(path.join(dir, `ours-${index}.ipynb`), bytesOf(document));
    expect(python(CHECK, dir)).toBe('');
  });

  it('X70: are valid by the schema of their format', () => {
    const folder = python('import nbformat, os; print(os.path.dirname(nbformat.__file__))').trim();
    const schema: unknown = JSON.parse(
      readFileSync(path.join(folder, 'v4/nbformat.v4.5.schema.json'), 'utf8'),
    );
    const validate = new Ajv.default({ strict: false }).compile(Object(schema));
    for (const document of documents) {
      const content: unknown = JSON.parse(bytesOf(document).toString());
      expect(validate(content), JSON.stringify(validate.errors)).toBe(true);
    }
    expect(
      validate({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [{ cell_type: 'code' }] }),
    ).toBe(false);
  });
});
