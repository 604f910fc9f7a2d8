/** The near end of relayed connections: a port of this machine, and the passing of bytes with back-pressure and half-close. */
import { createServer, type Server, type Socket } from 'node:net';
import { errnoOf } from './files.ts';
import { WINDOW_BYTES } from './relay-frames.ts';
import type { RelayLink } from './relay-link.ts';
import type { RelayTarget } from './relay.ts';

export interface RelayListener {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Stops listening and resets its connections. Idempotent. */
  close(): void;
}

/** Listens on `wanted` where that is free, else on a port that the system chooses. */
export async function listenOnLoopback(
  wanted: number | undefined,
  onConnection: (socket: Socket) => void,
): Promise<RelayListener> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  const port = await bind(server, wanted ?? 0).catch((error: unknown) => {
    if (wanted === undefined || errnoOf(error) !== 'EADDRINUSE') throw error;
    return bind(server, 0);
  });
  server.unref();
  return {
    port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Passes the bytes of one connection through the link, both ways, until both ends are done or one fails. */
export function relaySocket(link: RelayLink, socket: Socket, target: RelayTarget): void {
  let credit = WINDOW_BYTES;
  let nearEnded = false;
  let farEnded = false;
  let reset = false;

  const stream = link.openStream({
    onFrame({ kind, payload }) {
      if (kind === 'data')
        socket.write(payload, () => stream.send('credit', toUint32(payload.length)));
      else if (kind === 'credit') {
        credit += payload.readUInt32BE(0);
        if (credit > 0) socket.resume();
      } else if (kind === 'end') {
        farEnded = true;
        socket.end();
      } else if (kind === 'reset') {
        reset = true;
        socket.resetAndDestroy();
      }
    },
    onLost: () => {
      reset = true;
      socket.resetAndDestroy();
    },
  });
  stream.sendJson('open', target);

  socket.on('data', (chunk) => {
    stream.send('data', chunk);
    credit -= chunk.length;
    if (credit <= 0) socket.pause();
  });
  socket.on('end', () => {
    nearEnded = true;
    stream.send('end');
  });
  socket.on('error', () => undefined); // Told by `close`.
  socket.on('close', () => {
    if (!reset && !(nearEnded && farEnded)) stream.send('reset', Buffer.from('the client is gone'));
    stream.forget();
  });
}

function toUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
