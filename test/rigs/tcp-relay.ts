/** A TCP relay between a client and a server that can cut, freeze, delay, split and refuse, as networks do. */
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { MessageTap, type Direction, type Piece, type TappedMessage } from './message-tap.ts';

/** Is told of what passes, before anything else happens: what it does to the relay in the call holds for that very message. */
export interface RelayWatcher {
  /** A message is about to pass. @returns whether it has to pause in its middle and call `inside` */
  before(message: TappedMessage): boolean;
  inside(message: TappedMessage): void;
  after(message: TappedMessage): void;
  /** A new connection was reset. */
  refused(): void;
  /** Bytes were kept back, because the relay is frozen. */
  held(): void;
}

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

export async function startTcpRelay(
  target: { readonly host?: string; readonly port: number },
  watcher?: RelayWatcher,
): Promise<TcpRelay> {
  const links = new Set<Link>();
  let refusing = false;
  let delayMs = 0;
  let pieceBytes: number | undefined;
  let { port } = target;
  let isFrozen = false;
  const held: (() => void)[] = [];

  const unlessFrozen = (work: () => void): void => {
    if (!isFrozen) return work();
    held.push(work);
    watcher?.held();
  };
  const pass = (from: Socket, to: Socket, direction: Direction): void => {
    const tap = watcher === undefined ? undefined : new MessageTap(direction);
    // In order, whatever happens to the delay meanwhile: this is TCP.
    const delayed: { readonly dueMs: number; readonly work: () => void }[] = [];
    const pump = (): void => {
      const [first] = delayed;
      if (first === undefined) return;
      const leftMs = first.dueMs - performance.now();
      if (leftMs > 0) return void setTimeout(pump, leftMs);
      delayed.shift();
      unlessFrozen(first.work);
      pump();
    };
    const deliver = (work: () => void): void => {
      if (delayMs === 0 && delayed.length === 0) return unlessFrozen(work);
      delayed.push({ dueMs: performance.now() + delayMs, work });
      if (delayed.length === 1) pump();
    };
    const put = (bytes: Buffer): void => {
      if (to.destroyed || write(to, bytes, pieceBytes) || from.isPaused()) return;
      from.pause();
      to.once('drain', () => from.resume());
    };
    const passOn = ({ bytes, message }: Piece): void => {
      if (message === undefined || watcher === undefined) return put(bytes);
      const pauses = watcher.before(message);
      unlessFrozen(() => {
        const middle = pauses ? bytes.length >> 1 : bytes.length;
        put(bytes.subarray(0, middle));
        if (pauses) watcher.inside(message);
        unlessFrozen(() => {
          if (pauses) put(bytes.subarray(middle));
          watcher.after(message);
        });
      });
    };
    from.on('data', (chunk) => {
      for (const piece of tap?.take(chunk) ?? [{ bytes: chunk }]) deliver(() => passOn(piece));
    });
    from.on('end', () => deliver(() => to.end()));
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    if (refusing) {
      near.resetAndDestroy();
      watcher?.refused();
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
    pass(near, far, 'up');
    pass(far, near, 'down');
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
    freeze: () => (isFrozen = true),
    thaw: () => {
      isFrozen = false;
      // What is let go may freeze the relay anew, and is then in front of what comes later.
      for (const work of held.splice(0)) unlessFrozen(work);
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
