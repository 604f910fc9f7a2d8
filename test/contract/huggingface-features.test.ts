/** What a sandbox in a Job is asked for is what it gets: requests, two gates, labels that prove nothing, limits, prices. */
import { lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startBrowserView } from '#platform/browser-view.ts';
import { systemClock } from '#platform/clock.ts';
import type { HuggingfaceContext } from '#sandbox/backends/huggingface/settings.ts';
import { MARK as LABEL } from '#sandbox/rented/marks.ts';
import type { FakeJob } from '../fakes/hub/fake-job.ts';
import { startFakeService } from '../fakes/hub/fake-service.ts';
import {
  JOB_TOKEN,
  makeHuggingfaceRig,
  quoteOf,
  SMALL_JOB,
  type HuggingfaceRig,
} from '../rigs/huggingface-backend.ts';
import { freePort } from '../rigs/free-port.ts';
import { makeSampleRepository, SAMPLE_URL } from '../rigs/sample-repository.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { sshdIsMissing, startSshd } from '../rigs/sshd.ts';
import { ask, Caller, failureOf, never } from './contract-rig.ts';

let rig: HuggingfaceRig;
beforeEach(async () => {
  rig = await makeHuggingfaceRig();
});
afterEach(() => rig.dispose());

function callerWith(options: object = {}, id?: string): Caller {
  const rigOfCaller = {
    projectDir: rig.projectDir,
    options: { ...SMALL_JOB, ...options },
    countAtEngine: async () => rig.fake.alive().length,
  };
  return new Caller(rigOfCaller, id);
}

const only = (): FakeJob => rig.fake.alive()[0] ?? expect.fail('nothing runs');
const quote = (options: object) => quoteOf(rig, options);

test('6.1, H3, H4, acceptance 33, 34: asks for an open port, a limit and labels; tokens are secrets; a cell runs through both gates', async () => {
  const caller = callerWith({
    max_lifetime_seconds: 1800,
    volumes: [{ type: 'dataset', source: 'org/data', mount: '/data/x' }],
    provider_options: { resource_group_id: 'abc123' },
  });
  await caller.startAndWait(rig.newBackend());
  const job = only();
  const { body, labels } = job;
  const [port] = body.expose?.ports ?? [];
  expect(body).toMatchObject({
    timeoutSeconds: 1800,
    flavor: 'cpu-basic',
    dockerImage: 'python:3.12',
    resourceGroupId: 'abc123',
    volumes: [{ type: 'dataset', source: 'org/data', mountPath: '/data/x', readOnly: true }],
  });
  expect(labels).toMatchObject({
    glovebox: '1',
    name: caller.id,
    [LABEL.id]: caller.id,
    [LABEL.owner]: expect.stringMatching(/^[0-9a-f]{16}$/),
    [LABEL.nonce]: expect.stringMatching(/^[0-9a-f]{32}$/),
    [LABEL.port]: String(port),
  });
  const { GLOVEBOX_TOKEN: token = '', ...others } = body.secrets ?? {};
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(others).toEqual({});
  const told = JSON.stringify([{ ...body, secrets: undefined }, labels]);
  for (const secret of [token, JOB_TOKEN]) expect(told).not.toContain(secret);

  const endpoint = await rig.newBackend().endpoint(caller.handle(), never());
  const kernel = await startRawKernel(endpoint, 'test.ipynb');
  const code = 'import json, os\njson.dump(dict(os.environ), open("env.json", "w"))';
  expect(await kernel.execute(code)).toBe('ok');
  await kernel.leave();
  const seen = readFileSync(path.join(job.root, 'workspace/env.json'), 'utf8');
  for (const secret of [token, JOB_TOKEN]) expect(seen).not.toContain(secret);
  const [proxy] = job.proxies;
  expect(proxy?.seen.every(({ authorization }) => authorization === `Bearer ${JOB_TOKEN}`)).toBe(
    true,
  );
  expect(proxy?.paths.filter((at) => at.includes('token='))).toEqual([]);
  // The Hub token alone opens nothing.
  const bearer = { ...endpoint, headers: { Authorization: `Bearer ${JOB_TOKEN}` } };
  expect((await ask(bearer, 'GET', 'api/status')).status).toBe(403);

  // SEC8: a browser gets there too, through the view. JupyterLab itself writes the token of its server into the page.
  const view = await startBrowserView(
    { endpoint: async () => endpoint, path: 'lab', clock: systemClock },
    never(),
  );
  const entered = await fetch(view.url, { redirect: 'manual' });
  const cookie = entered.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const browser = { baseUrl: new URL('/', view.url).href, headers: { cookie } };
  const viewed = await startRawKernel(browser, 'viewed.ipynb');
  expect(await viewed.execute('6 * 7')).toBe('ok');
  await viewed.leave();
  const page = await (await fetch(`${browser.baseUrl}lab`, { headers: browser.headers })).text();
  expect(page).toContain('JupyterLab');
  expect(page).not.toContain(JOB_TOKEN);
  view.close();

  const foreign = await startFakeService('foreign');
  if (proxy !== undefined) proxy.redirectTo = `${foreign.url}/api/status`;
  expect(await rig.newBackend().state(caller.handle(), never())).toMatchObject({
    state: 'unreachable',
  });
  expect(foreign.requests).toEqual([]);
  await foreign.close();
});

test('H7, H8, M15, acceptance 35: a machine with the Hub token alone finds it in whichever namespace and uses it; forged labels are not believed and learn no token', async () => {
  const caller = callerWith({ namespace: 'org' });
  await caller.startAndWait(rig.newBackend());
  const real = only();
  const always200 =
    'import http.server, sys\nclass H(http.server.BaseHTTPRequestHandler):\n def do_GET(self):\n  print(dict(self.headers), flush=True); self.send_response(200); self.end_headers()\nhttp.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()';
  const forged: FakeJob[] = [];
  for (const initiator of ['me', 'somebody']) {
    const port = await freePort();
    const answer = await fetch(`${rig.hub.url}/api/jobs/me`, {
      method: 'POST',
      headers: { authorization: `Bearer ${JOB_TOKEN}` },
      body: JSON.stringify({
        command: ['python3', '-c', always200, String(port)],
        arguments: [],
        environment: {},
        flavor: 'cpu-basic',
        timeoutSeconds: 60,
        labels: { ...real.labels, [LABEL.id]: 'local-forged-000000000001' },
        expose: { ports: [port] },
      }),
    });
    expect(answer.status).toBe(200);
    const job = rig.fake.newest();
    job.initiator = initiator;
    forged.push(job);
    await expect
      .poll(async () => {
        const url = job.exposeUrls[0] ?? '';
        const headers = { authorization: `Bearer ${JOB_TOKEN}` };
        return (await fetch(url, { headers }).catch(() => undefined))?.status;
      })
      .toBe(200);
  }
  const backend = (await rig.newMachine())();
  const found = await backend.discover?.(rig.projectDir, never());
  expect(found?.map(({ id }) => id)).toEqual([caller.id]);
  const [handle] = found ?? [];
  if (handle === undefined) return expect.fail('not found');
  expect(await backend.state(handle, never())).toMatchObject({ state: 'ready' });
  const endpoint = await backend.endpoint(handle, never());
  expect((await ask(endpoint, 'GET', 'api/status')).status).toBe(200);
  const token = real.body.secrets?.['GLOVEBOX_TOKEN'] ?? '';
  for (const job of forged) expect(JSON.stringify(job.log)).not.toContain(token);
  await backend.stop(handle, never());
  expect(real.stage).toBe('CANCELED');
  return undefined;
});

test.skipIf(sshdIsMissing())(
  'H5: by SSH no port is open, Jupyter listens on the loopback of the Job, nothing of the Hub is shown to it, and the way heals',
  async () => {
    const sshd = await startSshd();
    onTestFinished(() => sshd.stop());
    rig.fake.sshUrl = `ssh://${userInfo().username}@127.0.0.1:${sshd.port}`;
    const { configFile, controlFolder } = sshd;
    const asked: string[] = [];
    const context: Partial<HuggingfaceContext> = {
      ssh: (destination) => {
        asked.push(destination);
        return { destination, configFile, controlFolder, env: process.env };
      },
    };
    const backend = rig.newBackend({}, context);
    onTestFinished(() => backend.close?.());
    const caller = callerWith({ ssh: true });
    await caller.startAndWait(backend);
    const { body, proxies, log } = only();
    expect([body.expose, body.ssh, proxies]).toEqual([undefined, { enabled: true }, []]);
    const spec: unknown = JSON.parse(body.environment['GLOVEBOX_SPEC'] ?? '');
    expect(spec).toMatchObject({ config: { ServerApp: { ip: '127.0.0.1' } } });
    expect((await quote({ ssh: true })).usdPerHour).toBeCloseTo(0.01);
    const endpoint = await backend.endpoint(caller.handle(), never());
    const kernel = await startRawKernel(endpoint, 'test.ipynb');
    expect(await kernel.execute('6 * 7')).toBe('ok');
    await kernel.leave();
    expect(JSON.stringify(endpoint)).not.toContain(JOB_TOKEN);
    expect(JSON.stringify(log)).not.toContain(JOB_TOKEN);
    expect(new Set(asked)).toEqual(new Set([rig.fake.sshUrl]));

    await sshd.kill();
    await expect
      .poll(async () => (await backend.state(caller.handle(), never())).state, { timeout: 30_000 })
      .toBe('unreachable');
    await sshd.start();
    // At the same address as before: whoever is connected finds the way again.
    await expect
      .poll(async () => (await ask(endpoint, 'GET', 'api/status').catch(() => undefined))?.status, {
        timeout: 30_000,
      })
      .toBe(200);
    // Another process of this machine logs in nowhere anew.
    const other = rig.newBackend({}, context);
    onTestFinished(() => other.close?.());
    const [found] = (await other.discover?.(rig.projectDir, never())) ?? [];
    expect(found?.id).toBe(caller.id);
    expect(sshd.logins()).toBe(2);
    // Whom the server does not know is told what to do about it, and not made to wait.
    const program = path.join(rig.projectDir, 'ssh');
    const words = 'me@127.0.0.1: Permission denied (publickey).';
    writeFileSync(program, `#!/bin/sh\necho '${words}' >&2\nexit 255\n`, { mode: 0o755 });
    const stranger = rig.newBackend(
      {},
      {
        ssh: (destination) => ({ destination, program, controlFolder, env: process.env }),
      },
    );
    expect(await failureOf(stranger.endpoint(caller.handle(), never()))).toMatchObject({
      code: 'host/login-needed',
      hint: expect.stringContaining(`${rig.hub.url}/settings/keys`),
    });
    rig.fake.sshUrl = 'ssh://me@elsewhere.example.org';
    expect((await failureOf(other.endpoint(caller.handle(), never()))).code).toBe('http/refused');
  },
);

test('H9, H11, L4, L10, 3.3, acceptance 14: a model is mounted at its commit, checked, and named to kernels, a repository is cloned at its own, files are uploaded; half of a model ends the start', async () => {
  const commit = 'c'.repeat(40);
  rig.hub.on('GET', /\/api\/models\/tiny\/model\/revision\/main/, () => ({
    json: {
      sha: commit,
      siblings: [
        { rfilename: 'config.json', size: 2, blobId: 'b1' },
        { rfilename: 'model.safetensors', size: 8, lfs: { sha256: 'ab', size: 8 } },
      ],
      safetensors: { parameters: { F32: 2 } },
    },
  }));
  const folder = path.join(rig.projectDir, 'weights');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'config.json'), '{}');
  writeFileSync(path.join(folder, 'model.safetensors'), '12345678');
  rig.fake.volumes.set('model:tiny/model', folder);
  const models = [{ id: 'tiny/model', preload: false }];
  const sample = makeSampleRepository(path.join(rig.projectDir, 'origin'));
  const install = ['sh', '-c', 'test -z "$GLOVEBOX_TOKEN" && touch "installed-$INDEX_KEY"'];
  const repos = [{ url: SAMPLE_URL, ref: sample.commit, path: 'lib/sample', install }];
  const secrets = [
    { env: 'PROBE_KEY', as: 'SERVICE_KEY', scope: ['kernel'] },
    { env: 'INDEX_KEY' },
    { env: 'WEIGHTS_KEY', scope: ['download'] },
  ];
  const variables = { PROBE_KEY: 'p', INDEX_KEY: 'i', WEIGHTS_KEY: 'w' };
  mkdirSync(path.join(rig.projectDir, 'configs/deep ä'), { recursive: true });
  const bytes = Buffer.from([0, 255, 10, 13]);
  writeFileSync(path.join(rig.projectDir, 'configs/deep ä/data.bin'), bytes);
  writeFileSync(path.join(rig.projectDir, 'configs/old.bak'), '');
  writeFileSync(path.join(rig.projectDir, 'configs/tool.sh'), '#!/bin/sh\n', { mode: 0o755 });
  const files = [{ from: 'configs', to: 'run/all', ignore: ['*.bak'] }];
  const setup_commands = [['sh', '-c', 'test -d lib/sample && touch set-up']];
  const given = { models, repos, files, secrets, setup_commands };
  const caller = callerWith({ ...given, env: sample.env });
  await caller.startAndWait(rig.newBackend({ variables }));
  expect(caller.data).toMatchObject({ repositories: [{ url: SAMPLE_URL, commit: sample.commit }] });
  const job = only();
  // L10: kernels see what is theirs, and what only fetches is not in the Job at all.
  expect(job.body.secrets).toEqual({
    SERVICE_KEY: 'p',
    INDEX_KEY: 'i',
    GLOVEBOX_TOKEN: expect.any(String),
  });
  expect(readdirSync(path.join(job.root, 'workspace'))).toContain('set-up');
  const uploaded = path.join(job.root, 'workspace/run/all');
  expect(readdirSync(uploaded, { recursive: true }).map(String).toSorted()).toEqual([
    'deep ä',
    'deep ä/data.bin',
    'tool.sh',
  ]);
  const modeOf = (name: string): number => lstatSync(path.join(uploaded, name)).mode & 0o111;
  expect([modeOf('tool.sh') & 0o100, modeOf('deep ä/data.bin')]).toEqual([0o100, 0]);
  expect(readFileSync(path.join(uploaded, 'deep ä/data.bin')).equals(bytes)).toBe(true);
  expect(job.body.volumes).toEqual([
    {
      type: 'model',
      source: 'tiny/model',
      mountPath: `models/tiny--model/${commit}`,
      revision: commit,
      readOnly: true,
    },
  ]);
  const endpoint = await rig.newBackend().endpoint(caller.handle(), never());
  const kernel = await startRawKernel(endpoint, 'test.ipynb');
  // L4, L6: what loads them asks for no mark, which only weights of our own have.
  const told = 'json.load(open(os.environ["GLOVEBOX_MODELS"]))[0]["is_marked"] is False';
  const cloned = '{"gbrepo.py", "installed-i"} < set(os.listdir(os.environ["REPO_SAMPLE_PATH"]))';
  const code = `import json, os\nassert os.listdir(os.environ["MODEL_MODEL_PATH"]) and sorted(k for k in os.environ if k.startswith("MODEL_")) == ["MODEL_MODEL_PATH", "MODEL_TINY_MODEL_PATH"] and ${told} and ${cloned} and os.environ["SERVICE_KEY"] == "p" and "INDEX_KEY" not in os.environ`;
  expect(await kernel.execute(code)).toBe('ok');
  await kernel.leave();
  // What a disk reads faster is copied to it first, file by file, and looked at there.
  await rig.newBackend().stop(caller.handle(), never());
  const copying = callerWith({ models, stage: 'copy' }, 'local-copying-000000000001');
  await copying.startAndWait(rig.newBackend());
  const place = `models/tiny--model/${commit}`;
  expect(only().body.volumes).toMatchObject([{ mountPath: `${place}-mounted` }]);
  expect(lstatSync(path.join(only().root, place)).isSymbolicLink()).toBe(false);
  expect(readFileSync(path.join(only().root, place, 'model.safetensors'), 'utf8')).toBe('12345678');
  expect(JSON.stringify(only().log)).toContain('copying 2 files');
  writeFileSync(path.join(folder, 'model.safetensors'), '1234');
  const half = callerWith({ models }, 'local-half-000000000001');
  const failure = await failureOf(half.start(rig.newBackend()));
  expect(failure.message).toContain('model.safetensors has 4 bytes instead of 8');
  const hidden = { models: [{ id: 'tiny/model', hidden: true }] };
  expect((await failureOf(quote(hidden))).message).toContain('use modal');
});

describe('H1, H12, H13, acceptance 36, 37: ends and stages', () => {
  test('a kernel that nobody uses ends, then its server, and with it the Job', async () => {
    const caller = callerWith();
    const backend = rig.newBackend({}, { limits: { idleS: 5, emptyServerS: 4 } });
    await caller.startAndWait(backend);
    const endpoint = await backend.endpoint(caller.handle(), never());
    expect(await (await startRawKernel(endpoint, 'idle.ipynb')).execute('1')).toBe('ok');
    const ended = await caller.waitFor(rig.newBackend(), 'ended');
    expect(ended.end).toMatchObject({ cause: 'idle' });
    expect(rig.fake.newest().stage).toBe('COMPLETED');
  });

  test('a Job that gets no hardware is cancelled at the limit', async () => {
    rig.fake.isStalled = true;
    const tags = { study: 'probes' };
    const given = { capacity_timeout_seconds: 1, python_version: '3.11', tags };
    const caller = callerWith(given);
    const failure = await failureOf(caller.start(rig.newBackend()));
    expect(failure.code).toBe('sandbox/no-capacity');
    expect(rig.fake.newest()).toMatchObject({
      stage: 'CANCELED',
      labels: tags,
      body: { dockerImage: 'python:3.11' },
    });
    expect(caller.reports.map(({ message }) => message)).toContain(
      'waiting for cpu-basic (job0001)',
    );
  });

  test('an unknown stage is waited through; an end before the first answer fails at once, with the log', async () => {
    rig.fake.isStalled = true;
    const caller = callerWith();
    const starting = caller.start(rig.newBackend());
    await expect.poll(() => rig.fake.alive().length).toBe(1);
    const job = only();
    job.stage = 'PULLING_IMAGE';
    const said = (): string => caller.reports.map(({ message }) => message).join('\n');
    await expect.poll(said, { timeout: 5000 }).toContain('(PULLING_IMAGE)');
    job.start();
    expect((await starting).state).toBe('ready');
    const failing = callerWith({}, 'local-failing-000000000001');
    rig.fake.isStalled = false;
    const failure = await failureOf(failing.start(rig.newFailingBackend()));
    expect(failure.code).toBe('sandbox/start-failed');
    expect(failure.message).toContain('ended as ERROR: Job failed with exit code: 1');
    expect(failure.message).toContain('the server is broken on purpose');
  });

  test('M13: a lost answer makes no second Job, and one that cannot be seen to end is told as such', async () => {
    rig.fake.losesReply = true;
    const caller = callerWith();
    expect((await caller.startAndWait(rig.newBackend())).state).toBe('ready');
    expect(rig.fake.jobs.size).toBe(1);
    rig.fake.ignoresCancel = true;
    const backend = rig.newBackend({}, { limits: { endMs: 300 } });
    const failure = await failureOf(backend.stop(caller.handle(), never()));
    expect(failure).toMatchObject({
      code: 'sandbox/stop-failed',
      message: expect.stringMatching(
        /me\/job0001 could not be seen to end and may cost \$0\.02 per hour/,
      ),
    });
    expect((await backend.state(caller.handle(), never())).state).toBe('stopping');
    rig.fake.ignoresCancel = false;
    await rig.newBackend().stop(caller.handle(), never());
    expect(rig.fake.alive()).toEqual([]);
  });
});
