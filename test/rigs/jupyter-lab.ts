/** One Jupyter server per test file, and kernels with a channel on demand, all ended after the test. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { createKernelChannel } from '#jupyter/channel.ts';
import type {
  ChannelEvent,
  Execution,
  ExecuteReply,
  ExecuteRequest,
  ExecutionHandlers,
  JupyterServer,
  KernelChannel,
  KernelChannelOptions,
  KernelMessage,
} from '#jupyter/contract.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import { systemClock } from '#platform/clock.ts';
import {
  type JupyterServerOptions,
  type RunningJupyterServer,
  startJupyterServer,
} from './jupyter-server.ts';
import { startTcpRelay, type TcpRelay } from './tcp-relay.ts';

export interface Bench {
  readonly kernelId: string;
  readonly channel: KernelChannel;
  readonly events: ChannelEvent[];
  readonly relay: TcpRelay;
  /** Runs to the end. */
  readonly run: (code: string, request?: Partial<ExecuteRequest>) => Promise<Ran>;
  /** Begins, and lets the test wait. */
  readonly begin: (code: string, handlers?: Partial<ExecutionHandlers>) => Begun;
}

export interface Ran {
  readonly reply: ExecuteReply;
  readonly messages: readonly KernelMessage[];
}

export interface Begun {
  readonly execution: Execution;
  readonly messages: KernelMessage[];
}

export class Lab {
  readonly running: RunningJupyterServer;
  /** Straight to the server, without a relay. */
  readonly server: JupyterServer;
  /** How many kernels this one has started, each of which gave its first output. */
  freshKernels = 0;
  readonly #endings: (() => Promise<unknown>)[] = [];

  constructor(running: RunningJupyterServer) {
    this.running = running;
    this.server = createJupyterServer({ endpoint: () => Promise.resolve(running.endpoint) });
  }

  /** A kernel, ready, with a channel through a relay of its own. */
  async kernel(options: Partial<KernelChannelOptions> = {}): Promise<Bench> {
    const { id } = await this.server.startKernel({ name: 'python3' });
    this.#endings.push(() => this.server.deleteKernel(id));
    const bench = await this.attach(id, options);
    await bench.channel.ready(60_000);
    // F15: the first output of a kernel is the one that a hasty client misses. It leaves no trace in the counter.
    const { messages } = await bench.run('print("fresh")', { silent: true, storeHistory: false });
    expect(textOf(messages), 'the first output of a fresh kernel').toBe('fresh\n');
    this.freshKernels += 1;
    return bench;
  }

  /** Another channel to a kernel. */
  async attach(kernelId: string, options: Partial<KernelChannelOptions> = {}): Promise<Bench> {
    const bench = await this.bench(kernelId, options);
    await bench.channel.connect();
    return bench;
  }

  /** A channel that is not connected yet. */
  async bench(kernelId: string, options: Partial<KernelChannelOptions> = {}): Promise<Bench> {
    const { baseUrl, headers } = this.running.endpoint;
    const relay = await startTcpRelay({ port: Number(new URL(baseUrl).port) });
    const endpoint = { baseUrl: `http://127.0.0.1:${relay.port}/`, headers };
    const events: ChannelEvent[] = [];
    const channel = createKernelChannel({
      server: createJupyterServer({ endpoint: () => Promise.resolve(endpoint) }),
      kernelId,
      connectionId: randomUUID(),
      clock: systemClock,
      onEvent: (event) => events.push(event),
      ...options,
    });
    this.#endings.push(async () => {
      await channel.close();
      await relay.stop();
    });
    const begin: Bench['begin'] = (code, handlers) => {
      const messages: KernelMessage[] = [];
      const execution = channel.execute(
        { msgId: randomUUID(), code, allowStdin: handlers?.onInputRequest !== undefined },
        { onMessage: (message) => messages.push(message), ...handlers },
      );
      return { execution, messages };
    };
    const run: Bench['run'] = async (code, request) => {
      const messages: KernelMessage[] = [];
      const execution = channel.execute(
        { msgId: randomUUID(), code, ...request },
        { onMessage: (message) => messages.push(message) },
      );
      return { reply: await execution.finished, messages };
    };
    return { kernelId, channel, events, relay, run, begin };
  }

  async tidy(): Promise<void> {
    for (const end of this.#endings.splice(0).toReversed()) await end();
  }
}

/** Call it at the top of a test file or block. */
export function useLab(options: JupyterServerOptions = {}): () => Lab {
  let lab: Lab | undefined;
  beforeAll(async () => {
    lab = new Lab(await startJupyterServer(options));
  });
  afterEach(() => lab?.tidy());
  afterAll(() => lab?.running.stop());
  return () => {
    if (lab === undefined) throw new Error('the server was not started');
    return lab;
  };
}

/** The text of one stream. */
export function textOf(messages: readonly KernelMessage[], name = 'stdout'): string {
  return messages
    .filter(({ header, content }) => header.msg_type === 'stream' && content['name'] === name)
    .map(({ content }) => String(content['text']))
    .join('');
}

/** The types of all outputs, in order. */
export function outputsOf(messages: readonly KernelMessage[]): readonly string[] {
  return messages
    .filter(({ header }) => !['status', 'execute_input'].includes(header.msg_type))
    .map(({ header }) => header.msg_type);
}

export function until(condition: () => boolean, limitMs = 30_000): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: limitMs, interval: 10 });
}
