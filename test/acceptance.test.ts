/** Every line of `docs/acceptance.md` is named by the tests that show it, as `acceptance 18:` in their titles, and the page says where they are. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const LINES = 53;
/** The title of a test or of a group of tests, up to what it says. */
const TITLE = /^\s*(?:it|test|describe)\b[^'"`\n]*(?:\n\s*)?['"`]([^:\n]*):/gm;
const ROW = /^\| +(\d+) +\| +(.+?) +\| +(.+?) +\|$/gm;

const testFiles = ['src', 'test'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join(folder, file)),
);

function shownIn(file: string): readonly number[] {
  const titles = [...readFileSync(path.join(root, file), 'utf8').matchAll(TITLE)];
  const lists = titles.map(([, ids = '']) => /\bacceptance ((?:\d+, )*\d+)\b/.exec(ids)?.[1] ?? '');
  return lists.flatMap((list) => list.split(', ').filter(Boolean).map(Number));
}

const wanted = Array.from({ length: LINES }, (_, at) => {
  const line = at + 1;
  const files = testFiles.filter((file) => shownIn(file).includes(line)).toSorted();
  return { line, files: files.map((file) => `\`${file}\``).join(', ') };
});

it('each line is named by a test', () => {
  expect(wanted.filter(({ files }) => files === '')).toEqual([]);
  expect(testFiles.flatMap(shownIn).filter((line) => line < 1 || line > LINES)).toEqual([]);
});

it('docs/acceptance.md tells the lines, and the files of their tests', () => {
  const rows = [...readFileSync(path.join(root, 'docs/acceptance.md'), 'utf8').matchAll(ROW)];
  expect(rows.map(([, line, , files]) => ({ line: Number(line), files }))).toEqual(wanted);
});
