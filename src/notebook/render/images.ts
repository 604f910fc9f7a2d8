/** Draws pictures in a worker thread: one job at a time, with a limit, gone when idle. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { cancelled } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { ImageAssets, ImageJob, ImageJobResult, WorkerReply } from './image-job.ts';

export interface ImageRenderer {
  /**
   * Queues a job. Resolves with `ok: false` and a reason when the picture cannot be drawn, takes too long, or the
   * worker cannot start: a picture never spoils the rest of an answer.
   *
   * @throws GloveboxError `cancelled` when the signal fires; the job is then dropped, also in the middle.
   */
  draw(job: ImageJob, signal?: AbortSignal): Promise<ImageJobResult>;
  /** Ends the worker and answers what is queued with `ok: false`. Idempotent; a later job starts a new worker. */
  close(): Promise<void>;
}

export interface ImageRendererOptions {
  /** The bundled worker, or what starts it from source. */
  readonly workerUrl: URL;
  readonly assets: ImageAssets;
  readonly clock: Clock;
  /** For one job, its wait in the queue not counted. Default 30 s. */
  readonly jobLimitMs?: number;
  /** A worker without work ends after this. Default 30 s. */
  readonly idleMs?: number;
}

const NOTHING = (): void => undefined;

interface QueuedJob {
  readonly id: number;
  readonly job: ImageJob;
  readonly settle: (result: ImageJobResult) => void;
}

/** Starts nothing until the first job. */
export function createImageRenderer(options: ImageRendererOptions): ImageRenderer {
  const { workerUrl, assets, clock, jobLimitMs = 30_000, idleMs = 30_000 } = options;
  const queue: QueuedJob[] = [];
  let worker: Worker | undefined;
  let running: QueuedJob | undefined;
  let cancelTimer = NOTHING;
  let lastId = 0;

  function start(): Worker {
    const started = new Worker(workerUrl, {
      workerData: { assets: toPaths(assets) },
      name: 'glovebox-images',
      env: {},
      // Whatever a decoder prints must not reach our standard output: the protocol runs there.
      stdout: true,
      stderr: true,
    });
    started.stdout.resume();
    started.stderr.resume();
    started.on('message', (reply: WorkerReply) => {
      if (worker !== started || reply.id !== running?.id) return;
      if (reply.heavy) void retire();
      finish(reply.result);
    });
    started.on('error', (error) => {
      if (worker !== started) return;
      worker = undefined;
      finish({ ok: false, reason: `the image worker failed: ${messageOf(error)}` });
    });
    started.on('exit', () => {
      if (worker !== started) return;
      worker = undefined;
      finish({ ok: false, reason: 'the image worker ended' });
    });
    return started;
  }

  /** Ends the worker at once, also within a job. */
  function retire(): Promise<unknown> {
    const ended = worker?.terminate() ?? Promise.resolve();
    worker = undefined;
    return ended;
  }

  function finish(result: ImageJobResult): void {
    const done = running;
    running = undefined;
    cancelTimer();
    done?.settle(result);
    next();
  }

  function next(): void {
    if (running !== undefined) return;
    running = queue.shift();
    if (running === undefined) {
      worker?.unref();
      cancelTimer = clock.after(idleMs, () => void retire(), { background: true });
      return;
    }
    cancelTimer();
    worker ??= start();
    worker.ref();
    cancelTimer = clock.after(jobLimitMs, () => {
      void retire();
      finish({ ok: false, reason: `drawing took longer than ${jobLimitMs / 1000} s` });
    });
    // A worker has no origin.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    worker.postMessage({ id: running.id, job: running.job });
  }

  return {
    draw: (job, signal) =>
      new Promise<ImageJobResult>((resolve, reject) => {
        if (signal?.aborted === true) return reject(cancelled(signal));
        const onAbort = (): void => {
          reject(cancelled(signal));
          const waiting = queue.indexOf(queued);
          if (waiting !== -1) queue.splice(waiting, 1);
          if (running !== queued) return;
          void retire();
          finish({ ok: false, reason: 'cancelled' });
        };
        const queued: QueuedJob = {
          id: (lastId += 1),
          job,
          settle(result) {
            signal?.removeEventListener('abort', onAbort);
            resolve(result);
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        queue.push(queued);
        next();
        return undefined;
      }),
    async close() {
      const ended = retire();
      for (const { settle } of queue.splice(0)) settle({ ok: false, reason: 'closed' });
      finish({ ok: false, reason: 'closed' });
      await ended;
    },
  };
}

/** A worker cannot be sent a URL object. */
function toPaths({ resvgWasm, webpWasm, font }: ImageAssets): ImageAssets {
  return { resvgWasm: toPath(resvgWasm), webpWasm: toPath(webpWasm), font: toPath(font) };
}

function toPath(file: string | URL): string {
  return typeof file === 'string' ? file : fileURLToPath(file);
}
