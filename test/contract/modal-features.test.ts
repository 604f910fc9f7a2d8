/** What a Modal sandbox is asked for is what it gets: prices, limits, secrets, files, snapshots, and an end when nobody uses it. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ResultStatus, ServerError, Status, type FakeSandbox } from '../fakes/modal/fake-modal.mjs';
import {
  isCertificateMissing,
  makeModalRig,
  MARKED,
  type ModalRig,
} from '../rigs/modal-backend.ts';
import { startRawKernel, type RawKernel } from '../rigs/raw-kernel.ts';
import { MARK } from '../rigs/reaper.mjs';
import { serverRoutes } from '../rigs/server-routes.ts';
import { isWhole } from '../rigs/variables.ts';
import { Caller, failureOf, never } from './contract-rig.ts';

const withoutCertificate = isCertificateMissing();

let rig: ModalRig;
beforeEach(async () => {
  rig = await makeModalRig();
});
afterEach(() => rig.dispose());

function callerWith(options: object, id?: string): Caller {
  const rigOfCaller = {
    projectDir: rig.projectDir,
    options: { ...MARKED, ...options },
    countAtEngine: async () => rig.fake.alive().length,
  };
  return new Caller(rigOfCaller, id);
}

const only = (): FakeSandbox => rig.fake.alive()[0] ?? expect.fail('nothing runs');

async function inKernel(caller: Caller, code: string): Promise<unknown> {
  const endpoint = await rig.newBackend().endpoint(caller.handle(), never());
  const kernel = await startRawKernel(endpoint, 'test.ipynb');
  const whole = `import json, os\njson.dump(${code}, open("out.json", "w"))`;
  expect(await kernel.execute(whole)).toBe('ok');
  await kernel.leave();
  return JSON.parse(readFileSync(path.join(only().root, 'workspace/out.json'), 'utf8'));
}

describe.skipIf(withoutCertificate)('prices', () => {
  const quote = (options: object) =>
    rig.newBackend().quote?.(options, { projectDir: rig.projectDir, signal: never() }) ??
    expect.fail('no quote');

  test('L13, 5.1: a quote names price, source and the most it can cost, and starts nothing', async () => {
    const cheap = await quote({ max_lifetime_seconds: 7200 });
    expect(cheap.usdPerHour).toBeCloseTo(2 * 0.1419 + 8 * 0.0242);
    expect(cheap.ceilingUsd).toBeCloseTo(2 * (cheap.usdPerHour ?? 0));
    expect(cheap.priceSource).toContain('estimate');
    const dear = await quote({ gpu: 'H100', gpu_count: 4 });
    expect(dear.usdPerHour).toBeGreaterThan(4 * 3.9);
    expect(rig.fake.sandboxes.size).toBe(0);
    expect(rig.fake.calls.some(({ method }) => method.startsWith('image'))).toBe(false);
  });

  test('an unknown price is said, and counts as over any max_cost_usd', async () => {
    const unknown = await quote({ gpu: 'B200+' });
    expect(unknown.usdPerHour).toBeUndefined();
    expect(unknown.remarks.join('\n')).toContain('price of B200+ is not known');
    const caller = callerWith({ gpu: 'B200+', max_cost_usd: 1000 });
    expect((await failureOf(caller.start(rig.newBackend()))).code).toBe('sandbox/over-budget');
    const dear = callerWith({ gpu: 'H100', max_cost_usd: 1 }, 'modal-second-000001');
    expect(await failureOf(dear.start(rig.newBackend()))).toMatchObject({
      code: 'sandbox/over-budget',
      hint: expect.stringContaining('max_lifetime_seconds'),
    });
    expect(rig.fake.sandboxes.size).toBe(0);
  });
});

describe.skipIf(withoutCertificate)('the image', () => {
  test('M14, acceptance 30: an unknown package fails with the words of the builder, and no machine is asked for', async () => {
    rig.fake.faults.failBuild = (commands) =>
      commands.some((command) => command.includes('"nonsense-package"'))
        ? 'ERROR: No matching distribution found for nonsense-package'
        : undefined;
    const caller = callerWith({ gpu: 'T4', python_packages: ['nonsense-package'] });
    const failure = await failureOf(caller.start(rig.newBackend()));
    expect(failure.code).toBe('sandbox/image-failed');
    expect(failure.message).toContain('No matching distribution found for nonsense-package');
    expect(rig.fake.sandboxes.size).toBe(0);
    expect(caller.reports.map(({ message }) => message).join('\n')).toContain('image: Step 1');
  });

  test('a secret that does not exist at Modal is named before an image is built', async () => {
    const caller = callerWith({ secrets: [{ provider: 'wandb', keys: ['WANDB_API_KEY'] }] });
    const failure = await failureOf(caller.start(rig.newBackend()));
    expect(failure).toMatchObject({ code: 'remote/not-found' });
    expect(failure.message).toContain('"wandb"');
    expect(rig.fake.calls.some(({ method }) => method === 'imageGetOrCreate')).toBe(false);
  });
});

describe.skipIf(withoutCertificate).each([
  { kind: 'V2, without a GPU', options: {} },
  { kind: 'V1, with a GPU', options: { gpu: 'T4' } },
])('inside, $kind', ({ options }) => {
  test('SEC5, SEC7, L10, M4, acceptance 21, 52: kernels see env and kernel-scope secrets, and nothing else of the server; a secret for headers stays outside', async () => {
    rig.fake.addSecret('wandb', { WANDB_API_KEY: 'w-secret' });
    rig.fake.addSecret('example', { EXAMPLE_KEY: 'e-secret' });
    const headers = { Authorization: 'Bearer $EXAMPLE_KEY' };
    const caller = callerWith({
      ...options,
      header_secrets: [{ domain: '*.example.com', secret: 'example', headers }],
      snapshot_on_exit: true,
      env: { ...MARKED.env, GREETING: 'hello' },
      secrets: [
        { env: 'SETUP_ONLY' },
        { env: 'OPENAI_API_KEY', scope: ['kernel'] },
        { provider: 'wandb', keys: ['WANDB_API_KEY'], scope: ['kernel'] },
      ],
      max_lifetime_seconds: 600,
      idle_timeout_seconds: 60,
      provider_options: { idle_timeout_seconds: 90 },
    });
    const variables = { SETUP_ONLY: 's-secret', OPENAI_API_KEY: 'o-secret' };
    await caller.startAndWait(rig.newBackend({ variables }));
    expect(only().environment).toMatchObject({ SETUP_ONLY: 's-secret' });
    // M17: Modal itself enforces the time limit.
    expect(only().request).toMatchObject({
      definition: { timeoutSecs: 600, idleTimeoutSecs: 90 },
    });
    // 5.3: what tells the generations apart, and a tunnel that is TLS.
    const { id, version } = only();
    expect(id).toMatch(version === 1 ? /^sb-[A-Za-z0-9]{22}$/ : /^sb-(?![A-Za-z0-9]{22}$)/);
    expect((await rig.newBackend().endpoint(caller.handle(), never())).baseUrl).toMatch(
      /^https:\/\/localhost:\d+\/$/,
    );
    const secretId = expect.stringMatching(/^st-/);
    expect(only().request).toMatchObject({
      definition: {
        experimentalOutboundPolicy: {
          headerReplacements: [{ domain: '*.example.com', secretId, headers }],
        },
        // M17
        experimentalOptionsV2: { enable_exit_snapshot: 'true' },
      },
    });
    expect(JSON.stringify([only().environment, only().request])).not.toContain('e-secret');
    const seen = Object(await inKernel(caller, 'dict(os.environ)'));
    expect(seen).toMatchObject({
      GREETING: 'hello',
      OPENAI_API_KEY: 'o-secret',
      WANDB_API_KEY: 'w-secret',
      HF_HOME: path.join(only().root, 'cache'),
    });
    const allowed =
      /^(PATH|HOME|LANG|LC_\w+|PYTHON\w+|GLOVEBOX_LIB|JPY_\w+|JUPYTER_\w+|MPLBACKEND|TERM|CLICOLOR\w*|FORCE_COLOR|PAGER|GIT_PAGER|PYDEVD_\w+|GREETING|OPENAI_API_KEY|WANDB_API_KEY|HF_HOME|GLOVEBOX_MODELS)$/;
    const others = Object.keys(seen).filter((name) => name !== MARK && !allowed.test(name));
    expect(others).toEqual([]);
  });

  test('M9, SEC2, acceptance 27: once the server runs, its token is in no file, no argument and no variable', async () => {
    const caller = callerWith(options);
    const backend = rig.newBackend();
    await caller.startAndWait(backend);
    const { headers } = await backend.endpoint(caller.handle(), never());
    const token = Object.values(headers).join(' ').split(' ').at(-1) ?? '';
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    const texts = readdirSync(only().root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    const processes = only()
      .processes()
      .flatMap((pid) =>
        ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')),
      );
    const request = JSON.stringify(only().request, (key: string, value: unknown) =>
      key === 'secretSources' ? undefined : value,
    );
    const own = readdirSync(rig.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    expect(processes.length).toBeGreaterThan(0);
    for (const text of [...texts, ...processes, request, ...own]) expect(text).not.toContain(token);
  });

  test('SEC1, acceptance 27: without the token no route that the server registers answers, and no WebSocket opens', async () => {
    const caller = callerWith(options);
    const backend = rig.newBackend();
    await caller.startAndWait(backend);
    const { baseUrl } = await backend.endpoint(caller.handle(), never());
    // JupyterLab's list of licenses refuses too, breaks off over saying so, and never answers.
    const routes = serverRoutes().filter((route) => !route.startsWith('/lab/api/licenses/'));
    expect(routes).toEqual(
      expect.arrayContaining(['/api/status', '/glovebox/ports/1/x', '/metrics']),
    );
    const isOpen = /^\/(api|login|logout|static\/.*|favicon\.ico|robots\.txt)$/;
    for (const method of ['GET', 'POST', 'DELETE']) {
      for (const route of routes.filter((name) => method !== 'GET' || !isOpen.test(name))) {
        const answer = await fetch(new URL(route, baseUrl), { method, redirect: 'manual' });
        const text = await answer.text();
        // A redirect says nothing; what it leads to is asked for too.
        if (answer.status === 302) expect(text, `${method} ${route}`).toBe('');
        else expect(answer.status, `${method} ${route}`).toBeOneOf([401, 403, 404, 405]);
      }
    }
    for (const route of routes.filter((name) => /channels|subscribe|ports/.test(name))) {
      const socket = new WebSocket(new URL(route, baseUrl.replace(/^http/, 'ws')));
      const [, response] = await once(socket, 'unexpected-response');
      expect(Reflect.get(Object(response), 'statusCode'), route).toBeOneOf([302, 401, 403]);
      socket.on('error', () => undefined).terminate();
    }
    expect(only().processes().length).toBeGreaterThan(0);
  });

  test('files of the project are in the workspace but for what is ignored, and nothing from outside the project', async () => {
    await mkdir(path.join(rig.projectDir, 'code/deep'), { recursive: true });
    writeFileSync(path.join(rig.projectDir, 'code/deep/module.py'), 'ANSWER = 42\n');
    writeFileSync(path.join(rig.projectDir, 'code/data ä.bin'), Buffer.from([0, 255, 10, 13]));
    writeFileSync(path.join(rig.projectDir, '.gitignore'), '*.secret\n');
    for (const name of ['a.secret', 'deep/a.log', 'deep/b.log', 'top.log'])
      writeFileSync(path.join(rig.projectDir, 'code', name), '');
    const ignore = ['*.log', '!b.log', '/deep/none'];
    // It is a machine of its own: what is asked for elsewhere goes there.
    const elsewhere = path.join(rig.projectDir, '../data/one/module.py');
    const files = [
      { from: 'code', to: 'lib/mine', ignore },
      { from: 'code/deep/module.py', to: elsewhere },
    ];
    const caller = callerWith({ ...options, files });
    await caller.startAndWait(rig.newBackend());
    expect(await inKernel(caller, '__import__("mine.deep.module").deep.module.ANSWER')).toBe(42);
    const copy = readFileSync(path.join(only().root, 'workspace/lib/mine/data ä.bin'));
    expect([...copy]).toEqual([0, 255, 10, 13]);
    expect(readFileSync(elsewhere, 'utf8')).toBe('ANSWER = 42\n');
    const arrived = readdirSync(path.join(only().root, 'workspace/lib/mine'), { recursive: true });
    const names = arrived.map(String).filter((name) => /secret|log/.test(name));
    expect(names).toEqual(['deep/b.log']);
    const refused = [
      { from: '../x', to: 'x' },
      { from: 'code', to: '../x' },
      { from: 'code', to: '/proc/x' },
      { from: 'code', to: '/' },
    ];
    for (const file of refused) {
      const outside = callerWith({ files: [file] }, 'modal-second-000001');
      expect((await failureOf(outside.start(rig.newBackend()))).code).toBe('path/not-allowed');
    }
  });

  test('5.8, L13, M6, acceptance 31, 32: a snapshot keeps the files and no token; another sandbox starts from it, and whatever code the router gives for it once it is dead, it is said to have ended', async () => {
    const caller = callerWith(options);
    const backend = rig.newBackend();
    await caller.startAndWait(backend);
    await inKernel(caller, '"kept"');
    const snapshot = await backend.snapshot?.(caller.handle(), { ttlMs: 86_400_000 }, never());
    expect(snapshot?.remarks.join(' ')).toMatch(/Not in it: .*variables/);
    await backend.stop(caller.handle(), never());
    // M23: before the end, and while it runs.
    const order = rig.fake.calls.map(({ method, request }) =>
      method === 'taskExecStart'
        ? JSON.stringify(Reflect.get(Object(request), 'commandArgs'))
        : method,
    );
    const at = order.indexOf('["sync","cache"]');
    expect(at).toBeGreaterThan(0);
    expect(order.slice(at).some((one) => one.startsWith('sandboxTerminate'))).toBe(true);
    expect(order.slice(0, at).some((one) => one.startsWith('sandboxTerminate'))).toBe(false);
    expect(
      await failureOf(
        backend.snapshot?.(caller.handle(), { ttlMs: null }, never()) ?? Promise.resolve(),
      ),
    ).toMatchObject({ code: 'sandbox/ended' });
    const from_snapshot = snapshot?.snapshotId;
    const second = callerWith({ ...options, from_snapshot }, 'modal-second-000001');
    await second.startAndWait(backend);
    const kept = path.join(only().root, 'workspace/out.json');
    expect(readFileSync(kept, 'utf8')).toBe('"kept"');
    const ttl = rig.fake.lastRequest('taskSnapshotFilesystem');
    expect(ttl).toMatchObject({ ttlSeconds: 86_400 });
    const told = await backend.resources?.(second.handle(), never());
    expect(told?.cpus).toBeGreaterThan(0);
    expect(told?.memory.limitBytes).toBeGreaterThan(told?.memory.usedBytes ?? Infinity);
    expect(told?.disk[0]?.path).toBe(only().root);
    for (const code of [
      'FAILED_PRECONDITION',
      'NOT_FOUND',
      'PERMISSION_DENIED',
      'ABORTED',
      'OUT_OF_RANGE',
    ]) {
      rig.fake.faults.before = (method) => {
        if (!/^task(SnapshotFilesystem|ExecStart)$/.test(method)) return;
        for (const sandbox of rig.fake.alive()) sandbox.kill(ResultStatus.TERMINATED);
        throw new ServerError(Status[code], 'of the router');
      };
      const attempts = [
        backend.resources?.(second.handle(), never()),
        backend.snapshot?.(second.handle(), { ttlMs: null }, never()),
      ];
      const failures = await Promise.all(
        attempts.map((one) => failureOf(one ?? Promise.resolve())),
      );
      expect([code, ...failures.map((failure) => failure.code)]).toEqual([
        code,
        'sandbox/ended',
        'sandbox/ended',
      ]);
    }
  });
});

describe.skipIf(withoutCertificate)('the end', () => {
  test(
    'M16, acceptance 24, 25: of both generations an idle kernel ends, with a client connected and status asked all the while; then the server, the process and the sandbox; cells that are silent from the first on and threads that print are in use, also when nobody is connected',
    async () => {
      const limits = isWhole ? { idleS: 60, emptyServerS: 120 } : { idleS: 5, emptyServerS: 4 };
      const backend = rig.newBackend({}, { limits });
      // Longer than the limit of idleness, and than the server takes to look for it.
      const silentS = limits.idleS + 6;
      const begin = async (caller: Caller): Promise<RawKernel> => {
        await caller.startAndWait(backend);
        // On a slow machine the first kernel is a while in coming.
        return startRawKernel(await backend.endpoint(caller.handle(), never()), 'idle.ipynb');
      };
      const watched = callerWith({});
      const alone = callerWith({ gpu: 'T4' }, 'modal-second-000001');
      const [kernel, left] = await Promise.all([begin(watched), begin(alone)]);
      left.send(`import threading, time
time.sleep(${silentS})
def tell():
    end = time.monotonic() + ${silentS}
    while time.monotonic() < end: print("on", flush=True); time.sleep(0.3)
    open("told", "w").close()
threading.Thread(target=tell).start()`);
      await left.leave();
      expect(await kernel.execute(`import time; time.sleep(${silentS})`)).toBe('ok');
      const made = [...rig.fake.sandboxes.values()];
      expect(made.map(({ version, result }) => [version, result])).toEqual(
        expect.arrayContaining([
          [1, undefined],
          [2, undefined],
        ]),
      );
      const ends = await Promise.all(
        [watched, alone].map((caller) => caller.waitFor(backend, 'ended')),
      );
      for (const { end } of ends) {
        expect(end).toMatchObject({ cause: 'idle' });
        const words = end?.logTail?.join('\n');
        expect(words).toContain('GLOVEBOX-END idle');
        // M23: what was written to the cache is kept.
        expect(words).toContain('GLOVEBOX-COMMIT 1 volumes');
      }
      const wellEnded = { status: ResultStatus.SUCCESS, exitcode: 0 };
      expect(made.map(({ result }) => result)).toMatchObject([wellEnded, wellEnded]);
      const told = made.map(({ root }) => existsSync(path.join(root, 'workspace/told')));
      expect(told).toEqual(made.map(({ version }) => version === 1));
    },
    isWhole ? 900_000 : 120_000,
  );

  test('M4: with the newer generation switched off, all runs on the older one and is found there', async () => {
    process.env['MODAL_SANDBOX_V2'] = '0';
    try {
      const caller = callerWith({});
      const backend = rig.newBackend();
      await caller.startAndWait(backend);
      expect(only().version).toBe(1);
      const found = await backend.discover?.(rig.projectDir, never());
      expect(found?.map(({ id }) => id)).toEqual([caller.id]);
      await backend.stop({ ...caller.handle(), data: found?.[0]?.data ?? {} }, never());
      expect(rig.fake.alive()).toEqual([]);
    } finally {
      delete process.env['MODAL_SANDBOX_V2'];
    }
  });
});
