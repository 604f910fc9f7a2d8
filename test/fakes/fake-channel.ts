/** A kernel channel played by hand: a test says what the kernel answers. Fails on a request it did not expect. */
import type {
  ExecuteReply,
  ExecuteRequest,
  Execution,
  ExecutionHandlers,
  KernelChannel,
  KernelMessage,
} from '#jupyter/contract.ts';
import { GloveboxError } from '#core/errors.ts';

export interface SentRequest {
  readonly request: ExecuteRequest;
  /** The kernel shows that it works on it. */
  begin(): void;
  output(text: string): void;
  display(data: Readonly<Record<string, unknown>>): void;
  reply(reply: Partial<ExecuteReply>): void;
}

export class FakeChannel implements KernelChannel {
  readonly kernelId = 'kernel';
  readonly process = 'process-1';
  connected = true;
  foreignBusy = false;
  answersControl = true;
  readonly sent: SentRequest[] = [];
  readonly adopted: string[] = [];

  execute(request: ExecuteRequest, handlers: ExecutionHandlers): Execution {
    if (!this.connected) throw new GloveboxError('server/unreachable', 'no socket');
    return this.#listen(request, handlers);
  }

  adopt(msgId: string, handlers: ExecutionHandlers): Execution {
    this.adopted.push(msgId);
    return this.#listen({ msgId, code: '' }, handlers);
  }

  #listen(request: ExecuteRequest, handlers: ExecutionHandlers): Execution {
    let finish: (reply: ExecuteReply) => void = () => undefined;
    let start: () => void = () => undefined;
    const finished = new Promise<ExecuteReply>((resolve) => {
      finish = resolve;
    });
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const send = (type: string, content: Record<string, unknown>): void => {
      start();
      handlers.onMessage(messageOf(type, content));
    };
    this.sent.push({
      request,
      begin: () => send('status', { execution_state: 'busy' }),
      output: (text) => send('stream', { name: 'stdout', text }),
      display: (data) => send('display_data', { data, metadata: {} }),
      reply: (reply) => {
        start();
        finish({ status: 'ok', executionCount: 1, payload: [], ...reply });
      },
    });
    return { msgId: request.msgId, finished, started, release: () => undefined };
  }

  pingControl(): Promise<boolean> {
    return Promise.resolve(this.answersControl);
  }

  connect(): Promise<void> {
    return Promise.reject(new Error('the fake is connected already'));
  }

  ready(): Promise<never> {
    return Promise.reject(new Error('the fake knows no kernel_info'));
  }

  usage(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  interruptByMessage(): void {
    throw new Error('the fake expects no interrupt');
  }

  sendInput(): void {
    throw new Error('the fake expects no input');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

let lastMessage = 0;

export function messageOf(type: string, content: Record<string, unknown>): KernelMessage {
  lastMessage += 1;
  return {
    channel: 'iopub',
    header: { msg_id: `m-${lastMessage}`, msg_type: type, session: 'process-1' },
    parentHeader: {},
    metadata: {},
    content,
    buffers: [],
  };
}
