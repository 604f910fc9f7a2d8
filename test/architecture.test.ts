/** Imports point the way `.dependency-cruiser.mjs` says, and the checker really looked. */
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import extractConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';

const root = path.resolve(import.meta.dirname, '..');

async function cruiseTree(baseDir: string): Promise<ICruiseResult> {
  const config = await extractConfig(path.join(root, '.dependency-cruiser.mjs'));
  const options: ICruiseOptions = {
    ...config.options,
    baseDir,
    validate: true,
    ruleSet: { forbidden: config.forbidden ?? [] },
  };
  const { output } = await cruise(['src'], options);
  if (typeof output === 'string') throw new TypeError('expected the result as an object');
  return output;
}

const violationsOf = (result: ICruiseResult): string[] =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

const sourcesOf = (result: ICruiseResult): string[] =>
  result.modules.map(({ source }) => source).filter((source) => source.startsWith('src/'));

function typescriptFiles(folder: string): string[] {
  return readdirSync(path.join(folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${file}`);
}

/** A package in a temporary folder that is held to the same rules. */
function plantTree(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-architecture-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const copied = ['package.json', 'tsconfig.json'].map((file) => [
    file,
    readFileSync(path.join(root, file), 'utf8'),
  ]);
  for (const [file = '', text = ''] of [...copied, ...Object.entries(files)]) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

describe('imports', () => {
  it('point the way the table says', async () => {
    const result = await cruiseTree(root);
    // A missing TypeScript parser makes the checker see nothing and pass.
    expect(sourcesOf(result).toSorted()).toEqual(typescriptFiles(root).toSorted());
    expect(violationsOf(result)).toEqual([]);
  });

  it('are followed across folders, so that the rules have something to judge', async () => {
    const result = await cruiseTree(root);
    const mcpServer = result.modules.find(({ source }) => source === 'src/mcp/server.ts');
    expect(mcpServer?.dependencies.map(({ resolved }) => resolved)).toContain(
      'src/tools/define-tool.ts',
    );
  });

  it('of packages in package.json cover every folder of src', () => {
    const { imports } = z
      .object({ imports: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')));
    const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'bin')
      .map(({ name }) => `#${name}/*`);
    expect(Object.keys(imports)).toEqual(expect.arrayContaining(folders));
  });
});

describe('the checker notices', () => {
  const use = `import { thing } from '../platform/thing.ts';\nexport const other = thing;\n`;
  const thing = 'export const thing = 1;\n';

  it.each([
    [
      'a lower folder that uses a higher one',
      'core-may-import-only-core',
      { 'src/core/use.ts': use },
    ],
    [
      'a type that comes from above',
      'core-may-import-only-core',
      { 'src/core/use.ts': `import type { T } from '#platform/thing.ts';\nexport type U = T;\n` },
    ],
    ['a folder that nobody listed', 'every-source-folder-is-listed', { 'src/extra/use.ts': use }],
    [
      'a back end that uses another one',
      'back-ends-are-strangers',
      {
        'src/sandbox/backends/a/index.ts': `export { b } from '../b/index.ts';\n`,
        'src/sandbox/backends/b/index.ts': 'export const b = 1;\n',
      },
    ],
    [
      'a concrete back end outside main',
      'concrete-back-end-only-from-main',
      {
        'src/sandbox/registry.ts': `export { a } from './backends/a/index.ts';\n`,
        'src/sandbox/backends/a/index.ts': 'export const a = 1;\n',
      },
    ],
    [
      'a process outside platform',
      'processes-only-in-platform',
      { 'src/session/use.ts': `export { spawn } from 'node:child_process';\n` },
    ],
    [
      'a cycle',
      'no-cycles',
      {
        'src/core/a.ts': `import { b } from './b.ts';\nexport const a = (): unknown => b;\n`,
        'src/core/b.ts': `import { a } from './a.ts';\nexport const b = (): unknown => a;\n`,
      },
    ],
    ['a file that nobody uses', 'no-orphans', { 'src/core/alone.ts': 'export const alone = 1;\n' }],
  ])('%s', async (_, rule, files) => {
    const result = await cruiseTree(plantTree({ 'src/platform/thing.ts': thing, ...files }));
    expect(violationsOf(result).map((line) => line.split(':')[0])).toContain(rule);
  });
});

it('X103: every dependency has one exact version, so that an upgrade is a commit', () => {
  const versions = z.record(z.string(), z.string());
  const { dependencies, devDependencies } = z
    .object({ dependencies: versions, devDependencies: versions })
    .parse(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')));
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
  );
  expect(loose).toEqual([]);
});

it('docs/architecture.md prints the table that is enforced', async () => {
  const { MAY_IMPORT } = z
    .object({ MAY_IMPORT: z.record(z.string(), z.array(z.string())) })
    .parse(await import(pathToFileURL(path.join(root, '.dependency-cruiser.mjs')).href));
  const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)`\s*\| (.+?)\s*\|$/gm)].map(
    ([, folder, allowed = '']) => [
      folder,
      [...allowed.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    ],
  );
  const everything = Object.entries(MAY_IMPORT).map(([folder, allowed]) => [
    folder,
    allowed.filter((name) => name !== '*'),
  ]);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(everything));
});
