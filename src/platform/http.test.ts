import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { runProgram } from '../../test/rigs/program.ts';
import { httpRequest } from './http.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const work of cleanUp.splice(0)) work();
});

async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: addressOf(server.address()), server };
}

async function serveTcp(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer(onSocket).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.push(() => server.close());
  return addressOf(server.address());
}

const isTcp = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null;
function addressOf(address: AddressInfo | string | null): string {
  if (!isTcp(address)) throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

const get = { method: 'GET', headers: {}, timeoutMs: 5_000 };

it('sends method, headers and body, and gives back status, headers and text', async () => {
  const { url } = await serve((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      response.writeHead(418, { 'X-Answer': 'yes', 'Set-Cookie': ['a=1', 'b=2'] });
      response.end(
        `${request.method} ${request.url} ${String(request.headers['x-question'])} ${body} ✓`,
      );
    });
  });
  const answer = await httpRequest({
    method: 'POST',
    url: `${url}/p?q=1`,
    headers: { 'X-Question': 'well' },
    body: 'häh',
    timeoutMs: 5_000,
  });
  expect(answer.status).toBe(418);
  expect(answer.text).toBe('POST /p?q=1 well häh ✓');
  expect(answer.headers.get('x-answer')).toBe('yes');
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
});

it('C1: follows no redirect', async () => {
  const seen: (string | undefined)[] = [];
  const { url } = await serve((request, response) => {
    seen.push(request.url);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  const answer = await httpRequest({ ...get, url });
  expect([answer.status, answer.headers.get('location'), seen]).toEqual([302, '/elsewhere', ['/']]);
});

it('names the code when nobody listens, and no credentials or query', async () => {
  const { url, server } = await serve(() => undefined);
  server.close();
  await once(server, 'close');
  const failing = httpRequest({ ...get, url: `${url}/api?token=secret` });
  await expect(failing).rejects.toMatchObject({
    code: 'http/failed',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  await expect(failing).rejects.toMatchObject({ message: expect.not.stringContaining('secret') });
});

it('names the code when the connection is reset, before and inside the answer', async () => {
  const before = await serveTcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
  await expect(httpRequest({ ...get, url: before })).rejects.toMatchObject({
    code: 'http/failed',
    message: expect.stringContaining('ECONNRESET'),
  });
  const inside = await serveTcp((socket) =>
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy());
    }),
  );
  await expect(httpRequest({ ...get, url: inside })).rejects.toMatchObject({ code: 'http/failed' });
});

it('gives up at its limit, also in the middle of an answer', async () => {
  const { url } = await serve((request, response) => {
    if (request.url === '/half') response.write('half');
  });
  await expect(httpRequest({ ...get, url, timeoutMs: 30 })).rejects.toMatchObject({
    code: 'timeout',
    retryable: true,
  });
  await expect(httpRequest({ ...get, url: `${url}/half`, timeoutMs: 30 })).rejects.toMatchObject({
    code: 'timeout',
  });
});

it('stops when the caller cancels, before and during the request', async () => {
  const closed: string[] = [];
  const stop = new AbortController();
  const { url } = await serve((request) => {
    request.socket.on('close', () => closed.push('closed'));
    stop.abort();
  });
  await expect(httpRequest({ ...get, url, signal: stop.signal })).rejects.toMatchObject({
    code: 'cancelled',
  });
  await expect(httpRequest({ ...get, url, signal: stop.signal })).rejects.toMatchObject({
    code: 'cancelled',
  });
  await expect.poll(() => closed).toEqual(['closed']);
});

it('keeps one connection for GET and tries again when the server just closed it', async () => {
  let connections = 0;
  let requests = 0;
  const url = await serveTcp((socket) => {
    connections += 1;
    let served = 0;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests += 1;
      served += 1;
      if (served === 3) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  for (let n = 0; n < 3; n += 1) expect((await httpRequest({ ...get, url })).text).toBe('ok');
  expect([connections, requests]).toEqual([2, 4]);
});

it('never sends anything but GET and HEAD twice', async () => {
  let requests = 0;
  const url = await serveTcp((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests += 1;
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.resetAndDestroy();
    });
  });
  await httpRequest({ ...get, url });
  await expect(httpRequest({ ...get, url, method: 'POST' })).rejects.toMatchObject({
    code: 'http/failed',
  });
  expect(requests).toBe(2);
});

it('X22, C4: ignores proxy variables', async () => {
  const { url } = await serve((_, response) => response.end('direct'));
  const program = runProgram(
    `import { httpRequest } from '#platform/http.ts';
     const { text } = await httpRequest({ method: 'GET', url: '${url}', headers: {}, timeoutMs: 5000 });
     console.log(text);`,
    {
      http_proxy: 'http://127.0.0.1:9',
      HTTP_PROXY: 'http://127.0.0.1:9',
      all_proxy: 'http://127.0.0.1:9',
      NODE_USE_ENV_PROXY: '1',
      no_proxy: '',
    },
  );
  expect((await program.ended).output).toContain('direct');
});

it('connects to no name that leads to a private address when only public ones are allowed', async () => {
  const seen: string[] = [];
  const { url } = await serve((request, response) => {
    seen.push(request.url ?? '');
    response.end('inside');
  });
  const named = url.replace('127.0.0.1', 'localhost');
  expect((await httpRequest({ ...get, url })).text).toBe('inside');
  await expect(httpRequest({ ...get, url: named, isPublicOnly: true })).rejects.toMatchObject({
    code: 'http/refused',
  });
  expect(seen).toHaveLength(1);
});

it('ends an answer that is longer than wanted', async () => {
  const { url } = await serve((_, response) => response.end('x'.repeat(10_000)));
  await expect(httpRequest({ ...get, url, maxBytes: 1000 })).rejects.toMatchObject({
    code: 'http/too-large',
  });
  expect((await httpRequest({ ...get, url, maxBytes: 10_000 })).bytes).toHaveLength(10_000);
});
