/** `npm run live -- clients`: real Codex CLI, Gemini CLI and OpenCode, each against a scripted model, call a tool of the built server. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  LAST_WORDS,
  startFakeModels,
  type FakeModels,
  type ScriptedCall,
} from './clients/fake-models.ts';

const root = path.resolve(import.meta.dirname, '../..');
const server = path.join(root, 'plugin/dist/mcp.mjs');
const LIMIT_MS = 120_000;
/** In the notebook, and so in what the model is shown. */
const SIGN = 'the answer is 42';
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

interface Surroundings {
  readonly home: string;
  readonly project: string;
  readonly models: FakeModels;
}

interface LiveClient {
  readonly name: string;
  readonly packageName: string;
  /** Newer ones may behave differently: moved on purpose only. */
  readonly version: string;
  /** Below `node_modules`. */
  readonly program: string;
  readonly call: ScriptedCall;
  /** Run first, in the same surroundings. */
  readonly before?: readonly (readonly string[])[];
  /** What the model must have been told beside. */
  readonly told?: string;
  /** Writes its configuration; answers with what to start it with. */
  prepare(where: Surroundings): {
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
}

const input = { notebook_path: 'figure.ipynb', cells: ['figure'] };

const CLIENTS: readonly LiveClient[] = [
  {
    name: 'codex',
    packageName: '@openai/codex',
    version: '0.169.0',
    program: '.bin/codex',
    call: { namespace: 'mcp__glovebox', name: 'read_notebook', input },
    before: [
      ['plugin', 'marketplace', 'add', root],
      ['plugin', 'add', 'glovebox@glovebox'],
    ],
    told: 'glovebox:sandboxes',
    prepare({ home, project, models }) {
      const provider = `{name="fake",base_url="${models.url}/v1",wire_api="responses",requires_openai_auth=false}`;
      write(path.join(home, '.codex/config.toml'), documented('Codex CLI', project));
      return {
        args: [
          'exec',
          '--skip-git-repo-check',
          '--dangerously-bypass-approvals-and-sandbox',
          '-c',
          'model_provider=fake',
          '-c',
          `model_providers.fake=${provider}`,
          '-m',
          'fake',
          'go',
        ],
        env: { CODEX_HOME: path.join(home, '.codex') },
      };
    },
  },
  {
    name: 'gemini',
    packageName: '@google/gemini-cli',
    version: '0.61.0',
    program: '.bin/gemini',
    call: { name: 'mcp_glovebox_read_notebook', input },
    prepare({ home, project, models }) {
      write(
        path.join(home, '.gemini/settings.json'),
        JSON.stringify({
          ...parsed(documented('Gemini CLI', project)),
          security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
          privacy: { usageStatisticsEnabled: false },
          general: { disableAutoUpdate: true },
        }),
      );
      return {
        args: ['-p', 'go', '--approval-mode', 'yolo', '-m', 'gemini-2.5-flash'],
        env: { GOOGLE_GEMINI_BASE_URL: models.url, GEMINI_API_KEY: 'fake' },
      };
    },
  },
  {
    name: 'opencode',
    packageName: 'opencode-ai',
    version: '1.18.33',
    // Its own wrapper wants an install script to have run, and none runs here.
    program: `opencode-${process.platform}-${process.arch}/bin/opencode`,
    call: { name: 'glovebox_read_notebook', input },
    prepare({ project, models }) {
      write(
        path.join(project, 'opencode.json'),
        JSON.stringify({
          provider: {
            fake: {
              npm: '@ai-sdk/openai-compatible',
              options: { baseURL: `${models.url}/v1`, apiKey: 'fake' },
              models: {
                fake: {
                  name: 'fake',
                  tool_call: true,
                  attachment: true,
                  modalities: { input: ['text', 'image'], output: ['text'] },
                },
              },
            },
          },
          ...parsed(documented('OpenCode', project)),
        }),
      );
      return {
        args: ['run', '-m', 'fake/fake', 'go'],
        env: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' },
      };
    },
  },
];

/** @param flags names of clients; none means all of them. */
export async function runClients(flags: readonly string[]): Promise<boolean> {
  if (!existsSync(server)) {
    console.error('plugin/dist is missing: npm run build');
    return false;
  }
  let isFine = true;
  for (const client of CLIENTS) {
    if (flags.length > 0 && !flags.includes(client.name)) continue;
    const wrong = await check(client);
    console.log(
      `${wrong === undefined ? 'ok  ' : 'FAIL'} ${client.name} ${client.version}${wrong === undefined ? '' : `: ${wrong}`}`,
    );
    isFine &&= wrong === undefined;
  }
  return isFine;
}

/** What is wrong, or nothing. */
async function check(client: LiveClient): Promise<string | undefined> {
  const program = install(client);
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-client-'));
  const home = path.join(folder, 'home');
  const project = path.join(folder, 'project');
  const models = await startFakeModels(client.call);
  try {
    for (const dir of [home, project]) mkdirSync(dir);
    write(path.join(project, 'figure.ipynb'), JSON.stringify(NOTEBOOK));
    const { args, env } = client.prepare({ home, project, models });
    const surroundings = {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      TERM: 'dumb',
      NO_PROXY: '127.0.0.1,localhost',
      HTTPS_PROXY: 'http://127.0.0.1:9',
      ...env,
    };
    for (const words of client.before ?? []) await run(program, words, project, surroundings);
    const { code, output } = await run(program, args, project, surroundings);
    const shown = models.seen.find((body) => body.includes(SIGN));
    if (shown === undefined)
      return `the model was never shown the notebook (exit ${code}):\n${output.slice(-2000)}`;
    if (!shown.includes(PIXEL.slice(0, 40))) return 'the model was shown no picture';
    const { told } = client;
    if (told !== undefined && !models.seen.some((body) => body.includes(told)))
      return `the model was told nothing of ${told}`;
    if (!output.includes(LAST_WORDS))
      return `it did not come to its end (exit ${code}):\n${output.slice(-2000)}`;
    return undefined;
  } finally {
    await models.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What `docs/clients.md` tells people to write for a client, with the paths of this run. */
function documented(client: string, project: string): string {
  const page = readFileSync(path.join(root, 'docs/clients.md'), 'utf8');
  const section = page.split(`\n## ${client}\n`)[1]?.split('\n## ')[0] ?? '';
  const block = /```(?:json|toml)\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`docs/clients.md says nothing about ${client}`);
  return block.replaceAll('SERVER', server).replaceAll('/path/to/project', project);
}

const parsed = (json: string): object => Object(JSON.parse(json));

/** Into a folder of its own, once. */
function install({ name, packageName, version, program }: LiveClient): string {
  const prefix = path.join(root, '.cache/clients', `${name}-${version}`);
  const installed = path.join(prefix, 'node_modules', program);
  if (existsSync(installed)) return installed;
  console.error(`installing ${packageName}@${version} ...`);
  mkdirSync(prefix, { recursive: true });
  const args = [
    'install',
    '--prefix',
    prefix,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--ignore-scripts',
  ];
  spawnSync('npm', [...args, `${packageName}@${version}`], { stdio: 'inherit' });
  return installed;
}

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return { code: child.exitCode, output };
}

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const NOTEBOOK = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: [
    {
      id: 'figure',
      cell_type: 'code',
      source: 'plot()',
      metadata: {},
      execution_count: 1,
      outputs: [
        { output_type: 'stream', name: 'stdout', text: `${SIGN}\n` },
        { output_type: 'display_data', metadata: {}, data: { 'image/png': PIXEL } },
      ],
    },
  ],
};
