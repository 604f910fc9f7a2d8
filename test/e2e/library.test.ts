/** The built library and set-up scripts, as a project has them that installed nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { argumentsOf, listProcesses } from '#platform/process-list.ts';
import { call, callError, idOf } from '../mcp/call.ts';
import { prepareForKernels, startServer, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { createCli, type Cli } from '../rigs/cli.ts';
import { freePort, isCertificateMissing } from '../rigs/modal-backend.ts';
import { startModalWithModel, type ModalPlace } from '../rigs/modal-place.ts';
import { testPython } from '../rigs/python.ts';
import { MARK } from '../rigs/reaper.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const withoutCertificate = isCertificateMissing();

type Variables = Readonly<Record<string, string>>;

function cliOf(bundle: Bundle, env: Variables): Cli {
  return createCli({
    cwd: bundle.project,
    env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
    program: [process.execPath, bundle.file('cli.mjs')],
  });
}

function project(): { readonly bundle: Bundle; readonly env: Variables } {
  const bundle = unpackBundle();
  cpSync(path.join(root, 'test/fixtures/scripts'), path.join(bundle.project, 'scripts'), {
    recursive: true,
  });
  return { bundle, env: prepareForKernels(bundle) };
}

async function fakeModal(bundle: Bundle): Promise<ModalPlace> {
  const { fake, env } = await startModalWithModel(bundle.home);
  // A program can ask nobody.
  const budget = { GLOVEBOX_BUDGET_USD: '20' };
  return { fake, env: { ...prepareForKernels(bundle), ...env, ...budget } };
}

const KEYS = ['session_id', 'jupyter_url', 'sandbox_id', 'model_info'];
interface Line {
  readonly session_id: string;
  readonly jupyter_url: string;
  readonly sandbox_id: string;
  readonly model_info: readonly unknown[];
}

function lineOf(stdout: string): Line {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  const line: Line = JSON.parse(stdout);
  expect(Object.keys(line)).toEqual(KEYS);
  return line;
}

function filesWith(word: string, folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file, 'latin1').includes(word));
}

describe('glovebox run SCRIPT', () => {
  it('F3, F8, F9, F12, SEC2, acceptance 1, 3: prints one line, whatever the script prints, an agent attaches with it, and the token of the server is nowhere but in files of the user', async () => {
    const { bundle, env } = project();
    const cli = cliOf(bundle, env);
    // What Node itself would not take: an enumeration, and an import of nothing but types.
    writeFileSync(
      path.join(bundle.project, 'scripts/part.ts'),
      "import { type Session } from 'glovebox';\nenum Mark { loud = '!' }\nexport const greeting = (volume: number, _of?: Session): string => `hello ${Mark.loud.repeat(volume)}`;\n",
    );
    const { code, stdout, stderr } = await cli(
      'run',
      'scripts/noisy.ts',
      '--keep',
      'a b',
      '--json',
    );
    expect(code, stderr).toBe(0);
    const line = lineOf(stdout);
    expect(line.jupyter_url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    for (const text of [
      "of console.log hello ! [ '--keep', 'a b', '--json' ]",
      'of a direct write',
      'of a child',
      'twice: emitReady was called before',
      'after the line',
    ])
      expect(stderr).toContain(text);
    expect(stderr).toMatch(/^\[\d+ s\] .*server/m);

    const page = (await cli('open', line.session_id, '--print')).stdout.trim();
    const [, token = 'no token'] = /token=(\w{20,})/.exec(readFileSync(page, 'utf8')) ?? [];
    expect(token).not.toBe('no token');
    expect(stdout + stderr).not.toContain(token);

    const server = await startServer(bundle, { era: 'modern', env });
    const { client } = server;
    const elsewhere = { ...line, jupyter_url: 'http://127.0.0.1:9/' };
    expect(await callError(client, 'attach_to_session', { ...elsewhere })).toMatch(
      /\[input\/invalid\].*Nothing was sent there/s,
    );
    const other = { ...line, sandbox_id: 'local-other-000000000000' };
    expect(await callError(client, 'attach_to_session', { ...other })).toContain('is in sandbox');
    const attached = await call(client, 'attach_to_session', { ...line });
    expect(attached.text).toContain('kept = "from the script"');
    const { session_id } = line;
    const run = await call(client, 'execute_code', { session_id, code: 'kept' });
    expect(run.text).toContain('from the script');
    const { sandbox_id } = line;
    const answers = await Promise.all([
      call(client, 'list_sessions'),
      call(client, 'sandbox_list', { sandbox_id }),
      call(client, 'check_resources', { sandbox_id }),
    ]);
    const resources = await Promise.all(
      ['glovebox://server/status', `glovebox://runs/${idOf(run, 'run_id')}`].map((uri) =>
        client.readResource({ uri }),
      ),
    );
    const shown = [...answers, attached, run].map(({ text }) => text);
    for (const told of [...shown, JSON.stringify(resources), server.stderr()])
      expect(told).not.toContain(token);
    const withToken = filesWith(token, bundle.folder);
    expect(withToken.length).toBeGreaterThan(0);
    for (const file of withToken)
      expect([file, statSync(file).mode & 0o077]).toEqual([
        expect.stringContaining(`${bundle.home}/.glovebox/`),
        0,
      ]);
    const processes = listProcesses().map(({ pid }) => argumentsOf(pid).join(' '));
    expect(processes.filter((argv) => argv.includes(bundle.folder)).length).toBeGreaterThan(1);
    expect(processes.filter((argv) => argv.includes(token))).toEqual([]);
    await call(client, 'sandbox_stop', { sandbox_id });
  });

  it('F11: of a script that fails nothing stays, however it ends', async () => {
    const { bundle, env } = project();
    const cli = cliOf(bundle, env);
    const config = JSON.stringify({ backend: 'local' });
    for (const [way, said] of [
      ['forget', 'without emitReady(session)'],
      ['die', 'was ended by SIGKILL'],
    ] as const) {
      const { code, stdout, stderr } = await cli('run', 'scripts/failing.ts', way, config);
      expect({ way, code, stdout }).toEqual({ way, code: 1, stdout: '' });
      expect(stderr).toContain(said);
      const [, id = ''] = /made (local-\S+)/.exec(stderr) ?? [];
      expect(stderr).toContain(`The last lines of the log of ${id}:`);
      expect(stderr).toContain(`Sandbox ${id} was ended.`);
    }
  });

  it('F11: what was made ends also when the command that runs the script is killed', async () => {
    const { bundle, env } = project();
    const cli = cliOf(bundle, env);
    const running = cli.start('run', 'scripts/failing.ts', 'wait', '{"backend":"local"}');
    await running.says('made local-');
    running.kill();
    await expect
      .poll(async () => (await cli('status')).code, { timeout: 30_000, interval: 100 })
      .toBe(4);
  });

  it('F10: the example with a model on this machine, and an agent that goes on with it', async () => {
    const { bundle, env } = project();
    cpSync(path.join(root, 'examples/setup-with-model.ts'), path.join(bundle.project, 'setup.ts'));
    // Kernels of this machine begin in the folder of their notebook.
    cpSync(path.join(root, 'test/fixtures/stand-ins'), path.join(bundle.project, 'notebooks'), {
      recursive: true,
    });
    mkdirSync(path.join(bundle.project, 'models/mine'), { recursive: true });
    writeFileSync(path.join(bundle.project, 'models/mine/model.safetensors'), 'weights');
    writeFileSync(
      path.join(bundle.project, 'models/mine/config.json'),
      '{"architectures":["TinyForCausalLM"],"num_hidden_layers":2,"hidden_size":16}',
    );
    writeFileSync(
      path.join(bundle.project, 'glovebox.toml'),
      '[sandbox.probe]\nbackend = "local"\nidle_h = 1\n',
    );
    const { code, stdout, stderr } = await cliOf(bundle, env)('run', 'setup.ts', './models/mine');
    expect(code, stderr).toBe(0);
    const line = lineOf(stdout);
    expect(line.model_info).toMatchObject([
      { var_name: 'subject', id: './models/mine', layers: 2 },
    ]);
    const { client } = await startServer(bundle, { era: 'modern', env });
    const attached = await call(client, 'attach_to_session', { ...line });
    expect(attached.text).toContain('do not load them again\n  subject, subject_tokenizer');
    const { session_id, sandbox_id } = line;
    const run = await call(client, 'execute_code', { session_id, code: 'subject.training' });
    expect(run.text).toContain('False');
    await call(client, 'sandbox_stop', { sandbox_id });
  });

  it('says what is wrong with a file that is no script, and with one that is not there', async () => {
    const { bundle, env } = project();
    const cli = cliOf(bundle, env);
    writeFileSync(path.join(bundle.project, 'broken.ts'), 'const x: = 1;\n');
    expect(await cli('run', 'broken.ts')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/broken\.ts.*\(1:10\)/s),
    });
    writeFileSync(path.join(bundle.project, 'newer.ts'), 'await using x = nothing();\n');
    const newer = await cli('run', 'newer.ts');
    expect(newer.stderr).toMatch(
      /Node 2[02]\..* does not know "using"[\s\S]*newer\.ts:1|ReferenceError: nothing/,
    );
    expect(await cli('run', 'nothing.ts')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing.ts'),
    });
  });
});

describe.skipIf(withoutCertificate)('glovebox run SCRIPT with the fake Modal', () => {
  it('F10, L2, L12, L13, acceptance 17, 31: the example makes a machine from a profile, and hands over its model; another script knows its id alone, and goes on from a snapshot', async () => {
    const { bundle } = project();
    const { fake, env } = await fakeModal(bundle);
    cpSync(path.join(root, 'examples/setup-with-model.ts'), path.join(bundle.project, 'setup.ts'));
    cpSync(path.join(root, 'test/fixtures/stand-ins'), path.join(bundle.project, 'lib'), {
      recursive: true,
    });
    const profile = readFileSync(path.join(root, 'examples/glovebox.toml'), 'utf8');
    const extra = `jupyter_port = ${await freePort()}\nenv = { ${MARK} = "of the fake" }\nfiles = [{ from = "lib", to = "lib" }]\n`;
    writeFileSync(path.join(bundle.project, 'glovebox.toml'), `${profile}${extra}`);
    const cli = cliOf(bundle, env);
    const { code, stdout, stderr } = await cli('run', 'setup.ts', 'tiny/model', 'T4');
    expect(code, stderr).toBe(0);
    const line = lineOf(stdout);
    expect(line.jupyter_url).toMatch(/^https:\/\/[^?@]+\/$/);
    expect(line.model_info).toMatchObject([
      {
        var_name: 'subject',
        tokenizer_var: 'subject_tokenizer',
        id: 'tiny/model',
        class: 'AutoModelForCausalLM',
        device: 'cuda:0',
        dtype: 'float32',
        layers: 2,
        hidden_size: 16,
        adapters: [],
      },
    ]);
    expect(JSON.stringify(fake.lastRequest('sandboxCreate'))).toContain('"timeoutSecs":7200');
    const { client } = await startServer(bundle, { era: 'modern', env });
    const attached = await call(client, 'attach_to_session', { ...line });
    expect(attached.text).toContain(
      'do not load them again\n  subject, subject_tokenizer: tiny/model',
    );
    const { session_id, sandbox_id } = line;
    const run = await call(client, 'execute_code', { session_id, code: 'subject.training' });
    expect(run.text).toContain('False');

    // L12, L13: another script knows the id alone, keeps the files, and goes on with them on another machine.
    const again = await cli('run', 'scripts/again.ts', sandbox_id, String(await freePort()));
    expect(again.code, again.stderr).toBe(0);
    const next = lineOf(again.stdout);
    expect(next.model_info).toMatchObject([{ var_name: 'subject' }]);
    const found: unknown = JSON.parse(/^found (.*)$/m.exec(again.stderr)?.[1] ?? '{}');
    expect(found).toMatchObject({
      id: sandbox_id,
      jupyterUrl: line.jupyter_url,
      deadline: expect.stringMatching(/^\d{4}-.*Z$/),
      config: { models: [{ id: 'tiny/model', varName: 'subject' }] },
      sessions: [{ id: session_id }],
    });
    expect(fake.alive()).toHaveLength(1);
    await call(client, 'attach_to_session', { ...next });
    const kept = await call(client, 'execute_code', {
      session_id: next.session_id,
      code: 'open("notes.txt").read(), subject.training',
    });
    expect(kept.text).toMatch(/'subject .*False.*', False/);
    await call(client, 'sandbox_stop', { sandbox_id: next.sandbox_id });
    expect(fake.alive()).toEqual([]);
  });

  it('F11, acceptance 2: a machine that a script rented ends with it, when it throws, is interrupted or is terminated', async () => {
    const { bundle } = project();
    const { fake, env } = await fakeModal(bundle);
    const cli = cliOf(bundle, env);
    const config = JSON.stringify({
      backend: 'modal',
      env: { [MARK]: 'of the fake' },
      jupyterPort: await freePort(),
    });
    const waiting = cli.start('run', 'scripts/failing.ts', 'wait', config);
    await waiting.says('made modal-');
    expect(fake.alive()).toHaveLength(1);
    waiting.interrupt();
    const { code, stdout } = await waiting.ended;
    expect({ code, stdout, alive: fake.alive() }).toEqual({ code: 130, stdout: '', alive: [] });

    const during = cli.start('run', 'scripts/failing.ts', 'during', config);
    await expect.poll(() => fake.sandboxes.size, { timeout: 30_000, interval: 10 }).toBe(2);
    during.terminate();
    const terminated = await during.ended;
    expect(terminated).toMatchObject({ code: 130, stdout: '' });
    expect(fake.alive()).toEqual([]);

    const thrown = await cli('run', 'scripts/failing.ts', 'throw', config);
    expect(thrown).toMatchObject({ code: 1, stdout: '' });
    expect(thrown.stderr).toMatch(/Error: nothing works[^]*The last lines of the log of modal-/);
    expect(fake.sandboxes.size).toBe(3);
    expect(fake.alive()).toEqual([]);
  });

  it('F11: what costs is asked at the terminal; elsewhere an approval of the same script counts', async () => {
    const { bundle } = project();
    const { fake, env } = await fakeModal(bundle);
    const asking = { ...env, GLOVEBOX_YOLO: '', GLOVEBOX_BUDGET_USD: '' };
    const words = ['run', 'scripts/failing.ts', 'throw', '{"backend":"modal"}'];
    const cli = cliOf(bundle, asking);
    // Each run makes another sandbox, and what is agreed to is the same.
    const refused = [await cli(...words), await cli(...words)];
    const ids = refused.map(({ stderr }) => /glovebox approve (a-[0-9a-f]{10})/.exec(stderr)?.[1]);
    expect(new Set([...ids, undefined]).size).toBe(2);
    for (const { stderr } of refused) expect(stderr).not.toContain(bundle.file(''));
    const terminal = spawn(
      testPython(),
      [
        '-c',
        'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)',
        process.execPath,
        bundle.file('cli.mjs'),
        ...words,
      ],
      {
        cwd: bundle.project,
        env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...asking },
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    let shown = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    const ended = once(terminal, 'close');
    await expect.poll(() => shown, { timeout: 30_000 }).toContain('Type yes to do it');
    expect(shown).toContain('Start a paid sandbox on modal?');
    terminal.stdin.write('no\n');
    await ended;
    expect(shown).toContain('policy/refused: The answer is no');
    expect(fake.sandboxes.size).toBe(0);
  });

  it('F13: the command line takes the same config from a file, and names every mistake', async () => {
    const { bundle } = project();
    const { fake, env } = await fakeModal(bundle);
    const cli = cliOf(bundle, env);
    const file = path.join(bundle.project, 'config.json');
    const write = (config: object): void => writeFileSync(file, JSON.stringify(config));
    write({ backend: 'modal', gpuCount: 3, maxLifetimeSeconds: 5, partition: 'gpu' });
    const refused = await cli('sandbox', 'create', '--config', 'config.json');
    expect(refused.code).toBe(1);
    for (const text of [
      'gpuCount: needs gpu',
      'maxLifetimeSeconds: ',
      'partition: the modal back end cannot do this; slurm can',
    ])
      expect(refused.stderr).toContain(text);
    expect(fake.calls).toEqual([]);
    const jupyterPort = await freePort();
    write({
      backend: 'modal',
      name: 'third-door',
      maxLifetimeSeconds: 600,
      idleTimeoutSeconds: 120,
      env: { [MARK]: 'of the fake' },
      jupyterPort,
    });
    const started = await cli('sandbox', 'create', '--config', 'config.json', '--json');
    expect(started.json()).toMatchObject({ state: 'ready', name: 'third-door' });
    expect(fake.alive()).toHaveLength(1);
  });
});
