/** Sends a run to the kernel once, as soon as nothing stands in its way; its record is on disk before the bytes leave (C16). */
import { isGloveboxError } from '#core/errors.ts';
import type { ExecuteReply, Execution, KernelChannel, KernelMessage } from '#jupyter/contract.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { InputRequest } from './input-requests.ts';
import type { KernelLink } from './kernel-link.ts';
import type { Outcome } from './outcome.ts';
import type { Run } from './run.ts';

/** How soon a blocked run looks again whether its way is free. */
const RETRY_MS = 200;

/** What sending needs of a link. */
export type QueueLink = Pick<KernelLink, 'channel' | 'isUsable' | 'obstacle' | 'touch'>;

export interface RunSenderOptions {
  readonly clock: Clock;
  readonly allowStdin: boolean;
  /** The link of the moment; undefined while there is no kernel. */
  link(): QueueLink | undefined;
  /** Why nothing can run, in a sentence; undefined when something can. */
  blocked(): string | undefined;
  generation(): number;
  onMessage(run: Run, message: KernelMessage): void;
  onInputRequest(run: Run, request: InputRequest): void;
  /** The kernel is done with it; what it printed last may still be on the way. */
  onReply(run: Run, reply: ExecuteReply): void;
  /** Everything that follows the end of a run: outputs into the notebook, the record onto disk. */
  onEnd(run: Run, outcome: Outcome): Promise<void>;
}

export class RunSender {
  readonly #options: RunSenderOptions;

  constructor(options: RunSenderOptions) {
    this.#options = options;
  }

  /** @returns undefined when it was not sent and has ended: it was removed meanwhile, or nothing can run. */
  async send(run: Run): Promise<Execution | undefined> {
    const { clock } = this.#options;
    for (let isFirst = true; !run.isFinal; isFirst = false) {
      const blocked = this.#options.blocked();
      if (blocked !== undefined) {
        await this.#options.onEnd(run, {
          kind: 'settled',
          state: 'not_started',
          explanation: `Nothing was executed: ${blocked}`,
        });
        return undefined;
      }
      const link = this.#options.link();
      run.obstacle = await this.#obstacle(link);
      if (link === undefined || run.obstacle !== undefined) {
        if (isFirst) run.update({});
        await sleep(clock, RETRY_MS);
        continue;
      }
      // Removed from the queue while the connection was tested.
      if (run.isFinal) return undefined;
      run.update({ state: 'sending', sentMs: clock.now(), generation: this.#options.generation() });
      const execution = this.#execute(run, link.channel);
      if (execution !== undefined) return execution;
      run.update({ state: 'queued' });
    }
    return undefined;
  }

  /** Listens for a run that an earlier process sent; nothing is sent again. */
  adopt(run: Run, channel: KernelChannel): Execution {
    return channel.adopt(run.record.msgId, this.#handlers(run));
  }

  async #obstacle(link: QueueLink | undefined): Promise<string | undefined> {
    if (link === undefined) return 'connecting to the kernel';
    if (!(await link.isUsable())) return link.obstacle ?? 'reconnecting to the kernel';
    if (link.channel.foreignBusy)
      return 'waiting: the kernel is busy with a cell of another client';
    return undefined;
  }

  /** @returns undefined when nothing was sent because the socket has just closed. */
  #execute(run: Run, channel: KernelChannel): Execution | undefined {
    try {
      const { msgId, code, storeHistory, silent = false } = run.record;
      const allowStdin = this.#options.allowStdin && !silent;
      const request = { msgId, code, storeHistory, allowStdin, silent };
      const execution = channel.execute(request, this.#handlers(run));
      run.note({ state: 'sent' });
      return execution;
    } catch (error) {
      if (isGloveboxError(error, 'server/unreachable')) return undefined;
      run.note({ state: 'queued' });
      throw error;
    }
  }

  #handlers(run: Run): Parameters<KernelChannel['execute']>[1] {
    return {
      onMessage: (message) => {
        if (run.isFinal) return;
        if (run.state === 'sent' || run.state === 'sending') {
          run.note({ state: 'running', startedMs: this.#options.clock.now() });
        }
        this.#options.link()?.touch();
        this.#options.onMessage(run, message);
      },
      onInputRequest: (request) => {
        if (!run.isFinal) this.#options.onInputRequest(run, request);
      },
      onReply: (reply) => {
        if (!run.isFinal) this.#options.onReply(run, reply);
      },
    };
  }
}
