/** What the documents name exists: paths, links, tools, options, error codes. What is generated is current. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import { tools } from '#tools/index.ts';
import { isOurWord } from './rigs/product-names.ts';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

function markdownIn(folder: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .map((file) => path.join(folder, file));
}

const pages = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...['docs', 'plugin', 'bench', 'examples', 'test'].flatMap(markdownIn),
];

const OUR_FOLDERS = 'src|test|scripts|docs|plugin|python|bench|examples|[.]ci';
const PATH_IN_TEXT = new RegExp(`\`((?:${OUR_FOLDERS})/[\\w./-]*)\``, 'g');
const LINK = /\]\(([^)\s]+)\)/g;
/** Made by a build or at run time, and so not in a fresh checkout. */
const MADE_LATER = /^plugin\/dist(\/|$)/;

const toolNames = new Set(tools.map(({ name }) => name));
const errorCodes = new Set<string>(Object.keys(ERROR_CODES));
const errorAreas = new Set(Object.keys(ERROR_CODES).map((code) => code.split('/')[0]));

const inBackticks = (text: string, pattern: RegExp): string[] =>
  [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)]
    .map(([, word = '']) => word)
    .filter((word) => pattern.test(word));

/** Heading texts as GitHub turns them into anchors. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );

function brokenLinks(page: string): string[] {
  const text = read(page).replaceAll(/```[\s\S]*?```/g, '');
  return [...text.matchAll(LINK)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const absolute = file === '' ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(root, absolute))) return true;
      return anchor !== undefined && !anchorsOf(read(absolute)).includes(anchor);
    });
}

it('there are pages to read', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'AGENTS.md', 'docs/architecture.md']));
});

describe.each(pages.map((page) => ({ page })))('$page', ({ page }) => {
  it('names only paths that exist', () => {
    const named = [...read(page).matchAll(PATH_IN_TEXT)]
      .map(([, file = '']) => file)
      .filter((file) => !errorCodes.has(file));
    const missing = named.filter((file) => !existsSync(path.join(root, file)));
    expect(missing.filter((file) => !MADE_LATER.test(file))).toEqual([]);
  });

  it('has only blocks of JSON and TOML that can be read', () => {
    const blocks = [...read(page).matchAll(/```(json|toml)\n([\s\S]*?)```/g)];
    for (const [, language, block = ''] of blocks)
      expect(
        () => (language === 'json' ? JSON.parse(block) : parseToml(block)),
        block,
      ).not.toThrow();
  });

  it('links only to what exists', () => {
    expect(brokenLinks(page)).toEqual([]);
  });

  it('names only tools, error codes and variables that exist', () => {
    const text = read(page);
    const verbs = [...toolNames].map((name) => name.split('_')[0]).join('|');
    const likeTool = inBackticks(text, new RegExp(`^(?:${verbs})(?:_[a-z]+)+$`));
    expect(likeTool.filter((word) => !isOurWord(word))).toEqual([]);
    const likeCode = inBackticks(text, /^[a-z]+\/[a-z]+(-[a-z]+)*$/);
    const ours = likeCode.filter((word) => errorAreas.has(word.split('/')[0] ?? ''));
    expect(
      ours.filter((word) => !errorCodes.has(word) && !existsSync(path.join(root, word))),
    ).toEqual([]);
    const variables = [...text.matchAll(/\bGLOVEBOX_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);
    const known = knownVariables();
    expect(variables.filter((name) => !known.has(name))).toEqual([]);
  });
});

/** Variables of the product, from the generated reference, and those of the tests, from the tests. */
function knownVariables(): ReadonlySet<string> {
  const sources = [
    'docs/reference/options.md',
    'test/rigs/variables.ts',
    'test/rigs/require.ts',
  ].map(read);
  return new Set(sources.flatMap((text) => text.match(/\bGLOVEBOX_[A-Z0-9_]*[A-Z0-9]\b/g) ?? []));
}

it('the generated reference is current', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'scripts/gen-docs.ts', '--check'],
    { cwd: root, encoding: 'utf8' },
  );
  expect({ status, output: `${stdout}${stderr}` }).toMatchObject({ status: 0 });
});
