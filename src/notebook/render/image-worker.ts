/** Entry of the worker thread that draws pictures, so that the thread that serves the agent never does. */
import { parentPort, workerData } from 'node:worker_threads';
import { createDrawImage } from './draw-image.ts';
import type { ImageAssets, ImageJobResult, WorkerReply, WorkerRequest } from './image-job.ts';

/** WebAssembly memory never shrinks; above this size the worker is not worth keeping. */
const HEAVY_PIXELS = 8_000_000;

const { assets }: { assets: ImageAssets } = workerData;
const draw = createDrawImage(assets);

async function answer({ id, job }: WorkerRequest): Promise<WorkerReply> {
  const heavy = job.kind === 'raster' && job.info.width * job.info.height > HEAVY_PIXELS;
  let result: ImageJobResult;
  try {
    result = { ok: true, image: await draw(job) };
  } catch (error) {
    result = { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  // What a failed decoder leaves behind is not known either.
  return { id, result, heavy: heavy || !result.ok };
}

parentPort?.on('message', (request: WorkerRequest) => {
  // A worker has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});
