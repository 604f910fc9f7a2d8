import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { locateImageWorker } from '#main/image-assets.ts';
import { type Clock, systemClock } from '#platform/clock.ts';
import { sampleImage } from '../../../test/rigs/sample-images.ts';
import type { RasterJob, SvgJob } from './image-job.ts';
import { readRasterInfo } from './image-type.ts';
import { type ImageRenderer, type ImageRendererOptions, createImageRenderer } from './images.ts';

// The first call makes the pictures.
beforeAll(() => void sampleImage('rgb.png'), 240_000);
vi.setConfig({ testTimeout: 60_000 });
const limits = { maxPngBytes: 1_000_000, maxBytes: 1_500_000 };
const svgJob: SvgJob = {
  kind: 'svg',
  svg: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
  longEdgePx: 90,
  ...limits,
};
const open: ImageRenderer[] = [];
afterEach(() => Promise.all(open.splice(0).map((renderer) => renderer.close())));

function make(options: Partial<ImageRendererOptions> = {}): ImageRenderer {
  const renderer = createImageRenderer({ ...locateImageWorker(), clock: systemClock, ...options });
  open.push(renderer);
  return renderer;
}

function job(name: string, maxPx = 300): RasterJob {
  const file = sampleImage(name);
  const info = readRasterInfo(file);
  if (info === undefined) throw new Error(`${name} is no picture`);
  return { kind: 'raster', data: file.toString('base64'), info, maxPx, ...limits };
}

/** A clock whose timers fire when told. */
function handClock(): Clock & { readonly due: Map<number, () => void>; fire(ms: number): void } {
  const due = new Map<number, () => void>();
  return {
    due,
    now: () => 0,
    monotonic: () => 0,
    after(ms, callback) {
      due.set(ms, callback);
      return () => due.delete(ms);
    },
    fire(ms) {
      const callback = due.get(ms);
      due.delete(ms);
      callback?.();
    },
  };
}

/** A worker of our own, to see what the real one cannot be made to do. */
const workerOf = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
const SILENT = workerOf(
  'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => {});',
);

describe('image renderer', () => {
  it('draws in a worker that is started from source, and answers in order', async () => {
    const renderer = make();
    const results = await Promise.all([
      renderer.draw(job('rgb.png')),
      renderer.draw(svgJob),
      renderer.draw(job('rgb.jpg', 100)),
    ]);
    const sizes = results.map((result) =>
      result.ok
        ? `${result.image.format} ${result.image.width}x${result.image.height}`
        : result.reason,
    );
    expect(sizes).toEqual(['png 300x200', 'png 90x90', 'jpeg 100x66']);
  });

  it('O10: the event loop goes on while a large picture is drawn', async () => {
    const renderer = make();
    await renderer.draw(svgJob);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const started = performance.now();
    let ticks = 0;
    const ticker = setInterval(() => (ticks += 1), 5);
    const result = await renderer.draw(job('big.png', 2000));
    clearInterval(ticker);
    delay.disable();
    const busy = performance.now() - started;
    expect(result.ok).toBe(true);
    // Drawn here, all of that time would be one gap without a tick.
    expect(ticks).toBeGreaterThan(5);
    expect(delay.max / 1e6).toBeLessThan(busy / 2);
  });

  it('a picture that cannot be drawn is an answer, and the next one is drawn', async () => {
    const renderer = make();
    const [bad, good] = await Promise.all([
      renderer.draw(job('corrupt.png')),
      renderer.draw(job('rgb.png')),
    ]);
    expect(bad).toEqual({ ok: false, reason: 'a PNG check sum is wrong' });
    expect(good.ok).toBe(true);
  });

  it('a job over its limit is dropped with its worker, and the next job is drawn by a new one', async () => {
    const clock = handClock();
    const renderer = make({ workerUrl: SILENT, clock, jobLimitMs: 20_000 });
    const slow = renderer.draw(svgJob);
    const next = renderer.draw(svgJob);
    clock.fire(20_000);
    await expect(slow).resolves.toEqual({ ok: false, reason: 'drawing took longer than 20 s' });
    clock.fire(20_000);
    await expect(next).resolves.toMatchObject({ ok: false });
  });

  it('cancelling ends a running job and forgets a waiting one; others are not touched', async () => {
    const renderer = make();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = renderer.draw(job('big.png', 2000), first.signal);
    const waiting = renderer.draw(job('rgb.png'), second.signal);
    const other = renderer.draw(job('rgb.png'));
    second.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    first.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect((await other).ok).toBe(true);
    await expect(renderer.draw(svgJob, first.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('an idle worker ends and the next job starts a new one', async () => {
    const clock = handClock();
    const counting = workerOf(
      'import { parentPort, threadId } from "node:worker_threads";' +
        'parentPort.on("message", ({ id }) => parentPort.postMessage({ id, heavy: false, result: { ok: false, reason: String(threadId) } }));',
    );
    const renderer = make({ workerUrl: counting, clock, idleMs: 30_000 });
    const first = await renderer.draw(svgJob);
    expect(await renderer.draw(svgJob)).toEqual(first);
    clock.fire(30_000);
    expect(await renderer.draw(svgJob)).not.toEqual(first);
  });

  it('a worker that a large job has swollen is not kept', async () => {
    const heavy = workerOf(
      'import { parentPort, threadId } from "node:worker_threads";' +
        'parentPort.on("message", ({ id }) => parentPort.postMessage({ id, heavy: true, result: { ok: false, reason: String(threadId) } }));',
    );
    const renderer = make({ workerUrl: heavy });
    const first = await renderer.draw(svgJob);
    expect(await renderer.draw(svgJob)).not.toEqual(first);
  });

  it.each([
    ['cannot be found', new URL('./no-such-worker.mjs', import.meta.url), /Cannot find module/],
    ['fails at start', workerOf('throw new Error("no memory")'), /no memory/],
    [
      'ends by itself',
      workerOf(
        'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => process.exit(3));',
      ),
      /ended/,
    ],
  ])('a worker that %s spoils only the picture', async (_, workerUrl, reason) => {
    const renderer = make({ workerUrl });
    const result = await renderer.draw(svgJob);
    expect(result.ok ? '' : result.reason).toMatch(reason);
  });

  it('what a worker prints reaches nobody', async () => {
    const noisy = workerOf(
      'import { parentPort } from "node:worker_threads"; console.log("noise");' +
        'parentPort.on("message", ({ id }) => { console.log("noise"); parentPort.postMessage({ id, heavy: false, result: { ok: false, reason: "done" } }); });',
    );
    const written: unknown[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (chunk: string | Uint8Array) => {
      written.push(String(chunk));
      return true;
    };
    try {
      await make({ workerUrl: noisy }).draw(svgJob);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.stdout.write = write;
    }
    expect(written.join('')).not.toContain('noise');
  });

  it('closing answers what waits, and a later job works again', async () => {
    const renderer = make();
    const waiting = [renderer.draw(job('big.png')), renderer.draw(svgJob)];
    await renderer.close();
    expect(await Promise.all(waiting)).toEqual([
      { ok: false, reason: 'closed' },
      { ok: false, reason: 'closed' },
    ]);
    expect((await renderer.draw(svgJob)).ok).toBe(true);
  });
});
