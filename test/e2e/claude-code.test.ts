/** The plugin in a real Claude Code with a scripted model: validated, installed, used, and nothing left behind. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { VERSION } from '#core/version.ts';
import {
  eventsOf,
  hasClaude,
  howToGetClaude,
  runClaude,
  toolOutcomes,
  type Ended,
  type Surroundings,
} from '../rigs/claude-code/claude-code.ts';
import {
  startFakeMessagesApi,
  type FakeMessagesApi,
  type ModelRequest,
  type ScriptedTurn,
} from '../rigs/claude-code/fake-messages-api.ts';
import { addAccount, allowNewRepos, type FakeRepo } from '../fakes/hub/fake-repo.ts';
import {
  startFakeServices,
  TEST_TOKENS,
  TOKEN_ENV,
  type FakeServices,
} from '../fakes/hub/fake-services.ts';
import { endProcessesNaming, processesNaming } from '../rigs/processes.ts';
import { makeStateFolder, pythonVariables } from '../rigs/environments.ts';
import { makeRelease } from '../rigs/release.ts';
import { isMissing } from '../rigs/require.ts';

const tool = (name: string): string => `mcp__plugin_glovebox_glovebox__${name}`;

const PLOT = `import matplotlib.pyplot as plt
plt.plot([1, 4, 9])
plt.show()`;

/** What the answers so far call by that name. */
const idIn = (request: ModelRequest, name: string): string => {
  const text = toolOutcomes(request.messages)
    .map((outcome) => outcome.text)
    .join('\n');
  return new RegExp(`${name}: ([a-z0-9-]+)`).exec(text)?.[1] ?? `no ${name} in the answers`;
};

const execute =
  (code: string): ScriptedTurn =>
  (request) => ({
    tools: [
      { name: tool('execute_code'), input: { session_id: idIn(request, 'session_id'), code } },
    ],
  });

const shell = (command: string): ScriptedTurn => ({
  tools: [{ name: 'Bash', input: { command, description: 'command line' } }],
});

const PROBE = '@expose\ndef layers(deep: bool) -> int:\n    return 12 if deep else 1\n';

const USED_TOOLS = [
  tool('start_new_notebook'),
  tool('execute_code'),
  tool('sandbox_create'),
  tool('list_sessions'),
  tool('probe__layers'),
  'Bash',
];

const SCRIPT: readonly ScriptedTurn[] = [
  // The default back end is a rented one, and nothing rents a machine unasked.
  { tools: [{ name: tool('sandbox_create'), input: { backend: 'local' } }] },
  (request) => {
    const input = { experiment_name: 'plugin', sandbox_id: idIn(request, 'sandbox_id') };
    return { tools: [{ name: tool('start_new_notebook'), input }] };
  },
  execute('answer = 6 * 7\nprint("the answer is", answer)'),
  execute('answer / 0'),
  execute(PLOT),
  { tools: [{ name: tool('sandbox_create'), input: { dry_run: true } }] },
  shell('glovebox --version'),
  shell('glovebox serve probe.py'),
  // Whatever is called next, the server looks what there is, and tells.
  { tools: [{ name: tool('list_sessions'), input: {} }] },
  // A model takes longer for its next thought than this one.
  shell('glovebox serve'),
  { tools: [{ name: tool('probe__layers'), input: { deep: true } }] },
  shell('glovebox serve --stop --name probe'),
  shell('echo "the token is $HF_TOKEN"'),
  { text: 'FINAL' },
];

describe.skipIf(isMissing('Claude Code', hasClaude, howToGetClaude))(
  'plugin in Claude Code',
  () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-claude-'));
    const state = path.join(folder, 'state');
    const where: Surroundings = {
      home: path.join(folder, 'home'),
      project: path.join(folder, 'project'),
      env: { GLOVEBOX_DIR: state, ...pythonVariables() },
    };
    let services: FakeServices;
    let made: ReadonlyMap<string, FakeRepo>;
    let api: FakeMessagesApi;
    let session: Ended;

    const claude = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runClaude(args, where);
      expect({ code, output: `${stdout}${stderr}` }).toMatchObject({ code: 0 });
      return stdout;
    };

    beforeAll(async () => {
      makeStateFolder(state);
      mkdirSync(where.project, { recursive: true });
      writeFileSync(path.join(where.project, 'probe.py'), PROBE);
      // Only what a user gets, far from the sources and from node_modules.
      const { marketplace } = makeRelease(path.join(folder, 'release'));
      await claude('plugin', 'marketplace', 'add', marketplace);
      services = await startFakeServices();
      addAccount(services, 'me');
      made = allowNewRepos(services);
      // No credentials come with it, so a dry run there says that they are missing: proof that the option arrived.
      await claude('plugin', 'install', 'glovebox@glovebox', '--config', 'backend=modal');
      api = await startFakeMessagesApi(SCRIPT);
      session = await runClaude(
        [
          '-p',
          'go',
          '--output-format',
          'stream-json',
          '--verbose',
          '--allowedTools',
          ...USED_TOOLS,
        ],
        {
          ...where,
          env: {
            ...where.env,
            ...services.env,
            ...TOKEN_ENV,
            ANTHROPIC_BASE_URL: api.url,
            GLOVEBOX_SAVE_SESSIONS: '1',
            GLOVEBOX_REDACT_OUTPUTS: '1',
          },
        },
      );
    }, 240_000);

    afterAll(async () => {
      await api?.close();
      await services?.close();
      await endProcessesNaming(folder);
      rmSync(folder, { recursive: true, force: true });
    });

    it.each(['plugin', '.'])(
      'P1, P17, acceptance 50: %s of what was packed passes the strict validator',
      async (place) => {
        await claude(
          'plugin',
          'validate',
          '--strict',
          path.join(folder, 'release/glovebox', place),
        );
      },
    );

    it('is installed from the marketplace and its server connects', async () => {
      expect(await claude('plugin', 'list')).toContain('glovebox@glovebox');
      expect(await claude('mcp', 'list')).toMatch(/plugin:glovebox:glovebox: .*Connected/);
    });

    it('runs the script to its end', () => {
      expect(session.code, session.stderr).toBe(0);
      const result = eventsOf(session.stdout).findLast(({ type }) => type === 'result');
      expect(result).toMatchObject({ result: 'FINAL', is_error: false, permission_denials: [] });
      expect(api.unexpected).toEqual([]);
    });

    it('has its server connected and its tools known from the start', () => {
      const { mcp_servers: servers, tools } = z
        .looseObject({
          mcp_servers: z.array(z.looseObject({ name: z.string(), status: z.string() })),
          tools: z.array(z.string()),
        })
        .parse(eventsOf(session.stdout).find(({ subtype }) => subtype === 'init'));
      expect(servers).toContainEqual(
        expect.objectContaining({ name: 'plugin:glovebox:glovebox', status: 'connected' }),
      );
      expect(tools).toEqual(expect.arrayContaining([tool('execute_code'), tool('get_run')]));
    });

    it('puts the daily tools into the first request already, and the instructions', () => {
      const names = api.requests[0]?.tools?.map(({ name }) => name);
      expect(names).toEqual(
        expect.arrayContaining([tool('start_new_notebook'), tool('execute_code')]),
      );
      expect(JSON.stringify(api.requests[0])).toContain(
        'Glovebox gives you live Jupyter notebooks',
      );
    });

    it('gives the model text, an exception as a normal answer, and a plot as an image', () => {
      const [, start, text, exception, plot] = toolOutcomes(api.requests.at(-1)?.messages ?? []);
      expect(start).toMatchObject({
        isError: false,
        text: expect.stringMatching(/session_id: s-/),
      });
      expect(text).toMatchObject({
        isError: false,
        text: expect.stringContaining('the answer is 42'),
      });
      expect(exception).toMatchObject({
        isError: false,
        text: expect.stringContaining('ZeroDivisionError'),
      });
      expect(plot?.blockTypes).toContain('image');
    });

    it('PostToolUse: shows the model what a command printed, and no secret', () => {
      const outcomes = toolOutcomes(api.requests.at(-1)?.messages ?? []);
      const printed = outcomes.find(({ text }) => text.includes('the token is'));
      expect(printed?.text).toContain('the token is [REDACTED:known-secret]');
      expect(JSON.stringify(api.requests)).not.toContain(TEST_TOKENS.hub);
    });

    it('11.6: ends with a redacted transcript in the private dataset', async () => {
      const sent = (): string[] =>
        [...(made.get('me/glovebox-sessions')?.files ?? [])]
          .filter(([file]) => file.startsWith('sessions/'))
          .map(([, { bytes }]) => bytes.toString());
      await expect.poll(() => sent().length, { timeout: 30_000, interval: 100 }).toBe(1);
      const [text = ''] = sent();
      expect(text).toContain('the answer is 42');
      expect(text).toContain('[REDACTED:known-secret]');
      expect(text).not.toContain(TEST_TOKENS.hub);
      expect(
        text
          .trimEnd()
          .split('\n')
          .map((line): unknown => JSON.parse(line)),
      ).not.toEqual([]);
      expect(made.get('me/glovebox-sessions')?.settings.private).toBe(true);
      expect(services.leaks()).toEqual([]);
      expect(services.unexpected()).toEqual([]);
    });

    it('4.3: gives the server the options of the plugin', () => {
      const [, , , , , dryRun] = toolOutcomes(api.requests.at(-1)?.messages ?? []);
      expect(dryRun?.text).toMatch(/Modal/);
    });

    it('X133: has the command line on the PATH of its shell', () => {
      const [, , , , , , version] = toolOutcomes(api.requests.at(-1)?.messages ?? []);
      expect(version).toMatchObject({ isError: false, text: VERSION });
    });

    it('W10: takes up a function that was exposed meanwhile as a tool, and calls it', () => {
      const [, , , , , , , served, , , called, stopped] = toolOutcomes(
        api.requests.at(-1)?.messages ?? [],
      );
      expect(served).toMatchObject({ isError: false, text: expect.stringContaining('layers') });
      expect(called).toMatchObject({ isError: false, text: expect.stringContaining('12') });
      expect(stopped).toMatchObject({ isError: false, text: 'probe has ended.' });
    });

    it('11.3: a command reaches the model, and may use the tools that it names without a question', async () => {
      const other = await startFakeMessagesApi([
        { tools: [{ name: tool('sandbox_list'), input: { all_projects: true } }] },
        { text: 'STATUS' },
      ]);
      const { stdout } = await runClaude(
        ['-p', '/glovebox:status', '--output-format', 'stream-json', '--verbose'],
        { ...where, env: { ...where.env, ANTHROPIC_BASE_URL: other.url } },
      );
      await other.close();
      expect(JSON.stringify(other.requests[0])).toContain('Show the user how things stand');
      const result = eventsOf(stdout).findLast(({ type }) => type === 'result');
      expect(result).toMatchObject({ result: 'STATUS', is_error: false, permission_denials: [] });
      const [listed] = toolOutcomes(other.requests.at(-1)?.messages ?? []);
      expect(listed).toMatchObject({ isError: false, text: expect.stringContaining('local') });
    });

    it('keeps the notebook in the project', () => {
      expect(readdirSync(path.join(where.project, 'notebooks'))).toEqual([
        expect.stringMatching(/plugin.*\.ipynb$/),
      ]);
    });

    it('is gone again after what the README says', async () => {
      await claude('plugin', 'uninstall', 'glovebox@glovebox');
      await claude('plugin', 'marketplace', 'remove', 'glovebox');
      expect(await claude('plugin', 'list')).not.toContain('glovebox');
    });

    it('X104: leaves the Jupyter server and its kernel running, and nothing else', () => {
      const left = processesNaming(folder);
      const kinds = left.map(
        ({ command }) => /serve\.py|launch_kernel\.py/.exec(command)?.[0] ?? command,
      );
      expect(kinds.toSorted()).toEqual(['launch_kernel.py', 'serve.py']);
    });
  },
);
