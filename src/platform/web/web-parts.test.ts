import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createHurriedClock } from '../../../test/fakes/hurried-clock.ts';
import { createManualClock } from '../../../test/fakes/manual-clock.ts';
import { createDiskCache, measureDiskCache } from './disk-cache.ts';
import { waitHintMs } from './retry-hints.ts';
import { createPacer, createSlots } from './turns.ts';

it('reads when a service wants to be asked again', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const hint = (headers: Record<string, string>) => waitHintMs(new Headers(headers), now);
  expect(hint({ 'retry-after': '7' })).toBe(7000);
  expect(hint({ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' })).toBe(30_000);
  expect(hint({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' })).toBe(0);
  expect(hint({ ratelimit: '"api";r=0;t=123' })).toBe(123_000);
  expect(hint({ ratelimit: '"api";r=12;t=123' })).toBeUndefined();
  expect(hint({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1000 + 60) })).toBe(
    60_000,
  );
  expect(hint({ 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '1' })).toBeUndefined();
  expect(hint({ 'retry-after': 'soon' })).toBeUndefined();
  expect(hint({})).toBeUndefined();
});

it('gives turns one interval apart, in order, also side by side', async () => {
  const clock = createHurriedClock();
  const pacer = createPacer(clock, 1000);
  const at: [string, number][] = [];
  const take = async (name: string): Promise<void> => {
    await pacer.turn();
    at.push([name, clock.monotonic()]);
  };
  await Promise.all(['a', 'b', 'c'].map(take));
  clock.advance(10_000);
  await take('d');
  expect(at).toEqual([
    ['a', 0],
    ['b', 1000],
    ['c', 2000],
    ['d', 12_000],
  ]);
});

it('passes a turn on when the caller gives up', async () => {
  const clock = createManualClock();
  const pacer = createPacer(clock, 1000);
  await pacer.turn();
  const stop = new AbortController();
  const given = pacer.turn(stop.signal);
  const next = pacer.turn();
  await expect.poll(() => clock.pending).toBe(1);
  stop.abort();
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  await expect.poll(() => clock.pending).toBe(1);
  clock.advance(1000);
  await next;
});

it('lets no more in than there are slots, and forgets who gave up', async () => {
  const slots = createSlots(1);
  let release = (): void => undefined;
  const first = slots.run('a', () => new Promise<void>((resolve) => (release = resolve)));
  const stop = new AbortController();
  const given = slots.run('a', async () => 'never', stop.signal);
  const last = slots.run('a', async () => 'last');
  expect(await slots.run('b', async () => 'other')).toBe('other');
  stop.abort();
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  release();
  await first;
  expect(await last).toBe('last');
  expect(await slots.run('a', async () => 'again')).toBe('again');
});

function newCache(maxBytes: number) {
  const root = mkdtempSync(path.join(tmpdir(), 'glovebox-cache-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const dir = path.join(root, 'web');
  const clock = createHurriedClock(Date.now());
  return { dir, clock, cache: createDiskCache({ dir, clock, maxBytes }) };
}

const answer = (text: string) => ({
  status: 200,
  url: 'https://example.test/',
  headers: { etag: '"1"' },
  storedMs: 1,
  bytes: Buffer.from(text),
});

it('2.3: keeps the cache within its bounds: what was not used for longest goes first', async () => {
  const { dir, clock, cache } = newCache(10_000);
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    await cache.save(key, answer(key.repeat(1800)));
    await cache.load(key);
    clock.advance(5000);
  }
  await cache.load('a');
  clock.advance(5000);
  await cache.save('f', answer('f'.repeat(1800)));
  expect(await measureDiskCache(dir)).toBeLessThanOrEqual(10_000);
  const kept = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f'].map(async (key) => ((await cache.load(key)) ? key : '')),
  );
  expect(kept.join('')).toMatch(/^a.*e?f$/);
  expect(kept.join('')).not.toContain('b');
});

it('takes a damaged file for none, and keeps bytes as they are', async () => {
  const { dir, cache } = newCache(100_000);
  const bytes = Buffer.from([0, 10, 255, 10, 13]);
  await cache.save('key', { ...answer(''), bytes });
  expect((await cache.load('key'))?.bytes).toEqual(bytes);
  const [file = ''] = readdirSync(dir);
  for (const content of ['', '{"status":200}\nx', 'no json\nx']) {
    writeFileSync(path.join(dir, file), content);
    expect(await cache.load('key')).toBeUndefined();
  }
});
