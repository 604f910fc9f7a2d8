/** Requests on the control channel and the answers to them; a busy kernel answers there too (C15). */
import { randomUUID } from 'node:crypto';
import { abandonOn } from '#core/abort.ts';
import type { Clock } from '#platform/clock.ts';
import type { KernelMessage } from './contract.ts';
import { createDeferred } from './deferred.ts';

export interface ControlListener {
  onReply(message: KernelMessage): void;
  /** iopub showed a status with this request as its parent. */
  onStatus?(): void;
}

export interface ControlRequests {
  /** Sends one request. Answers how to stop listening, or `undefined` when there is no open socket. */
  send(msgType: string, listener: ControlListener): (() => void) | undefined;
  /** Sends one request and waits for its reply; `undefined` when there is none in time. */
  ask(msgType: string, timeoutMs: number, signal?: AbortSignal): Promise<KernelMessage | undefined>;
  /** True when the message belongs to one of these requests. */
  accept(message: KernelMessage): boolean;
}

export function createControlRequests(options: {
  readonly clock: Clock;
  /** False when there is no open socket. */
  transmit(msgType: string, msgId: string): boolean;
}): ControlRequests {
  const waiting = new Map<string, ControlListener>();

  const send = (msgType: string, listener: ControlListener): (() => void) | undefined => {
    const msgId = randomUUID();
    waiting.set(msgId, listener);
    if (options.transmit(msgType, msgId)) return () => waiting.delete(msgId);
    waiting.delete(msgId);
    return undefined;
  };

  return {
    send,
    async ask(msgType, timeoutMs, signal) {
      const answer = createDeferred<KernelMessage | undefined>();
      const stopListening = send(msgType, { onReply: answer.resolve });
      if (stopListening === undefined) return undefined;
      const cancelTimer = options.clock.after(timeoutMs, () => answer.resolve(undefined));
      try {
        return await abandonOn(answer.promise, signal);
      } finally {
        cancelTimer();
        stopListening();
      }
    },
    accept(message) {
      const listener = waiting.get(message.parentHeader.msg_id ?? '');
      if (listener === undefined) return false;
      if (message.channel === 'control') listener.onReply(message);
      else if (message.channel === 'iopub' && message.header.msg_type === 'status') {
        listener.onStatus?.();
      }
      return true;
    },
  };
}
