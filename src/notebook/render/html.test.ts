import { describe, expect, it } from 'vitest';
import { renderHtml, visibleText } from './html.ts';

function table(rows: number): string {
  const body = Array.from(
    { length: rows },
    (_, i) => `<tr><th>${i}</th><td>${i * 2}</td><td>n${i}</td></tr>`,
  );
  return `<table><thead><tr><th></th><th>a</th><th>b</th></tr></thead><tbody>${body.join('')}</tbody></table>`;
}

describe('visible text', () => {
  it('has no scripts, styles, comments and attributes', () => {
    const page =
      '<html><head><title>T</title></head><!-- <b>no</b> --><style>p {}</style><body data-x="a > b">' +
      '<script>if (1 < 2) alert("<p>no</p>")</script><h1>Head</h1><p>Some <b>bold</b> &amp; &#955; &#x1F600;</p></body>';
    expect(visibleText(page)).toBe('Head\n\nSome bold & λ 😀');
  });
  it('keeps the lines and the indentation of preformatted text', () => {
    expect(visibleText('<p>a  b</p><pre>def f():\n    return 1</pre>')).toBe(
      'a b\n\ndef f():\n    return 1',
    );
  });
  it.each([
    ['<b', '<b'],
    ['<b>x</b><i "', 'x<i "'],
    ['<a title="it\'s > 1">x</a>', 'x'],
    ['1 < 2 and 3 > 2', '1 < 2 and 3 > 2'],
    ['<script>never closed', ''],
    ['<!-- never closed', ''],
    ['&unknown; &#xffffff;', '&unknown; &#xffffff;'],
  ])('reads the damaged page %s', (page, shown) => {
    expect(visibleText(page)).toBe(shown);
  });
  it('O7: has at most 2,000 characters', () => {
    const text = renderHtml(`<p>${'word '.repeat(5000)}</p>`);
    expect(text.length).toBeLessThan(2060);
    expect(text).toMatch(/the rest of the page is left out$/);
  });
  it('names media that it cannot show', () => {
    expect(
      renderHtml('<img alt="A cat" src="data:image/png;base64,AAAA"><video src="x"></video>'),
    ).toBe('[img: A cat] [video]');
  });
});

describe('tables', () => {
  it('O7: shows shape, columns, first and last five rows', () => {
    expect(renderHtml(`<p>Before</p>${table(40)}<p>After</p>`)).toMatchInlineSnapshot(`
      "Before
      40 rows x 2 columns
             a  b
        0    0  n0
        1    2  n1
        2    4  n2
        3    6  n3
        4    8  n4
      ...  ...  ...
       35   70  n35
       36   72  n36
       37   74  n37
       38   76  n38
       39   78  n39
      After"
    `);
  });
  it('shows ten rows without a gap', () => {
    expect(renderHtml(table(10))).not.toContain('...');
    expect(renderHtml(table(11))).toContain('...');
  });
  it('reads the start and the end of a very long page', () => {
    const text = renderHtml(table(100_000));
    expect(text).toMatch(/^at least \d{4,5} rows x 2 columns\n/);
    expect(text).toMatch(/\n99999 +199998 +n99999$/);
  });
  it('lines up cells that span rows and columns', () => {
    const spans =
      '<table><tr><th></th><th></th><th colspan="2">A</th></tr>' +
      '<tr><th rowspan="2">x</th><th>1</th><td>5</td><td>6</td></tr><tr><th>2</th><td>7</td><td>8</td></tr></table>';
    expect(renderHtml(spans).split('\n')).toEqual([
      '2 rows x 2 columns',
      '      A',
      'x  1  5  6',
      '   2  7  8',
    ]);
  });
  it('cuts long cells and leaves out the middle of many columns', () => {
    const cells = Array.from({ length: 60 }, (_, i) => `<td>c${i}${'x'.repeat(80)}</td>`).join('');
    const text = renderHtml(`<table><tr>${cells}</tr></table>`);
    expect(text).toContain('1 rows x 60 columns');
    expect(text).toContain('  ...  ');
    expect(text.length).toBeLessThan(1000);
  });
  it('shows five rows of a table that is all headings, and no more columns than a page can have', () => {
    const rows = Array.from({ length: 500 }, (_, i) => `<tr><th>r${i}</th></tr>`).join('');
    for (const page of [`<table>${rows}</table>`, `<table><thead>${rows}</thead></table>`]) {
      const lines = renderHtml(page).split('\n');
      expect(lines).toHaveLength(1 + 5 + 5 + 1 + 5);
      expect(lines.at(-1)).toBe('r499');
    }
    const wide = '<td colspan="9999">x</td>'.repeat(2000);
    expect(renderHtml(`<table><tr>${wide}</tr></table>`)).toContain('1 rows x 10000 columns');
  });
  it('takes a table within a cell as text, and a table that is not closed', () => {
    expect(renderHtml('<table><tr><td>a<table><tr><td>b</td></tr></table></td><td>c')).toBe(
      '1 rows x 2 columns\na b  c',
    );
  });
});
