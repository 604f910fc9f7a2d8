/** The guard in a real Claude Code: what costs is asked about in its own prompt, what deletes in a question of the server. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addAccount, addRepo, type FakeRepo } from '../fakes/hub/fake-repo.ts';
import { startFakeServices, TOKEN_ENV, type FakeServices } from '../fakes/hub/fake-services.ts';
import {
  eventsOf,
  hasClaude,
  howToGetClaude,
  runClaude,
  toolOutcomes,
  type Surroundings,
} from '../rigs/claude-code/claude-code.ts';
import { converse } from '../rigs/claude-code/conversation.ts';
import {
  startFakeMessagesApi,
  type FakeMessagesApi,
  type ScriptedTurn,
} from '../rigs/claude-code/fake-messages-api.ts';
import { makeStateFolder, pythonVariables } from '../rigs/environments.ts';
import { freePort, testCertificate } from '../rigs/modal-backend.ts';
import { startModalPlace, type ModalPlace } from '../rigs/modal-place.ts';
import { endProcessesNaming } from '../rigs/processes.ts';
import { MARK } from '../rigs/reaper.mjs';
import { isMissing } from '../rigs/require.ts';

const plugin = path.resolve(import.meta.dirname, '../../plugin');
const tool = (name: string): string => `mcp__plugin_glovebox_glovebox__${name}`;
const isWithoutRig =
  isMissing('Claude Code', hasClaude, howToGetClaude) ||
  isMissing('openssl', testCertificate() !== undefined, 'Install openssl.');

describe.skipIf(isWithoutRig)('8.1, 8.2: Claude Code', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-claude-policy-'));
  const state = path.join(folder, 'state');
  const ends: (() => Promise<void>)[] = [];
  let where: Surroundings;
  let modal: ModalPlace;
  let services: FakeServices;
  let repo: FakeRepo;
  let gpu: object;
  const apis: FakeMessagesApi[] = [];

  /** The model says these things in turn, in a session of its own. */
  const model = async (
    ...turns: ScriptedTurn[]
  ): Promise<{ api: FakeMessagesApi; at: Surroundings }> => {
    const api = await startFakeMessagesApi([...turns, { text: 'FINAL' }]);
    apis.push(api);
    return { api, at: { ...where, env: { ...where.env, ANTHROPIC_BASE_URL: api.url } } };
  };

  beforeAll(async () => {
    makeStateFolder(state);
    modal = await startModalPlace(folder, (end) => void ends.push(end));
    services = await startFakeServices();
    ends.push(() => services.close());
    addAccount(services, 'me');
    repo = addRepo(services, {
      type: 'model',
      id: 'me/model',
      files: { 'a.log': 'a', 'b.log': 'b', 'c.txt': 'c' },
    });
    gpu = {
      backend: 'modal',
      options: {
        gpu: 'T4',
        env: { [MARK]: 'of the fake' },
        kernel_packages: 'minimal',
        jupyter_port: await freePort(),
      },
    };
    mkdirSync(path.join(folder, 'project'));
    where = {
      home: path.join(folder, 'home'),
      project: path.join(folder, 'project'),
      env: {
        GLOVEBOX_DIR: state,
        ...pythonVariables(),
        ...services.env,
        ...TOKEN_ENV,
        ...modal.env,
      },
    };
  }, 60_000);

  afterEach(async () => {
    await Promise.all(apis.splice(0).map((api) => api.close()));
  });

  afterAll(async () => {
    for (const end of ends) await end();
    await endProcessesNaming(folder);
    rmSync(folder, { recursive: true, force: true });
  });

  it('a paid sandbox: asked in its own prompt; no is a no, yes starts it and is not asked again', async () => {
    const call: ScriptedTurn = { tools: [{ name: tool('sandbox_create'), input: gpu }] };
    const { api, at } = await model(call, call);
    const reasons: string[] = [];
    // Allowed by the user's own rules: the hook asks all the same.
    const talk = await converse(
      'go',
      ['--plugin-dir', plugin, '--allowedTools', tool('sandbox_create')],
      at,
      {
        onPermission: (asked) => {
          reasons.push(JSON.stringify(asked));
          if (reasons.length === 1) expect(modal.fake.alive()).toEqual([]);
          return reasons.length === 1 ? 'deny' : 'allow';
        },
        onElicitation: ({ message }) => {
          throw new Error(`asked a second time: ${message}`);
        },
      },
    );
    expect(talk.result).toMatchObject({ result: 'FINAL' });
    expect(reasons).toHaveLength(2);
    // The name of the account is asked for by the server; until then the hook tells whose token it is.
    for (const fact of ['max. $1.07', '60 min x $0.0178', 'account', 'hardware   1 x T4', 'budget'])
      expect(reasons[0]).toContain(fact);
    const [denied, started] = toolOutcomes(api.requests.at(-1)?.messages ?? []);
    expect(denied).toMatchObject({ isError: true });
    expect(started).toMatchObject({
      isError: false,
      text: expect.stringContaining('spent or reserved $1.07'),
    });
    expect(modal.fake.alive()).toHaveLength(1);
    // 8: who the user is and what may be spent was in the first request.
    const first = JSON.stringify(api.requests[0]);
    expect(first).toContain('Hugging Face: me');
    expect(first).toContain('is asked of the user first');
  }, 90_000);

  it('a deletion in a repository: asked by the server with every file; no and yes', async () => {
    const input = { operation: 'Delete', repo_id: 'me/model', patterns: ['*.log'] };
    const call: ScriptedTurn = { tools: [{ name: tool('hf_repo_files'), input }] };
    const { api, at } = await model(call, call);
    const questions: string[] = [];
    await converse('go', ['--plugin-dir', plugin, '--allowedTools', tool('hf_repo_files')], at, {
      onPermission: () => 'deny',
      onElicitation: ({ message }) => {
        questions.push(message);
        return questions.length === 1 ? 'decline' : 'approve';
      },
    });
    expect(questions).toHaveLength(2);
    expect(questions[0]).toMatch(/^Delete 2 files of the model me\/model, yours \(me\)\?/);
    expect(questions[0]).toContain('a.log');
    const [no, yes] = toolOutcomes(api.requests.at(-1)?.messages ?? []);
    expect(no).toMatchObject({ isError: true, text: expect.stringContaining('policy/refused') });
    expect(yes).toMatchObject({
      isError: false,
      text: expect.stringContaining('Deleted 2 of 3 files'),
    });
    expect([...repo.files.keys()]).toEqual(['c.txt']);
  }, 90_000);

  /** The plugin with these hooks instead of its own. */
  const pluginWith = (name: string, hooks: object): string => {
    const copy = path.join(folder, name);
    cpSync(plugin, copy, { recursive: true });
    writeFileSync(path.join(copy, 'hooks/hooks.json'), JSON.stringify({ hooks }));
    return copy;
  };
  const hookThat = (program: string): object => {
    const hook = { type: 'command', command: 'node', args: ['-e', program], timeout: 10 };
    return { PreToolUse: [{ matcher: '^mcp__plugin_glovebox_', hooks: [hook] }] };
  };

  it.each([
    ['taken out', {}],
    ['that crashes', hookThat('process.stderr.write("broken"); process.exit(1)')],
  ])(
    '12.2: with its hook %s the server asks, and no is a no',
    async (how, hooks) => {
      const before = modal.fake.alive().length;
      const { api, at } = await model({
        tools: [{ name: tool('sandbox_create'), input: { ...gpu, name: 'unhooked' } }],
      });
      const questions: string[] = [];
      await converse(
        'go',
        ['--plugin-dir', pluginWith(how, hooks), '--allowedTools', tool('sandbox_create')],
        at,
        {
          onPermission: (asked) => {
            throw new Error(`the hook asked: ${JSON.stringify(asked)}`);
          },
          onElicitation: ({ message }) => {
            questions.push(message);
            return 'decline';
          },
        },
      );
      expect(questions).toEqual([
        expect.stringMatching(/^Start a paid sandbox on modal\?   max\. /),
      ]);
      expect(questions[0]).toContain('account    acme-lab');
      const [no] = toolOutcomes(api.requests.at(-1)?.messages ?? []);
      expect(no).toMatchObject({ isError: true, text: expect.stringContaining('policy/refused') });
      expect(modal.fake.alive()).toHaveLength(before);
    },
    90_000,
  );

  it('6.3: a call that another hook defers starts nothing, and is asked about when the session goes on', async () => {
    const before = modal.fake.alive().length;
    const settings = path.join(folder, 'defer.json');
    const answer = { hookEventName: 'PreToolUse', permissionDecision: 'defer' };
    const print = `console.log(${JSON.stringify(JSON.stringify({ hookSpecificOutput: answer }))})`;
    writeFileSync(settings, JSON.stringify({ hooks: hookThat(print) }));
    const { api, at } = await model({
      tools: [{ name: tool('sandbox_create'), input: { ...gpu, name: 'later' } }],
    });
    const always = ['--plugin-dir', plugin, '--allowedTools', tool('sandbox_create')];
    const first = await runClaude(
      [
        '-p',
        'go',
        '--output-format',
        'stream-json',
        '--verbose',
        '--settings',
        settings,
        ...always,
      ],
      at,
    );
    const deferred = eventsOf(first.stdout).findLast(({ type }) => type === 'result');
    expect(deferred).toMatchObject({
      stop_reason: 'tool_deferred',
      deferred_tool_use: { name: tool('sandbox_create') },
    });
    expect(modal.fake.alive()).toHaveLength(before);
    const reasons: string[] = [];
    const talk = await converse(
      'go on',
      ['--resume', String(deferred?.['session_id']), ...always],
      at,
      {
        onPermission: (asked) => {
          reasons.push(JSON.stringify(asked));
          return 'deny';
        },
        onElicitation: () => 'decline',
      },
    );
    expect({ reasons, result: talk.result, last: api.requests.at(-1)?.messages }).toMatchObject({
      reasons: [expect.stringContaining('Start a paid sandbox on modal?')],
    });
    expect(modal.fake.alive()).toHaveLength(before);
  }, 90_000);

  it('unattended it hangs on nothing, and nothing happens; the new session is told what still runs', async () => {
    const before = modal.fake.alive().length;
    const { api, at } = await model({
      tools: [
        { name: tool('sandbox_create'), input: { ...gpu, name: 'another' } },
        {
          name: tool('hf_repo_files'),
          input: { operation: 'delete', repo_id: 'me/model', patterns: ['*'] },
        },
        { name: tool('hf_repo_git'), input: { operation: 'drop_repo', repo_id: 'me/model' } },
      ],
    });
    const { code, stdout } = await runClaude(
      [
        '-p',
        'go',
        '--plugin-dir',
        plugin,
        '--output-format',
        'stream-json',
        '--verbose',
        '--allowedTools',
        tool('sandbox_create'),
        tool('hf_repo_files'),
        tool('hf_repo_git'),
      ],
      at,
    );
    expect(code).toBe(0);
    expect(eventsOf(stdout).findLast(({ type }) => type === 'result')).toMatchObject({
      result: 'FINAL',
    });
    const outcomes = toolOutcomes(api.requests.at(-1)?.messages ?? []);
    expect(outcomes.map(({ isError }) => isError)).toEqual([true, true, true]);
    expect(outcomes[0]?.text).toContain('Start a paid sandbox on modal?');
    expect(outcomes[1]?.text).toMatch(/policy\/refused/);
    expect(outcomes[2]?.text).toContain('there is no hf_repo_git drop_repo');
    expect(modal.fake.alive()).toHaveLength(before);
    expect([...repo.files.keys()]).toEqual(['c.txt']);
    expect(JSON.stringify(api.requests[0])).toMatch(/Still running and paid for:.{1,20}modal-/);
  }, 90_000);
});
