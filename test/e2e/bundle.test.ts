/** The bundle alone in an empty folder, on every Node it promises to run on, in a broken world. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { tools } from '#tools/index.ts';
import { factsOf } from '#tools/listed-tool.ts';
import { ERAS } from '../mcp/harness.ts';
import { startServer, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { isMissing } from '../rigs/require.ts';
import { extraNodes } from '../rigs/variables.ts';

const NODES = [process.execPath, ...extraNodes];
isMissing(
  'A second version of Node',
  extraNodes.length > 0,
  'Name their programs in GLOVEBOX_TEST_NODES, separated by colons.',
);

const toolNames = tools.map(({ name }) => name);

describe.each(NODES)('bundle on %s', (node) => {
  it.each(ERAS)(
    'P1, Q1, acceptance 50: lists its tools in the %s era, without node_modules',
    async (era) => {
      const bundle = unpackBundle();
      const { client, protocolErrors } = await startServer(bundle, { era, node });
      // Written down by the build; the same as what a server says that has loaded them.
      const { tools: listedTools } = await client.listTools();
      expect(
        listedTools.map(({ name, title, description, inputSchema }) => ({
          name,
          title,
          description,
          inputSchema,
        })),
      ).toEqual(
        tools.map(factsOf).map(({ name, title, description, inputSchema }) => ({
          name,
          title,
          description,
          inputSchema,
        })),
      );
      expect(client.getServerVersion()?.name).toBe('glovebox');
      expect(protocolErrors).toEqual([]);
    },
  );

  it('answers the command line', () => {
    const bundle = unpackBundle();
    const { status, stdout } = spawnSync(node, [bundle.file('cli.mjs'), '--version'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: bundle.home },
    });
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

/** What can be wrong with a machine; none of it is a reason not to answer the handshake. */
const BROKEN_WORLDS: readonly {
  readonly what: string;
  prepare(bundle: Bundle): Readonly<Record<string, string>>;
}[] = [
  { what: 'no Python, and nothing else, on the PATH', prepare: () => ({ PATH: '/nowhere' }) },
  {
    what: 'a configuration that cannot be parsed',
    prepare: ({ home, project }) => {
      mkdirSync(path.join(home, '.glovebox'));
      writeFileSync(path.join(home, '.glovebox/glovebox.toml'), '[run\nwait_s = = 3');
      writeFileSync(path.join(project, 'glovebox.toml'), '\0\0 no toml');
      return {};
    },
  },
  {
    what: 'a home that cannot be written',
    prepare: ({ home }) => {
      chmodSync(home, 0o500);
      return {};
    },
  },
  { what: 'a home that does not exist', prepare: () => ({ HOME: '/nowhere/at/all' }) },
  {
    what: 'a state folder that is a file',
    prepare: ({ home }) => {
      writeFileSync(path.join(home, '.glovebox'), 'not a folder');
      return {};
    },
  },
  {
    what: 'variables that make no sense, blank ones and unreplaced ones',
    prepare: () => ({
      GLOVEBOX_WAIT_S: 'soon',
      GLOVEBOX_BACKEND: 'moon',
      GLOVEBOX_PORT_MIN: '70000',
      GLOVEBOX_TOOLSETS: '',
      GLOVEBOX_DIR: '${GLOVEBOX_DIR}',
      GLOVEBOX_NO_SUCH_OPTION: '1',
    }),
  },
];

describe.each(BROKEN_WORLDS)('P4: with $what', (world) => {
  it.each(ERAS)(
    'the handshake succeeds in the %s era and a call says what is wrong',
    async (era) => {
      const bundle = unpackBundle();
      const { client, protocolErrors } = await startServer(bundle, {
        era,
        env: world.prepare(bundle),
      });
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(toolNames);
      const result = await client.callTool({ name: 'list_sessions', arguments: {} });
      const [block] = result.content;
      const text = block?.type === 'text' ? block.text : '';
      if (result.isError === true) expect(text).toMatch(/^\[(?!internal)[a-z/-]+\] .*\nNext: /s);
      else expect(text).not.toBe('');
      expect(protocolErrors).toEqual([]);
    },
  );
});

it('P4: in a working folder that was deleted, the handshake succeeds', async () => {
  const bundle = unpackBundle();
  const gone = path.join(bundle.folder, 'gone');
  mkdirSync(gone);
  const command = `cd "${gone}" && rmdir "${gone}" && exec "${process.execPath}" "${bundle.file('mcp.mjs')}"`;
  const child = spawn('sh', ['-c', command], {
    env: { PATH: process.env['PATH'], HOME: bundle.home },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.write(`${JSON.stringify(INITIALIZE)}\n`);
  const [answer] = await once(child.stdout, 'data');
  expect(String(answer)).toContain('"serverInfo"');
  child.stdin.end();
  await once(child, 'exit');
});

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '0' },
  },
};

it('X99: creates nothing on disk by being started', async () => {
  const bundle = unpackBundle();
  const { client } = await startServer(bundle, { era: 'legacy' });
  await client.listTools();
  await client.close();
  expect(readdirSync(bundle.project)).toEqual([]);
  const made = readdirSync(bundle.home, { recursive: true, encoding: 'utf8' });
  expect(made.filter((file) => !/^\.glovebox(\/logs(\/mcp\.log)?)?$/.test(file))).toEqual([]);
});

it('lists its tools with no tool loaded, and little else', () => {
  const bundle = unpackBundle();
  const dist = path.dirname(bundle.file('mcp.mjs'));
  const serve = readdirSync(dist).filter((name) => /^serve-.*\.mjs$/.test(name));
  const loaded = new Map<string, string>();
  const load = (name: string): void => {
    if (loaded.has(name)) return;
    const text = readFileSync(path.join(dist, name), 'utf8');
    loaded.set(name, text);
    for (const [, imported = ''] of text.matchAll(/(?:from|import)\s?"\.\/([^"]+)"/g))
      load(imported);
  };
  expect(serve).toHaveLength(1);
  for (const name of serve) load(name);
  const texts = [...loaded.values()];
  // The table of options shows that the files have been followed.
  expect(texts.some((text) => text.includes('GLOVEBOX_TOOLSETS'))).toBe(true);
  expect(
    [...loaded].filter(([, text]) => text.includes('defineTool(')).map(([name]) => name),
  ).toEqual([]);
  // Mostly the SDK and its schema library. Comments, or a module that nobody needs yet, make it more.
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  expect(bytes).toBeLessThan(700_000);
});

describe('the hook that asks about money', () => {
  it('loads three files of the bundle, and no builtin that costs milliseconds', () => {
    const bundle = unpackBundle();
    const report = path.join(bundle.folder, 'report.cjs');
    const loaded = path.join(bundle.folder, 'loaded.json');
    writeFileSync(
      report,
      `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(loaded)}, JSON.stringify({
        builtins: process.moduleLoadList.filter((name) => name.startsWith('NativeModule ')).map((name) => name.slice(13)),
        files: Object.keys(require.cache).map((file) => require('node:path').basename(file)),
      })));`,
    );
    const run = (...args: readonly string[]): { builtins: string[]; files: string[] } => {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['-r', report, ...args], {
        encoding: 'utf8',
        cwd: bundle.project,
        env: { HOME: bundle.home },
        input: JSON.stringify({
          hook_event_name: 'PreToolUse',
          permission_mode: 'default',
          tool_use_id: 'toolu_1',
          tool_name: 'mcp__glovebox__sandbox_create',
          tool_input: { backend: 'modal', options: { gpu: 'T4' } },
        }),
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      if (args.length > 1) expect(stdout).toContain('Start a paid sandbox on modal?');
      return JSON.parse(readFileSync(loaded, 'utf8'));
    };
    // What it asks is signed and told apart by hashes.
    const hashing = path.join(bundle.folder, 'hashing.cjs');
    writeFileSync(hashing, "require('node:crypto')");
    const nothing = run(hashing);
    // The first one makes the key for that.
    run(bundle.file('hook.cjs'), 'PreToolUse');
    const { builtins, files } = run(bundle.file('hook.cjs'), 'PreToolUse');
    expect(builtins.filter((name) => !nothing.builtins.includes(name)).toSorted()).toEqual(['os']);
    expect(files.filter((file) => file !== 'report.cjs')).toEqual([
      'hook.cjs',
      expect.stringMatching(/^hook-question-/),
      expect.stringMatching(/^hook-rolldown-runtime-/),
    ]);
  });
});

it('an older Node is refused in words', () => {
  const bundle = unpackBundle();
  // The version is all that the check looks at, so it is what this test makes older.
  const older = path.join(bundle.folder, 'older.cjs');
  writeFileSync(
    older,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });`,
  );
  for (const name of ['mcp.mjs', 'cli.mjs', 'hook.cjs']) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['-r', older, bundle.file(name)],
      {
        encoding: 'utf8',
        input: '',
      },
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/needs Node 20\.19 or newer\. This is Node 18\.20\.8/);
  }
});

it('holds the programs and what they read, and nothing else', () => {
  const bundle = unpackBundle();
  const files = readdirSync(path.join(bundle.folder, 'dist'), {
    recursive: true,
    encoding: 'utf8',
  });
  expect(files).toEqual(
    expect.arrayContaining([
      'mcp.mjs',
      'cli.mjs',
      'index.mjs',
      'index.d.mts',
      'script.mjs',
      'script-hooks.mjs',
      'hook.cjs',
      'image-worker.mjs',
      'resvg.wasm',
      'webp.wasm',
      'DejaVuSans.ttf',
      'python/serve.py',
    ]),
  );
  expect(
    files.filter(
      (file) => !/^python(\/glovebox_interp)?$|\.(d\.mts|mjs|cjs|sh|wasm|ttf|py|typed)$/.test(file),
    ),
  ).toEqual([]);
});
