/** A TCP relay between a client and a server that can cut, freeze, delay, split and refuse, as networks do. */
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

export interface TcpRelay {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Resets every open connection. New ones are accepted unless `refuse` was called. */
  cut(): void;
  /** Ends every open connection in order, as a server that shuts down does. */
  halfClose(): void;
  /** From now on new connections are reset at once. */
  refuse(): void;
  accept(): void;
  /** Holds every byte in both directions; the connections stay open. */
  freeze(): void;
  /** Lets go what was held. */
  thaw(): void;
  /** Each chunk is passed on this much later, in both directions. */
  delay(ms: number): void;
  /** Each chunk is passed on in pieces of at most so many bytes; undefined lets them whole. */
  split(bytes: number | undefined): void;
  /** Later connections go to this port. */
  retarget(port: number): void;
  stop(): Promise<void>;
}

interface Link {
  readonly near: Socket;
  readonly far: Socket;
}

export async function startTcpRelay(target: {
  readonly host?: string;
  readonly port: number;
}): Promise<TcpRelay> {
  const links = new Set<Link>();
  let refusing = false;
  let delayMs = 0;
  let pieceBytes: number | undefined;
  let { port } = target;
  let frozen: (() => void)[] | undefined;

  const deliver = (work: () => void): void => {
    const now = (): void => {
      if (frozen === undefined) work();
      else frozen.push(work);
    };
    if (delayMs > 0) setTimeout(now, delayMs);
    else now();
  };

  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) =>
      deliver(() => {
        if (!to.destroyed && !write(to, chunk, pieceBytes)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      }),
    );
    from.on('end', () => deliver(() => to.end()));
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    if (refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({
      host: target.host ?? '127.0.0.1',
      port,
      noDelay: true,
      allowHalfOpen: true,
    });
    const link = { near, far };
    links.add(link);
    const drop = (): void => {
      links.delete(link);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.on('error', drop);
      socket.on('close', drop);
    }
    pass(near, far);
    pass(far, near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the relay has no port');

  const cut = (): void => {
    for (const { near, far } of links) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  };
  return {
    port: address.port,
    get connections() {
      return links.size;
    },
    cut,
    halfClose: () => {
      for (const { near, far } of links) {
        near.end();
        far.end();
      }
    },
    refuse: () => (refusing = true),
    accept: () => (refusing = false),
    freeze: () => (frozen ??= []),
    thaw: () => {
      const held = frozen ?? [];
      frozen = undefined;
      for (const work of held) work();
    },
    delay: (ms) => (delayMs = ms),
    split: (bytes) => (pieceBytes = bytes),
    retarget: (next) => (port = next),
    stop: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

/** @returns false when the socket has enough for now. */
function write(socket: Socket, chunk: Buffer, pieceBytes = chunk.length): boolean {
  let wantsMore = true;
  for (let start = 0; start < chunk.length; start += pieceBytes) {
    wantsMore = socket.write(chunk.subarray(start, start + pieceBytes));
  }
  return wantsMore;
}
