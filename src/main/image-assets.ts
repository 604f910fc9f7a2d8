/** Finds the image worker and its files, in the bundle and in the source tree. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { ImageAssets } from '#notebook/render/image-job.ts';

export interface ImageWorkerFiles {
  readonly workerUrl: URL;
  readonly assets: ImageAssets;
}

/** In the bundle everything lies beside this module: `plugin/dist/`, without a folder for chunks. */
export function locateImageWorker(): ImageWorkerFiles {
  if (import.meta.url.endsWith('.ts')) return locateInSource();
  return {
    workerUrl: beside('./image-worker.mjs'),
    assets: {
      resvgWasm: beside('./resvg.wasm'),
      webpWasm: beside('./webp.wasm'),
      font: beside('./DejaVuSans.ttf'),
    },
  };
}

function beside(name: string): URL {
  return new URL(name, import.meta.url);
}

/** Node 20 cannot load TypeScript, and a worker does not take over its parent's loader: start with one. */
function locateInSource(): ImageWorkerFiles {
  const require = createRequire(import.meta.url);
  const loader = pathToFileURL(require.resolve('tsx/esm/api').replace(/[.]cjs$/, '.mjs'));
  const worker = new URL('../notebook/render/image-worker.ts', import.meta.url);
  const boot = `import { register } from '${loader.href}'; register(); await import('${worker.href}');`;
  return {
    workerUrl: new URL(`data:text/javascript,${encodeURIComponent(boot)}`),
    assets: {
      resvgWasm: require.resolve('@resvg/resvg-wasm/index_bg.wasm'),
      webpWasm: require.resolve('@jsquash/webp/codec/dec/webp_dec.wasm'),
      font: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
    },
  };
}
