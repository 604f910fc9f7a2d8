import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CellOutput } from '#notebook/contract.ts';
import { renderJson } from './json-text.ts';
import { representBundle } from './mime.ts';
import { renderTranscript } from './transcript.ts';

/** Outputs that real libraries made; each file has the code. */
function fixture(name: string): readonly CellOutput[] {
  const file = new URL(`../../../test/fixtures/outputs/${name}.json`, import.meta.url);
  const { outputs }: { outputs: readonly CellOutput[] } = JSON.parse(readFileSync(file, 'utf8'));
  return outputs;
}

describe('O7, X58: outputs of real libraries', () => {
  it.each([
    ['frame-small', '[result 1]\n   a  b\n0  0  x\n1  1  y\n2  2  z'],
    ['frame-truncated', '  4   16   17   18   19\n...  ...  ...  ...  ...\n 95  380'],
    ['frame-truncated', '100 rows × 4 columns'],
    ['frame-wide', '3 rows x 14 columns\n   column_0  column_1  column_2'],
    ['frame-multi-index', 'k n                \nx 1   0   1   2   3\n  2   4   5   6   7'],
    ['frame-styled', '[result 5, text/html]\n3 rows x 1 columns\n   a\n0  0'],
    [
      'plotly-packed',
      'plotly figure "Two clouds", 2 traces; axes x, y\n- scatter markers "u": 100 points, x 0..198, y -2.365..1.822',
    ],
    [
      'plotly-html',
      'plotly figure "List", 1 trace; axes x, y\n- scatter lines: 3 points, x 1..3, y 1..3',
    ],
    [
      'altair-mime',
      'vega-lite chart "Alt"; data: table 50 rows\n- point: color = c nominal a, b, x = x quantitative 0..49',
    ],
    ['altair-html', '- bar: x = x quantitative 0..49, y = mean(y) quantitative 0..49'],
    [
      'bokeh',
      'bokeh figure "Bok"\n- Line: 3 points, x 1..3, y 4..6\n- Scatter: 100 points, x 0..99, y -2.325..2.002',
    ],
    ['bokeh-load', '[application/javascript, 10.2 KiB]'],
    [
      'widget-slider',
      "[result 12, widget view, as first shown]\nIntSlider(value=5, description='n')",
    ],
    ['widget-progress', '  0%|          | 0/20'],
    ['tqdm', '[stderr]\n100%|██████████| 2000/2000'],
    ['sympy-latex', '[result 15, text/latex]\n$\\displaystyle \\int\\limits_{0}^{1}'],
    ['latex', '[display, text/latex]\n$\\alpha$'],
    ['markdown', '[display, text/markdown]\n# Title\n\n*text*'],
    ['json-small', '"b": {\n    "c": "d"\n  }'],
    ['html-page', 'Hi\n\nSome text\n\n- one\n- two'],
    ['javascript', '[application/javascript, 8 B]'],
    ['figure-png', "Text(0.5, 1.0, 'Squares')\n[image 1 png 556x434]"],
    ['figure-svg', '[image 1 svg 385x313]'],
    ['figure-jpeg', '[image 1 jpeg 534x413]'],
    ['figure-all', '[image 1 png 534x413]'],
    [
      'error-colours',
      '[error ZeroDivisionError]\nZeroDivisionError                         Traceback',
    ],
    ['error-colours', '----> 2     return 1/n\n\nZeroDivisionError: division by zero'],
  ])('%s', (name, expected) => {
    const text = renderTranscript(fixture(name));
    expect(text).toContain(expected);
    expect(text).not.toContain('\u001b');
    expect(text).not.toMatch(/ object at 0x|<Figure|alert\(1\)|core\.display/);
  });

  it('reads tqdm as one line', () => {
    expect(renderTranscript(fixture('tqdm')).split('\n')).toHaveLength(3);
  });
});

describe('choice', () => {
  it.each([
    ['png before svg', { 'image/svg+xml': '<svg/>', 'image/png': 'AAAA' }, 'raster'],
    ['svg alone', { 'image/svg+xml': '<svg/>', 'text/plain': '<Figure>' }, 'svg'],
    ['a type nobody shows', { 'image/tiff': 'AAAA' }, 'raster'],
  ])('%s', (_, data, kind) => {
    expect(representBundle(data).image?.kind).toBe(kind);
  });
  it.each([
    [
      'a useful repr before html',
      { 'text/plain': 'Model(a=1)', 'text/html': '<p>Page</p>' },
      'Model(a=1)',
    ],
    [
      'html before an object repr',
      { 'text/plain': '<x.Y object at 0x7f>', 'text/html': '<p>Page</p>' },
      'Page',
    ],
    ['a repr when there is nothing else', { 'text/plain': "<class 'int'>" }, "<class 'int'>"],
    ['one line of text before LaTeX', { 'text/plain': 'x**2', 'text/latex': '$x^2$' }, 'x**2'],
    ['markdown before text', { 'text/plain': 'x', 'text/markdown': '**x**' }, '**x**'],
    [
      'a type and a size',
      { 'application/pdf': Buffer.alloc(3000).toString('base64') },
      '[application/pdf, 2.9 KiB]',
    ],
    ['an unknown JSON type', { 'application/x.y+json': { a: 1 } }, '{\n  "a": 1\n}'],
    [
      'a page that shows nothing',
      { 'text/html': '<script>x</script>' },
      '[text/html, 18 B, no visible text]',
    ],
    ['nothing', {}, ''],
  ])('%s', (_, data, text) => {
    expect(representBundle(data).text).toBe(text);
  });
  it('shows a chart together with its picture', () => {
    const figure = { data: [{ y: [1] }] };
    const shown = representBundle({
      'application/vnd.plotly.v1+json': figure,
      'image/png': 'AAAA',
    });
    expect(shown.text).toContain('plotly figure, 1 trace');
    expect(shown.image).toEqual({ kind: 'raster', mime: 'image/png', data: 'AAAA' });
  });
});

describe('JSON', () => {
  it('describes what is nested deeper than any reader would follow', () => {
    const depth = 100_000;
    const value: unknown = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    expect(renderJson(value)).toBe('array of 1 (array)');
  });
  it('is written out up to 500 characters', () => {
    const value = { a: [1, 2], b: 'c' };
    expect(renderJson(value)).toBe(JSON.stringify(value, undefined, 2));
    expect(renderJson('x'.repeat(600))).toBe('string of 600 characters');
  });
  it('is described above, within 500', () => {
    const value = {
      rows: Array.from({ length: 1000 }, (_, i) => ({ i })),
      meta: { name: 'x', n: 5 },
      ok: true,
    };
    expect(renderJson(value)).toBe(
      'object of 3 keys\n- rows: array of 1000 (object)\n- meta: object of 2 keys {name: string of 1 characters, n: 5}\n- ok: true',
    );
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, [i]]));
    expect(renderJson(wide).length).toBeLessThanOrEqual(500);
  });
});
