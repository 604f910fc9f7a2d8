/** A channel on a fake kernel for each test, closed after it; a fake that got something unexpected fails the test. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { createKernelChannel } from '#jupyter/channel.ts';
import type {
  ChannelEvent,
  Execution,
  KernelChannel,
  KernelChannelOptions,
  KernelMessage,
} from '#jupyter/contract.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import { systemClock } from '#platform/clock.ts';
import { FakeKernel } from './fake-kernel-socket.ts';

export interface Heard {
  readonly execution: Execution;
  readonly messages: KernelMessage[];
}

export class ChannelStage {
  readonly kernel = new FakeKernel();
  readonly events: ChannelEvent[] = [];
  readonly #channels: KernelChannel[] = [];

  open(options: Partial<KernelChannelOptions> = {}): KernelChannel {
    const channel = createKernelChannel({
      server: createJupyterServer({ endpoint: () => Promise.resolve(this.kernel.endpoint) }),
      kernelId: this.kernel.kernelId,
      connectionId: 'me',
      clock: systemClock,
      onEvent: (event) => this.events.push(event),
      ...options,
    });
    this.#channels.push(channel);
    return channel;
  }

  async connected(options: Partial<KernelChannelOptions> = {}): Promise<KernelChannel> {
    const channel = this.open(options);
    await channel.connect();
    return channel;
  }

  eventTypes(): readonly string[] {
    return this.events.map(({ type }) => type);
  }

  /** The latest execute_request that the kernel got. */
  request(): KernelMessage {
    const last = this.kernel.executeRequests.at(-1);
    if (last === undefined) throw new Error('nothing was executed');
    return last;
  }

  async end(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.close()));
    await this.kernel.stop();
  }
}

/** Call it at the top of a test file; the answer gives the stage of the running test. */
export function useChannelStage(): () => ChannelStage {
  let stage: ChannelStage | undefined;
  beforeEach(async () => {
    stage = new ChannelStage();
    await stage.kernel.start();
  });
  afterEach(() => stage?.end());
  return () => {
    if (stage === undefined) throw new Error('no test is running');
    return stage;
  };
}

export function run(channel: KernelChannel, code = '1'): Heard {
  const messages: KernelMessage[] = [];
  const onMessage = (message: KernelMessage): void => void messages.push(message);
  return { messages, execution: channel.execute({ msgId: randomUUID(), code }, { onMessage }) };
}

export const typesOf = (messages: readonly KernelMessage[]): readonly string[] =>
  messages.map(({ header }) => header.msg_type);

export const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000, interval: 2 });
