/** How answers and failures of a Jupyter server are read, against a real HTTP server with recorded bodies. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createJupyterServer } from './rest.ts';

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

let http: Server;
let baseUrl: string;
let answer: Answer | undefined;
let asked: { readonly what: string; readonly token: string | undefined; readonly body: string }[];

beforeEach(async () => {
  asked = [];
  answer = undefined;
  http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const what = `${request.method ?? ''} ${request.url ?? ''}`;
      asked.push({ what, token: request.headers.authorization, body });
      const { status, body: reply, headers } = answer ?? { status: 500 };
      response.writeHead(status, headers);
      response.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  baseUrl = `http://127.0.0.1:${address.port}/user/ada/`;
});

afterEach(async () => {
  http.closeAllConnections();
  http.close();
  await once(http, 'close');
});

const server = (): ReturnType<typeof createJupyterServer> =>
  createJupyterServer({
    endpoint: () => Promise.resolve({ baseUrl, headers: { Authorization: 'token T' } }),
  });
const kernel = {
  id: 'k',
  name: 'python3',
  execution_state: 'idle',
  connections: 1,
  last_activity: 'then',
};
const model = {
  id: 'k',
  name: 'python3',
  executionState: 'idle',
  connections: 1,
  lastActivity: 'then',
};

test('C1, X23: every call carries the token and keeps the prefix', async () => {
  answer = { status: 200, body: kernel };
  await server().kernel('k/1');
  await server().startKernel({ name: 'ir', path: 'a b' });
  await server().interruptKernel('k');
  await server().restartKernel('k');
  await server().deleteKernel('k');
  answer = { status: 200, body: { id: 's', path: 'n.ipynb', kernel } };
  await server().createSession({ path: 'n.ipynb', name: 'n', kernelName: 'python3' });
  await server().rebindSession('s', 'k');
  await server().deleteSession('s');
  expect(asked.every(({ token }) => token === 'token T')).toBe(true);
  expect(asked.map(({ what, body }) => `${what} ${body}`)).toEqual([
    'GET /user/ada/api/kernels/k%2F1 ',
    'POST /user/ada/api/kernels {"name":"ir","path":"a b"}',
    'POST /user/ada/api/kernels/k/interrupt {}',
    'POST /user/ada/api/kernels/k/restart {}',
    'DELETE /user/ada/api/kernels/k ',
    'POST /user/ada/api/sessions {"path":"n.ipynb","name":"n","type":"notebook","kernel":{"name":"python3"}}',
    'PATCH /user/ada/api/sessions/s {"kernel":{"id":"k"}}',
    'DELETE /user/ada/api/sessions/s ',
  ]);
});

describe('reading', () => {
  test('kernels and sessions, with what cannot be read left out of lists', async () => {
    answer = { status: 200, body: [kernel, { name: 'no id' }] };
    expect(await server().listKernels()).toEqual([model]);
    answer = {
      status: 200,
      body: [
        { id: 's', path: 'a.ipynb', kernel },
        { id: 'old', notebook: { path: 'b.ipynb' }, kernel: { id: 'k2' } },
        { id: 'lost', path: 'c.ipynb', kernel: null },
      ],
    };
    expect(await server().listSessions()).toEqual([
      { id: 's', path: 'a.ipynb', kernel: model },
      {
        id: 'old',
        path: 'b.ipynb',
        kernel: { id: 'k2', name: '', executionState: '', connections: 0, lastActivity: '' },
      },
    ]);
  });

  test('kernel specs of every language', async () => {
    const spec = { display_name: 'R', language: 'R', interrupt_mode: 'message' };
    answer = {
      status: 200,
      body: { default: 'python3', kernelspecs: { ir: { name: 'ir', spec }, odd: {} } },
    };
    expect(await server().kernelSpecs()).toEqual({
      default: 'python3',
      specs: [
        { name: 'ir', displayName: 'R', language: 'R', interruptMode: 'message' },
        { name: 'odd', displayName: 'odd', language: '', interruptMode: 'signal' },
      ],
    });
  });

  test('status', async () => {
    answer = { status: 200, body: { started: 'then', kernels: 2, connections: 3, more: true } };
    expect(await server().status()).toEqual({ started: 'then', kernels: 2, connections: 3 });
  });

  test.each([
    ['not JSON', '<html>'],
    ['a list', []],
    ['no id', { name: 'x' }],
  ])('an answer that is %s is an error of the server', async (_name, body) => {
    answer = { status: 200, body };
    await expect(server().startKernel({ name: 'x' })).rejects.toMatchObject({
      code: 'server/error',
    });
  });
});

describe('failing', () => {
  const gone = { message: 'Kernel does not exist: k', reason: null };

  test('404 of Jupyter: no such kernel; deleting it is done; commands say that it is gone', async () => {
    answer = { status: 404, body: gone };
    expect(await server().kernel('k')).toBeUndefined();
    await server().deleteKernel('k');
    await server().deleteSession('s');
    await expect(server().interruptKernel('k')).rejects.toMatchObject({ code: 'kernel/gone' });
    await expect(server().restartKernel('k')).rejects.toMatchObject({ code: 'kernel/gone' });
  });

  test('X33: 404 of a proxy proves nothing', async () => {
    answer = { status: 404, body: '<html>no such app</html>' };
    for (const call of [
      server().kernel('k'),
      server().deleteKernel('k'),
      server().restartKernel('k'),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'server/error' });
    }
  });

  test('a session whose kernel was deleted before is deleted', async () => {
    answer = { status: 410, body: { message: 'Kernel deleted before session', reason: null } };
    await server().deleteSession('s');
  });

  test.each([401, 403])("C2: %d is somebody else's server", async (status) => {
    answer = { status, body: { message: 'Forbidden' } };
    await expect(server().status()).rejects.toMatchObject({
      code: 'server/refused',
      message: `GET /api/status was refused with status ${status}: Forbidden.`,
    });
  });

  test("X96: the server's own words are in the text", async () => {
    answer = { status: 500, body: { message: 'Disk full.', traceback: 'long' } };
    await expect(server().interruptKernel('k')).rejects.toMatchObject({
      code: 'server/error',
      message: 'POST /api/kernels/k/interrupt was answered with status 500: Disk full.',
    });
  });

  test('C1: a redirect is not followed', async () => {
    answer = { status: 302, headers: { location: `${baseUrl}login` } };
    await expect(server().status()).rejects.toMatchObject({ code: 'server/error' });
    expect(asked).toHaveLength(1);
  });

  test('nobody listens: unreachable, and nothing is known', async () => {
    const nobody = createJupyterServer({
      endpoint: () => Promise.resolve({ baseUrl: 'http://127.0.0.1:9/', headers: {} }),
    });
    await expect(nobody.kernel('k')).rejects.toMatchObject({ code: 'server/unreachable' });
    await expect(nobody.deleteKernel('k')).rejects.toMatchObject({ code: 'server/unreachable' });
  });

  test('a cancelled call says so', async () => {
    await expect(server().status(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('what the way to the server says is passed on', async () => {
    const broken = createJupyterServer({ endpoint: () => Promise.reject(new Error('no tunnel')) });
    await expect(broken.status()).rejects.toThrow('no tunnel');
  });
});
