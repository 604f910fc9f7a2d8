/** Bundles what a plugin installs: `plugin/dist/`, with all JavaScript inside, for a folder without node_modules. */
import { copyFile, cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import { defineConfig, type Rolldown, type UserConfig } from 'tsdown';

const require = createRequire(import.meta.url);

/** Files that the image worker reads at run time; `src/main/image-assets.ts` looks for them beside itself. */
const ASSETS: Readonly<Record<string, string>> = {
  'resvg.wasm': '@resvg/resvg-wasm/index_bg.wasm',
  'webp.wasm': '@jsquash/webp/codec/dec/webp_dec.wasm',
  'DejaVuSans.ttf': 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf',
};

/** The types of the library, which are all its own: nothing of them needs another package. */
const types = defineConfig({
  entry: { index: 'src/index.ts' },
  outDir: 'plugin/dist',
  format: 'esm',
  platform: 'node',
  dts: { emitDtsOnly: true, oxc: true },
  deps: { neverBundle: [/^#(?!core|library|workspace\/library)/] },
  clean: false,
  logLevel: 'warn',
});

const shared: UserConfig = {
  outDir: 'plugin/dist',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: false,
  // Sources stay in memory as they are written, so without comments and blanks. Names stay, for stack traces.
  minify: { compress: false, mangle: { keepNames: true }, codegen: { removeWhitespace: true } },
  sourcemap: false,
  logLevel: 'warn',
  deps: { alwaysBundle: [/.*/], onlyBundle: false },
};

/** Computed here and not at each start, of which it took a third: it needs every tool, and the schema library to work on them. */
const toolFacts: Rolldown.Plugin = {
  name: 'tool-facts',
  load: {
    filter: { id: /src[\\/]main[\\/]tool-facts\.ts$/ },
    async handler(id) {
      const { TOOL_FACTS } = await tsImport(pathToFileURL(id).href, import.meta.url);
      return `export const TOOL_FACTS = JSON.parse(${JSON.stringify(JSON.stringify(TOOL_FACTS))});`;
    },
  },
};

const BASE =
  /src[\\/](core[\\/](?!json)[\w-]+|config[\\/](environment|option|[\w-]+-settings)|platform[\\/](clock|files|file-system|hold-process|lock|process-identity|records)|policy[\\/](normalise|policy-dir|prompt|cost|spending|ledger-lines))\.ts$/;

const programs = defineConfig({
  ...shared,
  entry: {
    mcp: 'src/bin/mcp.ts',
    cli: 'src/bin/cli.ts',
    index: 'src/index.ts',
    script: 'src/bin/script.ts',
    'script-hooks': 'src/main/script-hooks.ts',
    'image-worker': 'src/notebook/render/image-worker.ts',
  },
  clean: true,
  plugins: [toolFacts],
  outputOptions: {
    codeSplitting: {
      includeDependenciesRecursively: false,
      // What every program needs in one file and not in twenty: to find and open one takes longer than to read it. None of it imports
      // a package; `core/json.ts` stays apart for the image worker, which needs nothing else.
      groups: [{ name: 'base', test: BASE }],
    },
  },
  alias: {
    '@modelcontextprotocol/server/_shims': path.resolve('scripts/bundle/mcp-shims.mjs'),
  },
  hooks: {
    'build:done': async ({ options }) => {
      for (const [name, source] of Object.entries(ASSETS)) {
        await copyFile(require.resolve(source), path.join(options.outDir, name));
      }
      // The only Python: `src/main/python-files.ts` looks for it beside the bundle.
      await cp('python', path.join(options.outDir, 'python'), {
        recursive: true,
        filter: (file) => !file.includes('__pycache__'),
      });
    },
  },
});

/** `node:fs/promises`, and what stands in for it where a process lives for some milliseconds. */
const standIn = (builtin: string): readonly [string, string] => [
  `node:${builtin}`,
  path.resolve(`scripts/bundle/hook/${builtin.replaceAll(/[/_]/g, '-')}.mjs`),
];

/**
 * Built by itself, for a start that is to be felt by nobody: CommonJS, because Node's loader of ES modules takes as long as all that is
 * done here; everything that a question about money needs in one file, and the rest where it is needed; without the builtins that cost
 * milliseconds. test/e2e/bundle.test.ts tells what is loaded.
 */
const hook = defineConfig({
  ...shared,
  entry: { hook: 'src/bin/hook.ts' },
  format: 'cjs',
  minify: true,
  clean: false,
  alias: Object.fromEntries(['child_process', 'fs/promises', 'path'].map(standIn)),
  outputOptions: {
    chunkFileNames: 'hook-[name]-[hash].cjs',
    // With all that it imports, and no more: what it imports when it is needed comes in files of its own.
    codeSplitting: { groups: [{ name: 'question', test: /src[\\/]main[\\/]hook\.ts$/ }] },
  },
});

export default [programs, types, hook];
