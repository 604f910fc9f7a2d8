import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  startFakeService,
  type FakeAnswer,
  type FakeService,
} from '../../../test/fakes/hub/fake-service.ts';
import { createHurriedClock } from '../../../test/fakes/hurried-clock.ts';
import { createWebClient } from './client.ts';
import type { WebClient } from './contract.ts';
import { createDiskCache } from './disk-cache.ts';
import { createUrlPolicy } from './url-policy.ts';

const SECRET = 'hf_secret';

async function startService(name: string): Promise<FakeService> {
  const service = await startFakeService(name);
  onTestFinished(() => service.close());
  return service;
}

interface Stage {
  readonly own: FakeService;
  readonly other: FakeService;
  readonly web: WebClient;
  readonly clock: ReturnType<typeof createHurriedClock>;
  readonly cacheDir: string;
}

/** Two trusted services; the secret belongs to the first. */
async function stage(secret: () => string | undefined = () => SECRET): Promise<Stage> {
  const [own, other] = await Promise.all([startService('own'), startService('other')]);
  const cacheDir = path.join(mkdtempSync(path.join(tmpdir(), 'glovebox-web-')), 'cache');
  onTestFinished(() => rmSync(path.dirname(cacheDir), { recursive: true, force: true }));
  const clock = createHurriedClock();
  const web = createWebClient({
    clock,
    policy: createUrlPolicy(() => [own.url, other.url]),
    credentialFor: async (url) => {
      const value = secret();
      return url.origin === own.url && value !== undefined
        ? { header: 'authorization', value: `Bearer ${value}`, source: 'HF_TOKEN' }
        : undefined;
    },
    cache: createDiskCache({ dir: cacheDir, clock, maxBytes: 1_000_000 }),
    userAgent: 'test/1',
    random: () => 0.5,
  });
  return { own, other, web, clock, cacheDir };
}

const ok: FakeAnswer = { text: 'ok' };

it('sends a credential to its own origin only, and says where it came from', async () => {
  const { own, other, web } = await stage();
  own.on('GET', /\/a/, () => ok);
  other.on('GET', /\/b/, () => ok);
  expect((await web.send({ url: `${own.url}/a` })).credentialSource).toBe('HF_TOKEN');
  expect((await web.send({ url: `${other.url}/b` })).credentialSource).toBeUndefined();
  await web.send({ url: `${own.url}/a`, credentials: 'none' });
  expect(own.requests.map(({ headers }) => headers.authorization)).toEqual([
    `Bearer ${SECRET}`,
    undefined,
  ]);
  expect(other.requests[0]?.headers.authorization).toBeUndefined();
});

it('2.2: drops the credential at a change of origin, for good', async () => {
  const { own, other, web } = await stage();
  own.on('GET', /\/start/, () => ({ status: 302, headers: { location: `${other.url}/away` } }));
  other.on('GET', /\/away/, () => ({ status: 307, headers: { location: `${own.url}/end` } }));
  own.on('GET', /\/end/, () => ok);
  const answer = await web.send({ url: `${own.url}/start`, redirects: 'anywhere' });
  expect([answer.text, answer.url]).toEqual(['ok', `${own.url}/end`]);
  expect(other.requests[0]?.headers.authorization).toBeUndefined();
  expect(own.requests.at(-1)?.headers.authorization).toBeUndefined();
});

it('2.2: follows redirects within the origin only, unless more is allowed', async () => {
  const { own, other, web } = await stage();
  own.on('GET', /\/near/, () => ({ status: 301, headers: { location: '/end' } }));
  own.on('GET', /\/far/, () => ({ status: 301, headers: { location: `${other.url}/end` } }));
  own.on('GET', /\/end/, () => ok);
  expect((await web.send({ url: `${own.url}/near` })).text).toBe('ok');
  await expect(web.send({ url: `${own.url}/far` })).rejects.toMatchObject({ code: 'http/refused' });
  expect((await web.send({ url: `${own.url}/far`, redirects: 'none' })).status).toBe(301);
  await expect(
    web.send({ url: `${own.url}/far`, redirects: (url) => url.pathname === '/elsewhere' }),
  ).rejects.toMatchObject({ code: 'http/refused' });
  expect(other.requests).toEqual([]);
});

it('2.2: refuses private addresses, also behind a redirect, and endless redirects', async () => {
  const { own, web } = await stage();
  const stranger = await startService('stranger');
  own.on('GET', /\/metadata/, () => ({
    status: 302,
    headers: { location: 'http://169.254.169.254/latest' },
  }));
  own.on('GET', /\/inside/, () => ({ status: 302, headers: { location: `${stranger.url}/x` } }));
  own.on('GET', /\/loop/, () => ({ status: 302, headers: { location: '/loop' } }));
  for (const at of ['metadata', 'inside', 'loop']) {
    await expect(
      web.send({ url: `${own.url}/${at}`, redirects: 'anywhere' }),
    ).rejects.toMatchObject({ code: 'http/refused' });
  }
  expect(stranger.requests).toEqual([]);
  expect(own.requests.filter(({ path: at }) => at === '/loop')).toHaveLength(6);
});

it('2.2: sends nothing to an address whose path would be resolved to another one', async () => {
  const { own, web } = await stage();
  for (const at of ['/a/../b', '/a/..', '/a/./b?c', '/a/%2E%2e/b', '/a/.%2e#x', '/a\\..\\b'])
    await expect(web.send({ url: `${own.url}${at}` })).rejects.toMatchObject({
      code: 'http/refused',
    });
  expect(own.requests).toEqual([]);
  own.on('GET', /\/.*/, () => ok);
  for (const at of ['/a..b/.c?d=/../e', '/...']) await web.send({ url: `${own.url}${at}` });
});

it('2.3: tries a read three times, at the time the service names', async () => {
  const { own, web, clock } = await stage();
  own.on('GET', /\/.*/, () => ok);
  own.fail(/\/limited/, { status: 429, headers: { 'retry-after': '2' } });
  own.fail(/\/limited/, { status: 503 });
  expect((await web.send({ url: `${own.url}/limited` })).text).toBe('ok');
  expect(clock.pauses).toEqual([2000, 450]);
  own.fail(/\/quota/, { status: 429, headers: { ratelimit: '"api";r=0;t=3' } });
  expect((await web.send({ url: `${own.url}/quota` })).text).toBe('ok');
  expect(clock.pauses.at(-1)).toBe(3000);
  own.fail(/\/broken/, { text: 'half of it', cutAfterBytes: 3 }, 2);
  expect((await web.send({ url: `${own.url}/broken` })).text).toBe('ok');
  own.fail(/\/down/, { status: 500 }, 9);
  expect((await web.send({ url: `${own.url}/down` })).status).toBe(500);
  expect(own.requests.filter(({ path: at }) => at === '/down')).toHaveLength(3);
});

it('asks once where a service has said that it has nothing to give', async () => {
  const { own, web } = await stage();
  own.fail(/\/none/, { status: 501 }, 9);
  own.fail(/\/named/, { status: 500, headers: { 'x-error-code': 'ResponseNotReady' } }, 9);
  for (const at of ['none', 'named']) await web.send({ url: `${own.url}/${at}` });
  expect(own.requests).toHaveLength(2);
});

it('2.3: does not wait longer than ten seconds in all', async () => {
  const { own, web, clock } = await stage();
  own.fail(/\/hour/, { status: 429, headers: { 'retry-after': '3600' } }, 9);
  own.fail(/\/two/, { status: 429, headers: { 'retry-after': '6' } }, 9);
  expect((await web.send({ url: `${own.url}/hour` })).status).toBe(429);
  expect(own.requests).toHaveLength(1);
  expect((await web.send({ url: `${own.url}/two` })).status).toBe(429);
  expect(clock.pauses).toEqual([6000]);
});

it('2.3: never repeats a request that changes something, and repeats a POST that only reads', async () => {
  const { own, web } = await stage();
  own.on('POST', /\/.*/, () => ok);
  own.fail(/\/write/, { status: 503 });
  own.fail(/\/cut/, { text: 'half of it', cutAfterBytes: 3 });
  own.fail(/\/read/, { status: 503 });
  expect((await web.send({ url: `${own.url}/write`, method: 'POST' })).status).toBe(503);
  await expect(web.send({ url: `${own.url}/cut`, method: 'POST' })).rejects.toMatchObject({
    code: 'http/failed',
  });
  const read = { url: `${own.url}/read`, method: 'POST', body: '{}', isRead: true } as const;
  expect((await web.send(read)).text).toBe('ok');
  expect(own.requests.map(({ path: at }) => at)).toEqual(['/write', '/cut', '/read', '/read']);
});

it('2.3: keeps answers, revalidates them by ETag, and keeps a 404 for a minute', async () => {
  const { own, web, clock } = await stage();
  let version = 1;
  own.on('GET', /\/page/, ({ headers }) =>
    headers['if-none-match'] === `"v${version}"`
      ? { status: 304 }
      : { text: `version ${version}`, headers: { etag: `"v${version}"`, 'set-cookie': 'a=1' } },
  );
  own.on('GET', /\/none/, () => ({ status: 404, text: 'no' }));
  own.on('GET', /\/error/, () => ({ status: 403, text: 'no' }));
  const ask = async (at: string) => {
    const { text, cache } = await web.send({ url: `${own.url}/${at}`, cacheMs: 3_600_000 });
    return [text, cache.state];
  };
  expect(await ask('page')).toEqual(['version 1', 'none']);
  expect(await ask('page')).toEqual(['version 1', 'fresh']);
  clock.advance(3_600_001);
  expect(await ask('page')).toEqual(['version 1', 'revalidated']);
  expect(await ask('page')).toEqual(['version 1', 'fresh']);
  clock.advance(3_600_001);
  version = 2;
  expect(await ask('page')).toEqual(['version 2', 'none']);
  expect([await ask('none'), await ask('none')]).toEqual([
    ['no', 'none'],
    ['no', 'fresh'],
  ]);
  clock.advance(60_001);
  expect(await ask('none')).toEqual(['no', 'none']);
  expect([await ask('error'), await ask('error')]).toEqual([
    ['no', 'none'],
    ['no', 'none'],
  ]);
});

it('2.3: keeps answers apart by credential, and privately', async () => {
  let secret: string | undefined = 'hf_first';
  const { own, web, cacheDir } = await stage(() => secret);
  own.on('GET', /\/who/, ({ headers }) => ({ text: headers.authorization ?? 'nobody' }));
  const ask = async () => (await web.send({ url: `${own.url}/who`, cacheMs: 1000 })).text;
  expect(await ask()).toBe('Bearer hf_first');
  secret = undefined;
  expect(await ask()).toBe('nobody');
  secret = 'hf_first';
  expect(await ask()).toBe('Bearer hf_first');
  expect(own.requests).toHaveLength(2);
  for (const file of readdirSync(cacheDir))
    expect(statSync(path.join(cacheDir, file)).mode & 0o077).toBe(0);
  expect(statSync(cacheDir).mode & 0o077).toBe(0);
  const heads = readdirSync(cacheDir).map(
    (file) => readFileSync(path.join(cacheDir, file), 'utf8').split('\n')[0],
  );
  expect(heads.join()).not.toContain('hf_first');
});

it('gives back what it knows, marked, when the service fails and that is wanted', async () => {
  const { own, web, clock } = await stage();
  own.on('GET', /\/spec/, () => ok);
  const ask = () => web.send({ url: `${own.url}/spec`, cacheMs: 1000, mayBeStale: true });
  await ask();
  clock.advance(5000);
  own.fail(/\/spec/, { status: 502 }, 3);
  expect(await ask()).toMatchObject({ text: 'ok', cache: { state: 'stale' } });
  own.fail(/\/spec/, { text: 'half of it', cutAfterBytes: 1 }, 9);
  expect(await ask()).toMatchObject({ text: 'ok', cache: { state: 'stale' } });
});

it('2.3: makes one request of equal reads at the same time, and ends it when nobody waits', async () => {
  const { own, web } = await stage();
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  own.on('GET', /\/slow/, async () => {
    await released;
    return ok;
  });
  const stop = new AbortController();
  const given = web.send({ url: `${own.url}/slow`, cacheMs: 1000 }, stop.signal);
  const kept = web.send({ url: `${own.url}/slow`, cacheMs: 1000 });
  await expect.poll(() => own.requests.length).toBe(1);
  stop.abort();
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  release();
  expect((await kept).text).toBe('ok');
  expect(own.requests).toHaveLength(1);
  own.on('GET', /\/never/, () => ({ hangs: true }));
  const last = new AbortController();
  const alone = web.send({ url: `${own.url}/never` }, last.signal);
  await expect.poll(() => own.requests.length).toBe(2);
  last.abort();
  await expect(alone).rejects.toMatchObject({ code: 'cancelled' });
});

it('2.3: has at most eight requests under way for one origin', async () => {
  const { own, web } = await stage();
  let now = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  own.on('GET', /\/n\d+/, async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise<void>((resolve) => waiting.push(resolve));
    now -= 1;
    return ok;
  });
  const all = Promise.all(
    Array.from({ length: 20 }, (_, n) => web.send({ url: `${own.url}/n${n}` })),
  );
  for (let served = 0; served < 20; served += 1) {
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    waiting.shift()?.();
  }
  await all;
  expect(most).toBe(8);
});

it('unpacks gzip, asks for no packing of parts, and limits the size of both', async () => {
  const { own, web } = await stage();
  own.on('GET', /\/packed/, () => ({ text: 'x'.repeat(100_000), gzip: true }));
  own.on('GET', /\/plain/, () => ({ text: 'x'.repeat(100_000) }));
  expect((await web.send({ url: `${own.url}/packed` })).text).toHaveLength(100_000);
  await web.send({ url: `${own.url}/plain`, headers: { range: 'bytes=0-9' } });
  expect(own.requests.map(({ headers }) => headers['accept-encoding'])).toEqual([
    'gzip',
    undefined,
  ]);
  for (const at of ['packed', 'plain']) {
    await expect(web.send({ url: `${own.url}/${at}`, maxBytes: 1000 })).rejects.toMatchObject({
      code: 'http/too-large',
    });
  }
});

it('gives up at the time limit without a second try', async () => {
  const { own, web } = await stage();
  own.on('GET', /\/never/, () => ({ hangs: true }));
  await expect(web.send({ url: `${own.url}/never`, timeoutMs: 50 })).rejects.toMatchObject({
    code: 'timeout',
  });
  expect(own.requests).toHaveLength(1);
});
