/** The floor for everything that goes through a Jupyter server: its websocket, with frames written by hand. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Endpoint } from '#core/endpoint.ts';
import { BareRequests, executeContent, type BareKernel } from './bare-kernel.ts';

const SUBPROTOCOL = 'v1.kernel.websocket.jupyter.org';
/** Channel, header, parent header, metadata, content. */
const PARTS = 5;

/** Enough for all answers to an ordinary request; in a flood nobody waits for a single message. */
const PONGS_PER_REQUEST = 20;

/**
 * Resolves when the kernel answers. An `eager` one answers each message with a pong: the server keeps back its next small
 * write until the last one is acknowledged, which the operating system does 40 ms late when there is nothing to send.
 */
export async function openWebsocketKernel(
  { baseUrl, headers }: Endpoint,
  kernelId: string,
  habit: 'eager' | 'plain' = 'eager',
): Promise<BareKernel> {
  const url = `${baseUrl.replace('http', 'ws')}api/kernels/${kernelId}/channels?session_id=${randomUUID()}`;
  const socket = new WebSocket(url, SUBPROTOCOL, {
    headers,
    perMessageDeflate: false,
    maxPayload: 0,
  });
  await once(socket, 'open');
  const requests = new BareRequests();
  let pongsLeft = 0;
  socket.on('message', (frame) => {
    if (habit === 'eager' && pongsLeft > 0) {
      pongsLeft -= 1;
      socket.pong();
    }
    if (!(frame instanceof Buffer)) throw new TypeError('a frame of an unexpected kind');
    const [, header, parent, , content] = partsOf(frame);
    requests.take(parseJson(header), parseJson(parent), () => parseJson(content));
  });
  const ask = (type: string, content: object) => {
    const header = requests.newHeader(type);
    const done = requests.done(header.msg_id);
    pongsLeft = PONGS_PER_REQUEST;
    socket.send(frameOf(['shell', JSON.stringify(header), '{}', '{}', JSON.stringify(content)]));
    return done;
  };
  await ask('kernel_info_request', {});
  return {
    execute: (code) => ask('execute_request', executeContent(code)),
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function partsOf(frame: Buffer): readonly Buffer[] {
  const offset = (index: number): number => Number(frame.readBigUInt64LE(8 * (index + 1)));
  return Array.from({ length: PARTS }, (_, index) =>
    frame.subarray(offset(index), offset(index + 1)),
  );
}

function parseJson(part: Buffer | undefined): unknown {
  return JSON.parse(part?.toString('utf8') ?? '{}');
}

function frameOf(texts: readonly string[]): Buffer {
  const parts = texts.map((text) => Buffer.from(text));
  const table = Buffer.alloc(8 * (parts.length + 2));
  table.writeBigUInt64LE(BigInt(parts.length + 1), 0);
  let end = table.length;
  table.writeBigUInt64LE(BigInt(end), 8);
  for (const [index, part] of parts.entries()) {
    end += part.length;
    table.writeBigUInt64LE(BigInt(end), 8 * (index + 2));
  }
  return Buffer.concat([table, ...parts]);
}
