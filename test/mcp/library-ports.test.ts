/** Programs that listen behind the server of a sandbox, over a real local Jupyter: what reaches them, and what does not. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Sandbox } from '#library/sandbox.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { BEHIND_A_PORT } from '../rigs/behind-a-port.ts';
import { freePort } from '../rigs/free-port.ts';
import { provideWorld } from '../rigs/library-engine.ts';

let world: World;
let shell: Sandbox;
let port: number;

const endpointOf = async (id: string) =>
  (await world.newApp()).services.sandboxes.endpointSource(id)();

beforeAll(async () => {
  world = createWorld();
  provideWorld(world);
  port = await freePort();
  const config = { backend: 'local', name: 'shell', mode: 'shell', ports: [port] } as const;
  shell = await Sandbox.create({ ...config, rpcTimeoutSeconds: 5 });
  writeFileSync(path.join(world.projectDir, 'behind.py'), BEHIND_A_PORT);
  const { stdout } = await shell.execPython('import sys; print(sys.executable)');
  const command = `setsid ${stdout.trim()} behind.py ${port} >behind.log 2>&1 & until grep -q up behind.log; do sleep 0.05; done`;
  expect((await shell.exec(command)).exitCode).toBe(0);
}, 240_000);
afterAll(() => world.end());

it('mode shell: runs commands, and has no notebooks', async () => {
  await expect(shell.startNotebook({ name: 'none' })).rejects.toMatchObject({
    code: 'sandbox/no-notebooks',
  });
  expect((await shell.info()).config).toMatchObject({ mode: 'shell', ports: [port] });
});

it('SEC1: a port is reached with the credentials of the server, which are not passed on', async () => {
  const asked = { path: '/a%20b?x=1&y=', method: 'POST', body: 'sent' };
  const answer = await shell.request(port, { ...asked, headers: { 'X-Own': 'kept' } });
  expect([answer.status, answer.headers.get('x-from')]).toEqual([201, 'behind']);
  const seen: unknown = JSON.parse(answer.text);
  expect(seen).toMatchObject({ method: 'POST', uri: '/a%20b?x=1&y=', body: 'sent' });
  const { baseUrl, headers } = await endpointOf(shell.id);
  const token = String(headers['Authorization']).replace('token ', '');
  expect(answer.text).toContain('kept');
  expect(answer.text).not.toContain(token);
  const place = `${baseUrl}glovebox/ports/${port}/`;
  const post = async (init: RequestInit): Promise<number> =>
    (await fetch(place, { redirect: 'manual', ...init })).status;
  expect(await post({ method: 'POST' })).toBe(403);
  expect(await post({})).toBe(302);
  const cookie = `${(await fetch(`${baseUrl}lab?token=${token}`, { redirect: 'manual' })).headers.getSetCookie().join('; ')}; mine=1`;
  const fromPage = { cookie, 'sec-fetch-site': 'same-origin' };
  expect(await post({ method: 'POST', headers: fromPage })).toBe(201);
  const fromElsewhere = { cookie, 'sec-fetch-site': 'cross-site' };
  expect(await post({ method: 'POST', headers: fromElsewhere })).toBe(403);
  const passed = await fetch(place, { headers: fromPage });
  expect(await passed.json()).toMatchObject({ headers: { Cookie: 'mine=1' } });
  const signedIn = await fetch(`${place}?token=${token}&x=2`);
  expect(await signedIn.json()).toMatchObject({ uri: '/?x=2' });
  // A part of the page that the person was signed in with.
  const referer = `${place}page?token=${token}&x=2`;
  const part = await fetch(`${place}part`, { headers: { ...fromPage, referer } });
  expect(await part.json()).toMatchObject({
    headers: { Referer: `http://127.0.0.1:${port}/page?x=2` },
  });
});

it('a port passes redirects, errors, streams and WebSockets', async () => {
  const moved = await shell.request(port, { path: '/moved' });
  expect(moved.headers.get('location')).toBe(`/glovebox/ports/${port}/there`);
  expect((await shell.request(port, { path: '/broken' })).status).toBe(500);
  expect((await shell.request(port, { path: '/long' })).bytes.length).toBe(300_000);
  expect((await shell.request(port, { path: '/cut' })).status).toBe(502);
  const { baseUrl, headers } = await endpointOf(shell.id);
  const abort = new AbortController();
  const huge = `${baseUrl}glovebox/ports/${port}/huge`;
  const { status, headers: told } = await fetch(huge, { headers, signal: abort.signal });
  expect([status, told.get('content-length')]).toEqual([200, '200000000']);
  // Nobody reads it, so that the program behind the port is not read from either.
  let megabytes = -1;
  const hasStopped = async (): Promise<boolean> => {
    const before = megabytes;
    megabytes = Number((await shell.request(port, { path: '/sent' })).text);
    return megabytes === before;
  };
  await expect.poll(hasStopped, { interval: 500, timeout: 60_000 }).toBe(true);
  expect(megabytes).toBeLessThan(100);
  abort.abort();
  const socket = new WebSocket(`${baseUrl.replace('http', 'ws')}glovebox/ports/${port}/ws`, {
    headers,
  });
  const heard: string[] = [];
  const echoed = new Promise<void>((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      if (heard.push(data.toString('utf8')) === 2) resolve();
    });
    socket.on('error', reject);
  });
  socket.on('open', () => socket.send('over and'));
  await echoed;
  expect(heard).toEqual(['first', 'over and back']);
  socket.close();
});

it('a port that was not asked for is refused, here and there', async () => {
  await expect(shell.request(port + 1)).rejects.toMatchObject({ code: 'config/invalid' });
  await expect(shell.request(port, { path: '/../../../api/kernels' })).rejects.toMatchObject({
    code: 'input/invalid',
  });
  const elsewhere = await shell.request(port, { path: 'http://127.0.0.1:1/x' });
  expect(elsewhere.text).toContain('"uri": "/http://127.0.0.1:1/x"');
  const { baseUrl, headers } = await endpointOf(shell.id);
  const other = await fetch(`${baseUrl}glovebox/ports/${port === 1 ? 2 : 1}/`, { headers });
  expect(other.status).toBe(404);
  // The last one: nothing listens there afterwards, which is not the server's fault.
  await shell.request(port, { method: 'DELETE' });
  const status = async (): Promise<number> => (await shell.request(port)).status;
  await expect.poll(status, { timeout: 30_000 }).toBe(502);
});
