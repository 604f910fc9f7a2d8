import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { startBrowserView, type BrowserView } from './browser-view.ts';
import { systemClock } from './clock.ts';

const GATES = { Authorization: 'Bearer of the hub', 'X-Gate': 'secret', Cookie: 'gate=secret' };
/** Everything that came to the server behind. */
let seen: IncomingMessage[];
let view: BrowserView;
let close: () => void;

beforeEach(async () => {
  seen = [];
  const server = createServer((request, response) => {
    seen.push(request);
    if (request.url === '/leave')
      return void response.writeHead(302, { location: 'https://elsewhere.test/x' }).end();
    if (request.url === '/login')
      return void response
        .writeHead(302, {
          location: '/lab?a=1',
          'set-cookie': ['id=1; Path=/; Secure; Domain=job.test', 'xsrf=2', 'gate=new'],
        })
        .end();
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
    return undefined;
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    seen.push(request);
    socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const endpoint = async () => ({ baseUrl: `http://127.0.0.1:${port}/`, headers: GATES });
  const { signal } = new AbortController();
  view = await startBrowserView({ endpoint, path: 'lab/tree/a%20b', clock: systemClock }, signal);
  close = () => {
    view.close();
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => close());

const at = (path: string): string => new URL(path, view.url).href;
const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(at(path), { redirect: 'manual', headers, ...init });
/** What a browser would send after it was let in. */
async function enter(): Promise<string> {
  const answer = await fetch(view.url, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/lab/tree/a%20b']);
  const [cookie = ''] = answer.headers.getSetCookie();
  expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/);
  return cookie.split(';')[0] ?? '';
}

describe('SEC8: the view for a browser', () => {
  it('lets one browser in, once, and hands on what it asks with the headers that it does not have', async () => {
    expect((await get('/lab')).status).toBe(403);
    const cookie = await enter();
    expect((await fetch(view.url, { redirect: 'manual' })).status).toBe(403);
    const body = JSON.stringify({ a: 1 });
    const headers = {
      cookie: `${cookie}; other=x; gate=mine`,
      authorization: 'Bearer mine',
      'x-gate': 'z',
    };
    const answer = await get('/api/contents?x=1', headers, { method: 'PUT', body });
    expect(await answer.text()).toBe('PUT /api/contents?x=1 {"a":1}');
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer of the hub',
      'x-gate': 'secret',
      cookie: 'other=x; gate=secret',
    });
    expect(JSON.stringify([...answer.headers])).not.toMatch(/secret|of the hub/);
  });

  it.each([
    ['a guessed cookie', { cookie: 'glovebox-view-1=x' }],
    ['another name for this machine', { host: 'evil.test' }],
    ['a page of another site', { origin: 'https://evil.test' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
  ])('refuses %s', async (_, headers) => {
    const cookie = await enter();
    const { hostname, port } = new URL(view.url);
    const { request } = await import('node:http');
    const outgoing = request({ hostname, port, path: '/lab', headers: { cookie, ...headers } });
    outgoing.end();
    const [answer]: IncomingMessage[] = await once(outgoing, 'response');
    answer?.resume();
    expect(answer?.statusCode).toBe(403);
    expect(seen).toEqual([]);
  });

  it('outlives a request for what is no address', async () => {
    const { hostname, port } = new URL(view.url);
    for (const path of ['//', '//[', '/a//b']) {
      const asked = ask({ hostname, port, path });
      const [answer]: IncomingMessage[] = await once(asked.end(), 'response');
      expect(answer?.statusCode).toBe(403);
      answer?.resume();
    }
  });

  it('asks no other host, whatever the path looks like: the headers would go along', async () => {
    const { hostname, port } = new URL(view.url);
    const cookie = await enter();
    const paths = [
      '//',
      '//a.test/x',
      '/.//a.test/x',
      'http://a.test/x',
      'http://a.test//a.test/x',
    ];
    for (const path of paths) {
      const asked = ask({ hostname, port, path, headers: { cookie } });
      const [answer]: IncomingMessage[] = await once(asked.end(), 'response');
      expect(answer?.statusCode).toBe(200);
      answer?.resume();
    }
    expect(seen.map(({ url }) => url)).toEqual([
      '//',
      '//a.test/x',
      '//a.test/x',
      '/x',
      '//a.test/x',
    ]);
  });

  it('keeps the browser here: redirects and cookies of the server become those of the view', async () => {
    const cookie = await enter();
    const login = await get('/login', { cookie });
    expect(login.headers.get('location')).toBe(at('/lab?a=1'));
    expect(login.headers.getSetCookie()).toEqual(['id=1; Path=/', 'xsrf=2']);
    expect((await get('/leave', { cookie })).headers.get('location')).toBe(
      new URL(view.url).origin,
    );
  });

  it('passes websockets, to the admitted browser only, and ends them with the view', async () => {
    const cookie = await enter();
    const url = at('/api/kernels/k/channels').replace('http', 'ws');
    const stranger = new WebSocket(url);
    const [error] = await once(stranger, 'error');
    expect(String(error)).toContain('403');
    const origin = new URL(view.url).origin;
    const socket = new WebSocket(url, { headers: { cookie }, origin });
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('echo hello');
    // The server compares the two.
    expect(seen[0]?.headers).toMatchObject({
      'x-gate': 'secret',
      origin: `http://${seen[0]?.headers.host}`,
    });
    view.close();
    await once(socket, 'close');
    await expect(get('/lab', { cookie })).rejects.toThrow();
  });
});
