/** One process on another machine through which many connections go: to a Jupyter server's socket there, from a port here. */
import { randomBytes } from 'node:crypto';
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Host } from './host.ts';
import { createRelayLink, type RelayLink } from './relay-link.ts';
import { listenOnLoopback, relaySocket, type RelayListener } from './relay-socket.ts';

/** What connections lead to on the far machine: a Unix socket or a port of its loopback interface. */
export type RelayTarget = { readonly socket: string } | { readonly port: number };

export interface RelayOptions {
  /** The text of `python/relay.py`. */
  readonly source: string;
  /** What stands before the interpreter, e.g. `srun --jobid=J --overlap --unbuffered ...`. Nothing runs it on the host itself. */
  readonly prefix?: readonly string[];
  /** Python 3.6 or newer. Default `python3`. */
  readonly python?: string;
  /** For the whole way until the relay says hello. Default 60 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export interface RelayFileOptions {
  /** At most 1 MiB, which is the default. */
  readonly maxBytes?: number;
  /** Of a longer file, its end; otherwise a longer file is an error. */
  readonly tail?: boolean;
  readonly signal?: AbortSignal | undefined;
}

const MAX_FILE_BYTES = 1024 * 1024;

export interface Relay {
  /** What the machine that it runs on calls itself. */
  readonly hostname: string;
  /**
   * Resolves, once and never rejecting, when the relay is gone: its process or the way to it ended, it was silent for 45 s, or
   * `close` was called. By then its connections are reset and its ports closed. What runs on the far side goes on.
   */
  readonly lost: Promise<GloveboxError>;
  readonly isLost: boolean;
  /**
   * Listens on a free port of 127.0.0.1, or on `port` where that is free, and connects whoever comes to `target`. A target
   * that refuses resets the connection. @throws the error of `lost`.
   */
  listen(target: RelayTarget, options?: { readonly port?: number }): Promise<RelayListener>;
  /**
   * The content of a small file of the far machine, which never stands in an argv; undefined when there is none.
   *
   * @throws `storage/failed`, `cancelled`, the error of `lost`.
   */
  readFile(file: string, options?: RelayFileOptions): Promise<string | undefined>;
  /** Idempotent. */
  close(): void;
}

/**
 * Starts the relay and waits for its hello.
 *
 * Its text goes through its own stdin, before the frames: nothing is written there, so it needs neither a disk that both
 * nodes see nor a clean-up, and both sides are always of one version. Whoever starts it may print first.
 *
 * @throws as `Host.open`; `host/unreachable` with what the far side printed when it ends or is silent instead.
 */
export async function openRelay(host: Host, options: RelayOptions): Promise<Relay> {
  const { signal, timeoutMs = 60_000 } = options;
  const source = Buffer.from(options.source);
  const mark = `glovebox-${randomBytes(16).toString('hex')}`;
  // Isolated, so that no module of the user stands in for one of the standard library.
  const program = `import sys;exec(compile(sys.stdin.buffer.read(${source.length}),"relay.py","exec"))`;
  const argv = [...(options.prefix ?? []), options.python ?? 'python3', '-I', '-u', '-c', program];
  const limit = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  let link: RelayLink | undefined;
  try {
    const opened = await host.open([...argv, mark], { signal: either });
    link = createRelayLink({ name: host.name, opened, mark, clock: options.clock ?? systemClock });
    opened.stream.write(source);
    const { hostname } = await abandonOn(link.hello, either);
    return createRelay(link, hostname);
  } catch (error) {
    link?.lose(relayClosed());
    throwIfAborted(signal);
    if (!limit.aborted) throw error;
    const text = `The relay on ${host.name} did not start within ${renderDuration(timeoutMs)}.`;
    throw new GloveboxError('host/unreachable', text, { hint: 'Try again.', cause: error });
  }
}

function createRelay(link: RelayLink, hostname: string): Relay {
  return {
    hostname,
    lost: link.lost,
    get isLost() {
      return link.failure !== undefined;
    },

    async listen(target, { port } = {}) {
      if (link.failure !== undefined) throw link.failure;
      const listener = await listenOnLoopback(port, (socket) => relaySocket(link, socket, target));
      void link.lost.then(() => listener.close());
      return listener;
    },

    async readFile(file, { maxBytes = MAX_FILE_BYTES, tail = false, signal } = {}) {
      throwIfAborted(signal);
      const wanted = { path: file, maxBytes: Math.min(maxBytes, MAX_FILE_BYTES), tail };
      const answer = await abandonOn(ask(link, wanted), signal);
      const content = answer.subarray(1).toString();
      const outcome = String.fromCharCode(answer[0] ?? 0);
      if (outcome === '+') return content;
      if (outcome === '0') return undefined;
      throw new GloveboxError('storage/failed', `Cannot read ${file} on ${hostname}: ${content}`);
    },

    close: () => link.lose(relayClosed()),
  };
}

function ask(link: RelayLink, wanted: object): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (link.failure !== undefined) throw link.failure;
    const stream = link.openStream({
      onFrame({ payload }) {
        stream.forget();
        resolve(payload);
      },
      onLost: reject,
    });
    stream.sendJson('read', wanted);
  });
}

const relayClosed = (): GloveboxError =>
  new GloveboxError('host/unreachable', 'The relay was closed.', { hint: 'Open it again.' });
