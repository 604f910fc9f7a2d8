/** The state of one request in the kernel: finished when the reply AND idle were seen, in any order (C19). */
import type { ExecuteReply, Execution, ExecutionHandlers, KernelMessage } from './contract.ts';
import { createDeferred } from './deferred.ts';
import { executionStateOf, parseExecuteReply, stringOf } from './messages.ts';

export class TrackedExecution {
  readonly execution: Execution;
  #handlers: ExecutionHandlers | undefined;
  #reply: ExecuteReply | undefined;
  #idle = false;
  /** The kernel announces each request that it begins before it prints anything of it. */
  #begun: boolean;
  #inputRequest: KernelMessage | undefined;
  readonly #finished = createDeferred<ExecuteReply>();
  readonly #started = createDeferred<void>();

  /** @param isAdopted an earlier process sent it, so its begin may have been seen by that one */
  constructor(msgId: string, handlers: ExecutionHandlers, isAdopted = false) {
    this.#handlers = handlers;
    this.#begun = isAdopted;
    this.execution = {
      msgId,
      finished: this.#finished.promise,
      started: this.#started.promise,
      release: () => (this.#handlers = undefined),
    };
  }

  /** Nobody listens any more; it is only remembered so that its messages are known as ours. */
  get released(): boolean {
    return this.#handlers === undefined;
  }

  /** An aborted request never ran, and some kernels send no idle for it. */
  get finished(): boolean {
    return this.#reply !== undefined && (this.#idle || this.#reply.status === 'aborted');
  }

  /** The kernel is done with it, and only its last broadcasts are on their way. */
  get replied(): boolean {
    return this.#reply !== undefined;
  }

  /** The kernel said that it is through with it. */
  get wasIdle(): boolean {
    return this.#idle;
  }

  /** Nothing more will come, although the idle was never seen: broadcasts were lost on the way. */
  idleLost(): void {
    if (this.#reply === undefined || this.#idle) return;
    this.#reply = { ...this.#reply, outputLost: true };
    this.#idle = true;
    this.#settle();
  }

  /** The request for input that waits for its answer. */
  get inputRequest(): KernelMessage | undefined {
    return this.#inputRequest;
  }

  listen(handlers: ExecutionHandlers): void {
    this.#handlers = handlers;
  }

  inputAnswered(): void {
    this.#inputRequest = undefined;
  }

  accept(message: KernelMessage): void {
    this.#started.resolve();
    switch (message.channel) {
      case 'iopub':
        if (message.header.msg_type === 'status') {
          if (executionStateOf(message) === 'busy') this.#begun = true;
          if (executionStateOf(message) === 'idle') this.#idle = true;
        }
        if (message.header.msg_type === 'execute_input') this.#begun = true;
        this.#deliver(message);
        return;
      case 'stdin':
        if (message.header.msg_type === 'input_request') this.#askForInput(message);
        return;
      case 'shell':
        if (message.header.msg_type === 'execute_reply')
          this.#takeReply(parseExecuteReply(message));
        return;
      case 'control':
    }
  }

  #deliver(message: KernelMessage): void {
    try {
      this.#handlers?.onMessage(message);
    } finally {
      this.#settle();
    }
  }

  #takeReply(reply: ExecuteReply): void {
    const isFirst = this.#reply === undefined;
    this.#reply ??= reply;
    try {
      if (isFirst && !this.finished) this.#handlers?.onReply?.(reply);
    } finally {
      this.#settle();
    }
  }

  #settle(): void {
    if (this.#reply === undefined || !this.finished) return;
    const isBeginLost = !this.#begun && this.#reply.status !== 'aborted';
    this.#finished.resolve({ ...this.#reply, ...(isBeginLost && { beginLost: true }) });
  }

  #askForInput(message: KernelMessage): void {
    this.#inputRequest = message;
    this.#handlers?.onInputRequest?.({
      prompt: stringOf(message.content['prompt']),
      password: message.content['password'] === true,
    });
  }
}
