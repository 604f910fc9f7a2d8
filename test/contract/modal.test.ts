/** The Modal back end fulfils the contract, with both generations of sandboxes, on a fake control plane that starts real Jupyter servers. */
import { isCertificateMissing, makeModalRig, MARKED } from '../rigs/modal-backend.ts';
import { describeBackendContract } from './backend-contract.ts';
import type { BackendRig } from './contract-rig.ts';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Endpoint } from '#core/endpoint.ts';
import { startBrowserView } from '#platform/browser-view.ts';
import { systemClock } from '#platform/clock.ts';
import { testPython } from '../rigs/python.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { Caller, failureOf, never } from './contract-rig.ts';

const withoutCertificate = isCertificateMissing();

const rigWith = (options: object) => async (): Promise<BackendRig> => {
  const rig = await makeModalRig();
  const only = () => {
    const [sandbox, ...others] = rig.fake.alive();
    if (sandbox === undefined || others.length > 0) throw new Error('expected one sandbox');
    return sandbox;
  };
  return {
    newBackend: () => rig.newBackend(),
    newFailingBackend: () => rig.newFailingBackend(),
    projectDir: rig.projectDir,
    stateDir: rig.dir,
    options: { ...MARKED, ...options },
    countAtEngine: async () => rig.fake.alive().length,
    async makeUnreachable() {
      const pids = only().processes();
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      return async () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      };
    },
    async killBehindOurBack() {
      only().kill(3);
    },
    dispose: () => rig.dispose(),
  };
};

describe.skipIf(withoutCertificate)('M4, acceptance 21, both generations', () => {
  describeBackendContract('modal without a GPU (V2)', rigWith({}));
  describeBackendContract('modal with a GPU (V1)', rigWith({ gpu: 'T4' }));
});

describe.skipIf(withoutCertificate).each([
  { kind: 'V2, without a GPU', options: {} },
  { kind: 'V1, with a GPU', options: { gpu: 'T4' } },
])('the gate of Modal, $kind', ({ options }) => {
  test("M10, SEC8: behind Modal's gate no port is public, and both tokens are needed, for a kernel and for a browser", async () => {
    const rig = await makeModalRig();
    onTestFinished(() => rig.dispose());
    const only = () => rig.fake.alive()[0] ?? expect.fail('nothing runs');
    const caller = new Caller({
      projectDir: rig.projectDir,
      options: { ...MARKED, ...options, access: 'connect-token' },
      countAtEngine: async () => rig.fake.alive().length,
    });
    await caller.startAndWait(rig.newBackend());
    expect(only().request).toMatchObject({ definition: { openPorts: { ports: [] } } });
    // What another machine of the account knows is enough.
    const elsewhere = rig.newBackend();
    const [found = expect.fail('not found')] =
      (await elsewhere.discover?.(rig.projectDir, never())) ?? [];
    // SEC13: to another person of the workspace it is nobody's.
    const stranger = rig.newBackend({ token: { id: 'ak-other', secret: 'as-other' } });
    expect(await stranger.discover?.(rig.projectDir, never())).toEqual([]);
    const endpoint = await elsewhere.endpoint(found, never());
    const again = await elsewhere.endpoint(found, never());
    expect(again).toEqual(endpoint);
    const { Cookie: gate = '', ...own } = endpoint.headers;
    const status = async (headers: Endpoint['headers']): Promise<number> =>
      (await fetch(`${endpoint.baseUrl}api/status`, { headers })).status;
    expect(await status(endpoint.headers)).toBe(200);
    expect([await status(own), await status({ Cookie: gate })]).toEqual([401, 403]);
    const withoutGate = new WebSocket(endpoint.baseUrl.replace('http', 'ws'), { headers: own });
    expect(String(await once(withoutGate, 'error'))).toContain('401');
    const kernel = await startRawKernel(endpoint, 'test.ipynb');
    expect(await kernel.execute('1 + 1')).toBe('ok');
    const view = await startBrowserView(
      { endpoint: async () => endpoint, path: 'lab', clock: systemClock },
      never(),
    );
    const entered = await fetch(view.url, { redirect: 'manual' });
    const cookie = entered.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    const here = new URL(view.url).origin;
    const seen = await fetch(`${here}/api/kernels/${kernel.id}`, { headers: { cookie } });
    expect([seen.status, JSON.stringify(await seen.json())]).toEqual([
      200,
      expect.stringContaining(kernel.id),
    ]);
    const socket = new WebSocket(
      `${here.replace('http', 'ws')}/api/kernels/${kernel.id}/channels?session_id=x`,
      { headers: { cookie, origin: here } },
    );
    await once(socket, 'open');
    socket.terminate();
    await kernel.leave();
    view.close();
    // SEC2: neither token is in an address, and Modal's goes no further than its gate.
    const [one = expect.fail('no gate')] = only().gates.values();
    const token = gate.split('=')[1] ?? expect.fail('no token');
    const passed = JSON.stringify([one.seen, only().main?.output, only().tags]);
    for (const secret of [token, ...Object.values(own)]) expect(passed).not.toContain(secret);
  });
});

test('M23: volumes are committed after use, a minute before the end, and at the end', async () => {
  const file = path.resolve(import.meta.dirname, '../jupyter/python/test_commit_volumes.py');
  const { stderr } = await promisify(execFile)(testPython(), ['-W', 'ignore', file]);
  expect(stderr).toMatch(/\nRan \d+ tests in .*\n\nOK\n$/);
});

test.skipIf(withoutCertificate)(
  'SEC7: a quote warns of kernels that see a secret and may reach every address',
  async () => {
    const rig = await makeModalRig();
    onTestFinished(() => rig.dispose());
    const backend = rig.newBackend({ variables: { OPENAI_API_KEY: 'o-secret' } });
    const asked = (options: object) =>
      backend.quote?.(
        { secrets: [{ env: 'OPENAI_API_KEY', scope: ['kernel'] }], ...options },
        { projectDir: rig.projectDir, signal: never() },
      );
    const warning = 'kernels see secrets and may reach every address';
    expect((await asked({}))?.remarks.join('\n')).toContain(warning);
    const limited = await asked({ network: { domains: ['api.openai.com'] } });
    expect(limited?.remarks.join('\n')).not.toContain(warning);
    const headers = { 'x-key': '$EXAMPLE_KEY' };
    const unknown = asked({
      header_secrets: [{ domain: 'a.example.com', secret: 'none', headers }],
    });
    expect(await failureOf(unknown ?? Promise.resolve())).toMatchObject({
      code: 'remote/not-found',
    });
  },
);
