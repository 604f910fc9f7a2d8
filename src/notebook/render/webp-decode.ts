/** Decodes a WebP picture. Runs in the image worker only. */
import { readFile } from 'node:fs/promises';
import decode, { init } from '@jsquash/webp/decode.js';
import { isRecord } from '#core/json.ts';
import type { Pixels } from './png-encode.ts';

/** What the decoder makes; a browser has it, Node has not. */
class ImageData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

export type WebpDecoder = (file: Buffer) => Promise<Pixels>;

export async function loadWebpDecoder(wasm: string | URL): Promise<WebpDecoder> {
  Object.assign(globalThis, { ImageData });
  await init({ wasmBinary: new Uint8Array(await readFile(wasm)).buffer });
  return async (file) => {
    const copy = new Uint8Array(file);
    const decoded: unknown = await decode(copy.buffer);
    if (!isRecord(decoded) || !(decoded['data'] instanceof Uint8ClampedArray)) {
      throw new Error('the WebP decoder gave no picture');
    }
    const { data } = decoded;
    const rgba = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { width: Number(decoded['width']), height: Number(decoded['height']), rgba };
  };
}
