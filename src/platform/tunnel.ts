/** A port of this machine that leads to a server on another one, for as long as it is wanted and through as many relays as it takes. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import type { GloveboxError } from '#core/errors.ts';
import type { Relay, RelayTarget } from './relay.ts';

export interface TunnelOptions {
  /** Opens a relay; called again, one call at a time, after the last one was lost. */
  readonly open: (signal: AbortSignal) => Promise<Relay>;
  /** Where the server is, asked anew of every relay: it may have to be read on the far side. */
  readonly target: (relay: Relay, signal: AbortSignal) => Promise<RelayTarget>;
}

export interface Tunnel {
  /**
   * The port on 127.0.0.1, through the relay that is there or a new one. After a loss it is the same port wherever it is still
   * free. Calls at the same time share one attempt; one that its caller gives up goes on.
   *
   * @throws what `open` and `target` throw, `cancelled`.
   */
  port(signal?: AbortSignal): Promise<number>;
  /** The relay itself, e.g. to read a file through it. @throws as `port`. */
  relay(signal?: AbortSignal): Promise<Relay>;
  /** Why the last relay was lost; undefined while there is one, or was none. */
  readonly failure: GloveboxError | undefined;
  /** Ends it for good. Idempotent. */
  close(): void;
}

interface Passage {
  readonly relay: Relay;
  readonly port: number;
}

/** Does no I/O. */
export function createTunnel(options: TunnelOptions): Tunnel {
  const closing = new AbortController();
  let passage: Passage | undefined;
  let attempt: Promise<Passage> | undefined;
  let lastPort: number | undefined;
  let failure: GloveboxError | undefined;

  async function dig(): Promise<Passage> {
    const { signal } = closing;
    throwIfAborted(signal);
    const relay = await options.open(signal);
    try {
      const target = await options.target(relay, signal);
      const { port } = await relay.listen(target, lastPort === undefined ? {} : { port: lastPort });
      throwIfAborted(signal);
      const dug = { relay, port };
      lastPort = port;
      passage = dug;
      failure = undefined;
      void forgetWhenLost(dug);
      return dug;
    } catch (error) {
      relay.close();
      throw error;
    }
  }

  async function forgetWhenLost(dug: Passage): Promise<void> {
    const error = await dug.relay.lost;
    if (passage !== dug) return;
    passage = undefined;
    failure = error;
  }

  function ensure(signal?: AbortSignal): Promise<Passage> {
    if (passage !== undefined && !passage.relay.isLost)
      return abandonOn(Promise.resolve(passage), signal);
    attempt ??= dig().finally(() => (attempt = undefined));
    return abandonOn(attempt, signal);
  }

  return {
    port: async (signal) => (await ensure(signal)).port,
    relay: async (signal) => (await ensure(signal)).relay,
    get failure() {
      return failure;
    },
    close() {
      closing.abort();
      passage?.relay.close();
      passage = undefined;
    },
  };
}
