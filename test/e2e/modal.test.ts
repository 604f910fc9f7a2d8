/** The built server and the Modal back end: the SDK works inside the bundle, and an agent gets a notebook on a rented machine. */
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { call, callError, idOf } from '../mcp/call.ts';
import { ResultStatus, type FakeModal } from '../fakes/modal/fake-modal.mjs';
import { prepareForKernels, startServer, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { freePort, isCertificateMissing } from '../rigs/modal-backend.ts';
import { COVERT, startModalWithModel } from '../rigs/modal-place.ts';
import { MARK } from '../rigs/reaper.mjs';

const withoutCertificate = isCertificateMissing();

interface Place {
  readonly bundle: Bundle;
  readonly fake: FakeModal;
  readonly env: Readonly<Record<string, string>>;
}

function textsBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => `${file}\n${readFileSync(file, 'latin1')}`);
}

async function place(): Promise<Place> {
  const bundle = unpackBundle();
  const { fake, env } = await startModalWithModel(bundle.home);
  return { bundle, fake, env: { ...prepareForKernels(bundle), ...env } };
}

describe.skipIf(withoutCertificate)('the built server', () => {
  it('G1, M4, acceptance 53: rents a machine with a GPU and a model, runs cells there, and leaves the notebook with its outputs here', async () => {
    const { bundle, fake, env } = await place();
    writeFileSync(path.join(bundle.project, 'of_mine.py'), 'ANSWER = 42\n');
    writeFileSync(
      path.join(bundle.project, 'glovebox.toml'),
      '[workspace]\nlibraries = ["of_mine.py"]\nimports = ["of_mine"]\n',
    );
    const { client, stderr } = await startServer(bundle, { era: 'modern', env });
    const options = {
      gpu: 'T4',
      env: { [MARK]: 'of the fake', GREETING: 'hello from afar' },
      models: [{ id: 'tiny/model', preload: false }],
      jupyter_port: await freePort(),
    };
    const created = await call(client, 'sandbox_create', { backend: 'modal', options });
    expect(created.text).toContain('state: ready');
    expect(created.text).toMatch(/host: Modal T4 sb-\w{22}\n/);
    expect(created.text).toMatch(/time left: (59 min|1 h)/);
    expect(created.text).toMatch(
      /cost: \$1\.07\/h, about \$0\.\d\d so far, at most \$1\.\d\d in all/,
    );
    const sandbox_id = idOf(created, 'sandbox_id');
    // L14, M15: its records are lost, and it is found at Modal by its tags.
    rmSync(path.join(bundle.home, '.glovebox/sandboxes'), { recursive: true });
    const listed = await call(client, 'sandbox_list', { backend: 'modal' });
    expect(listed.text).toMatch(
      new RegExp(
        `^${sandbox_id}  ready  modal  started .* ago  ${bundle.project}  \\$1\\.07/h`,
        'm',
      ),
    );
    const [sandbox] = fake.alive();
    expect(sandbox?.version).toBe(1);
    const started = await call(client, 'start_new_notebook', {
      experiment_name: 'far',
      sandbox_id,
    });
    const session_id = idOf(started, 'session_id');
    const code =
      'import os\nos.environ["GREETING"], os.path.exists(os.environ["MODEL_MODEL_PATH"])';
    const run = await call(client, 'execute_code', { session_id, code });
    expect(run.text).toContain("('hello from afar', True)");
    // W2: the same as on this machine.
    const library = String.raw`place = os.path.join(os.path.dirname(os.environ["GLOVEBOX_LIB"]), "far.bin")
with open(place, "wb") as file: file.write(bytes(range(256)))
of_mine.ANSWER`;
    expect((await call(client, 'execute_code', { session_id, code: library })).text).toContain(
      '42',
    );
    await call(client, 'sandbox_transfer', {
      sandbox_id,
      direction: 'pull',
      local_path: 'near.bin',
      remote_path: 'far.bin',
    });
    const near = readFileSync(path.join(bundle.project, 'near.bin'));
    expect(near.equals(Buffer.from(Array.from({ length: 256 }, (_, index) => index)))).toBe(true);
    // SEC2, M9: what opens the server is nowhere a kernel or an agent can see it.
    const secrets = Object.entries(sandbox?.environment ?? {}).filter(
      ([name]) => name === 'GLOVEBOX_TOKEN',
    );
    expect(secrets).toHaveLength(1);
    const seen = await call(client, 'execute_code', {
      session_id,
      code: '(dict(os.environ), open("/proc/self/cmdline").read())',
    });
    for (const [, token] of secrets)
      for (const text of [seen.text, created.text, started.text, stderr()])
        expect(text).not.toContain(token);
    expect(seen.text).not.toMatch(/as-test-secret|GLOVEBOX_SPEC/);
    const stopped = await call(client, 'sandbox_stop', { sandbox_id });
    expect(stopped.text).toContain('ended: stopped');
    expect(fake.alive()).toEqual([]);
    const file = idOf(started, 'notebook_path');
    expect(readFileSync(path.resolve(bundle.project, file), 'utf8')).toContain('hello from afar');
  });

  it('L4, L6, L7, F1, SEC11, acceptance 4, 9, 15, 26, 45: a slow start is waited for; models are in the kernel before the agent is, leave no trace but their variables, and come back; a hidden one stays hidden; what was printed before the time limit is here', async () => {
    const { bundle, fake, env } = await place();
    const server = await startServer(bundle, {
      era: 'modern',
      env: { ...env, BLIND_MODEL: COVERT.id },
    });
    const { client } = server;
    cpSync(
      path.resolve(import.meta.dirname, '../fixtures/stand-ins'),
      path.join(bundle.project, 'lib'),
      { recursive: true },
    );
    const options = {
      gpu: 'T4',
      env: { [MARK]: 'of the fake', SLOW_LOAD_S: '1' },
      files: [{ from: 'lib', to: 'lib' }],
      models: [
        { id: 'tiny/model', var_name: 'subject' },
        { id_ref: 'env:BLIND_MODEL', hidden: true, var_name: 'blind' },
      ],
      jupyter_port: await freePort(),
    };
    fake.faults.queueMs = () => 8000;
    const begun = await call(client, 'sandbox_create', { backend: 'modal', options, wait_s: 2 });
    expect(begun.text).toMatch(/state: (preparing|queued|starting)[^]*Next: sandbox_wait/);
    const sandbox_id = idOf(begun, 'sandbox_id');
    const steps: string[] = [];
    const ready = await client.callTool(
      { name: 'sandbox_wait', arguments: { sandbox_id, wait_s: 60 } },
      { timeout: 90_000, onprogress: ({ message = '' }) => void steps.push(message) },
    );
    expect(JSON.stringify(ready)).toContain('state: ready');
    expect(steps.join('\n')).toContain('waiting for T4');
    const started = await call(client, 'start_new_notebook', {
      experiment_name: 'loaded',
      sandbox_id,
    });
    expect(started.text).toContain('do not load them again');
    expect(started.text).toMatch(
      /subject, subject_tokenizer: tiny\/model at [0-9a-f]{12} \(AutoModelForCausalLM, .*float32, cuda:0, 2 layers of 16\)/,
    );
    expect(started.text).toContain('gpu 0: Tesla T4, 4 GiB of 16 GiB in use');
    const session_id = idOf(started, 'session_id');
    const code =
      '(subject.training, subject.weights.requires_grad, subject.config._name_or_path, subject_tokenizer.pad_token, subject_tokenizer.padding_side, In, [n for n in dir() if "glovebox" in n])';
    const run = await call(client, 'execute_code', { session_id, code });
    expect(run.text).toContain("(False,\n False,\n 'tiny/model',\n '</s>',\n 'left',");
    expect(run.text).toMatch(/\['',\s+'\(subject\.training/);
    expect(run.text).toContain('[result 1]');
    expect(run.text).toMatch(/\[\]\)/);
    const history = 'len(list(get_ipython().history_manager.get_range()))';
    const rows = await call(client, 'execute_code', { session_id, code: history });
    expect(rows.text).toContain('[result 2]\n2');
    // The end of a wait ends no loading; what is sent meanwhile comes after it.
    const soon = await call(client, 'start_new_notebook', {
      experiment_name: 'soon',
      sandbox_id,
      wait_s: 1,
    });
    expect(soon.text).toMatch(/models: still being loaded \(run r-/);
    const after = await call(client, 'execute_code', {
      session_id: idOf(soon, 'session_id'),
      code: 'subject.training',
    });
    expect(after.text).toContain('False');
    // F17: a kernel that dies takes them along, and a new one has them again.
    const died = await call(client, 'execute_code', { session_id, code: 'import os; os._exit(1)' });
    expect(died.text).toContain(`restart_kernel(session_id="${session_id}")`);
    const restarted = await call(client, 'restart_kernel', { session_id });
    expect(restarted.text).toContain('subject, subject_tokenizer: tiny/model');
    const again = await call(client, 'execute_code', { session_id, code: 'subject.training' });
    expect(again.text).toContain('False');
    const without = await call(client, 'start_new_notebook', {
      experiment_name: 'without',
      sandbox_id,
      preload: false,
    });
    expect(without.text).not.toContain('models');
    // L8: what fails says so, in Python's words.
    rmSync(path.join(fake.alive()[0]?.root ?? '', 'workspace/lib/torch.py'));
    const failure = await callError(client, 'start_new_notebook', {
      experiment_name: 'failing',
      sandbox_id,
    });
    expect(failure).toMatch(
      /\[kernel\/preload-failed\].*ModuleNotFoundError: No module named 'torch'/s,
    );
    // SEC11: from inside, whatever can be read there, and from here, whatever is told or kept.
    const words = [...COVERT.id.split('/'), COVERT.commit];
    const hexes = words.map((word) => Buffer.from(word).toString('hex'));
    const search = `words = [bytes.fromhex(word) for word in ${JSON.stringify(hexes)}]
root = os.path.dirname(os.path.dirname(os.environ["GLOVEBOX_LIB"]))
places = [os.path.join(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names]
texts = {place: place.encode() + open(place, "rb").read() for place in [*places, "/proc/self/mounts"] if os.path.isfile(place)}
texts["variables"] = repr([vars(blind), vars(blind.config), vars(blind_tokenizer), dict(os.environ), In]).encode()
sorted(place for place, text in texts.items() if any(word in text for word in words)), len(texts) > 20`;
    const found = await call(client, 'execute_code', { session_id, code: `import os\n${search}` });
    expect(found.text).toContain('([], True)');
    const told = await Promise.all([
      call(client, 'sandbox_list', { sandbox_id }),
      call(client, 'list_sessions'),
      call(client, 'read_notebook', { session_id, outputs: 'full' }),
    ]);
    const [machine] = fake.alive();
    const processes = machine?.processes() ?? [];
    const seen = [
      ...[begun, started, run, restarted, found, ...told].map(({ text }) => text),
      ...steps,
      failure,
      server.stderr(),
      machine?.main?.output ?? '',
      JSON.stringify([machine?.request, machine?.environment]),
      ...processes.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')),
      ...processes.map((pid) => readFileSync(`/proc/${pid}/environ`, 'latin1')),
      ...textsBelow(bundle.project),
      ...textsBelow(path.join(bundle.home, '.glovebox')),
    ].join('\n');
    expect(started.text).toContain('blind, blind_tokenizer: <hidden>');
    for (const word of words) expect(seen).not.toContain(word);
    // M17: what ends it then is Modal.
    const code600 = 'print("before the end", flush=True)\nimport time; time.sleep(600)';
    const last = await call(client, 'execute_code', { session_id, code: code600, wait_s: 2 });
    expect(last.text).toContain('before the end');
    machine?.kill(ResultStatus.TIMEOUT);
    const over = await call(client, 'get_run', { run_id: idOf(last, 'run_id'), wait_s: 40 });
    expect(over.meta).toMatchObject({ state: 'lost' });
    const next = await call(client, 'execute_code', { session_id, code: '1' });
    expect(next.text).toMatch(/Nothing was executed: .* Modal ended it at its time limit/);
    // The next step that it names is one that works.
    expect(next.text).toContain('sandbox_create starts another');
    expect(await callError(client, 'restart_kernel', { session_id })).toMatch(
      /\[sandbox\/ended\][^]*start_notebook\(notebook_path=/,
    );
    const notebook = readFileSync(idOf(started, 'notebook_path'), 'utf8');
    expect(notebook).toContain('"before the end\\n"');
    expect(fake.alive()).toEqual([]);
  }, 180_000);

  it('M7, acceptance 30: says what is missing without credentials, and which GPUs there are', async () => {
    const { bundle, fake, env } = await place();
    const { MODAL_TOKEN_ID: _id, MODAL_TOKEN_SECRET: _secret, ...without } = env;
    const { client } = await startServer(bundle, { era: 'modern', env: without });
    const failure = await callError(client, 'sandbox_create', { backend: 'modal' });
    expect(failure).toMatch(/\[remote\/auth-required\].*\n.*modal token new/s);
    const wrong = { backend: 'modal', options: { gpu: 'H1000' } };
    expect(await callError(client, 'sandbox_create', wrong)).toMatch(/no GPU "H1000".*H100/);
    expect(fake.calls).toEqual([]);
  });

  it('profiles of glovebox.toml start a Modal sandbox from the command line', async () => {
    const { bundle, fake, env } = await place();
    const toml = `[sandbox.cheap]\nbackend = "modal"\nmax_lifetime_seconds = 600\nidle_timeout_seconds = 120\njupyter_port = ${await freePort()}\nenv = { ${MARK} = "of the fake" }\n`;
    writeFileSync(path.join(bundle.project, 'glovebox.toml'), toml);
    const argv = [bundle.file('cli.mjs'), 'start', '--profile', 'cheap', '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, argv, {
      cwd: bundle.project,
      env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
    });
    expect(stdout).toContain('"ready"');
    expect(fake.alive()).toHaveLength(1);
    expect(JSON.stringify(fake.lastRequest('sandboxCreateV2'))).toContain('"timeoutSecs":600');
    // M17: what another one would cost; unasked, nothing happens.
    const keepAlive = [bundle.file('cli.mjs'), 'keep-alive', '--json'];
    const plan = await promisify(execFile)(process.execPath, keepAlive, {
      cwd: bundle.project,
      env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
    });
    expect(JSON.parse(plan.stdout)).toMatchObject({
      replacement: { files: 'snapshot', usd_per_hour: expect.any(Number) },
    });
    expect(fake.alive()).toHaveLength(1);
  });

  it('the script for a real account asks all its questions, and leaves nothing', async () => {
    const { bundle, fake, env } = await place();
    const argv = ['--import', 'tsx', 'scripts/live.ts', 'modal', '--gpu', 'T4'];
    const { stdout } = await promisify(execFile)(process.execPath, argv, {
      cwd: path.resolve(import.meta.dirname, '../..'),
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: bundle.home,
        ...env,
        GLOVEBOX_LIVE_PORT: String(await freePort()),
      },
    });
    expect(stdout).not.toContain('LOOK');
    expect(stdout.match(/^ok /gm)?.length).toBeGreaterThan(20);
    expect(fake.sandboxes.size).toBe(6);
    expect(fake.alive()).toEqual([]);
  }, 180_000);
});
