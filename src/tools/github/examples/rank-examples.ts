/** Which files of a repository are examples, and which of them fit a keyword best. */
import { stem, wordsOf } from '#core/words.ts';

export interface TreeFile {
  readonly path: string;
  readonly size: number | undefined;
}

/** Earlier ones hold the better examples. */
const EXAMPLE_NAMES = (
  'examples example scripts script recipes recipe notebooks notebook cookbooks cookbook tutorials tutorial quickstart ' +
  'getting-started getting_started walkthroughs walkthrough guides guide howto how-to demos demo samples sample playground ' +
  'showcase sandbox use-cases use_cases use-case'
).split(' ');
const PRIORITY = new Map(EXAMPLE_NAMES.map((name, at) => [name, at]));

const CODE = /\.(py|ipynb|sh|ts|tsx|js|mjs|rs|go|java|kt|swift|c|cc|cpp|cu|jl|r|rb|scala|cs)$/i;
const TEXT = /\.(md|mdx|rst|txt|ya?ml|toml|json|jsonl|cfg|ini|html)$/i;
const TESTS =
  /(^|\/)(tests?|testing|__tests__|spec)(\/|$)|(^|\/)(test_[^/]*|[^/]*[_.]test\.[^/]*|conftest\.py)$/i;
/** Documentation and machinery: examples are there too, but rarely the best ones. */
const ASIDE = /(^|\/)(docs?|documentation|\.github|\.circleci|ci|\.ci)(\/|$)/i;

/** How good the place is: the rank of the first whole part of the path, or the stem of the file, that says "example". */
export function examplePriority(path: string): number | undefined {
  const parts = path.toLowerCase().split('/');
  const name = parts.pop() ?? '';
  const found = [...parts, name.replace(/\.[^.]*$/, '')].flatMap(
    (part) => PRIORITY.get(part) ?? [],
  );
  return found.length === 0 ? undefined : Math.min(...found);
}

/** Whether a folder's own name says so. */
export const isExampleFolder = (name: string): boolean => PRIORITY.has(name.toLowerCase());

export const isTest = (path: string): boolean => TESTS.test(path);

export interface RankedFile extends TreeFile {
  /** How many of the words of the keyword are in its path. */
  readonly matched: number;
}

/** Files that are examples, best first. With a keyword those that have none of its words come last, with `matched` 0. */
export function rankExamples(files: readonly TreeFile[], keyword: string): readonly RankedFile[] {
  const wanted = [...new Set(wordsOf(keyword).map(stem))];
  const ranked = files.flatMap((file) => {
    const priority = examplePriority(file.path);
    if (priority === undefined) return [];
    const words = new Set(wordsOf(file.path).map(stem));
    // A name that runs words together still has them in it.
    const flat = file.path.toLowerCase();
    const matched = wanted.filter(
      (word) => words.has(word) || (word.length > 3 && flat.includes(word)),
    ).length;
    const kind = CODE.test(file.path) ? 0 : TEXT.test(file.path) ? 1 : 2;
    const aside = Number(ASIDE.test(file.path) || isTest(file.path));
    const depth = file.path.split('/').length;
    return [{ file: { ...file, matched }, key: [-matched, aside, kind, priority, depth] }];
  });
  return ranked
    .toSorted((a, b) => compareKeys(a.key, b.key) || (a.file.path < b.file.path ? -1 : 1))
    .map(({ file }) => file);
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) {
    const difference = value - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
