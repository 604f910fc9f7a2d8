/** What the floors have in common: a kernel with nothing of ours in between, and when a request to it is done. */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';

export interface BareKernel {
  /** Resolves when the reply and the idle of this request have come. */
  execute(code: string): Promise<BareResult>;
  /** The kernel lives on. */
  close(this: void): Promise<void>;
}

export interface BareResult {
  /** Characters of stdout and stderr. */
  readonly textChars: number;
}

const header = z.object({ msg_id: z.string(), msg_type: z.string() });
const parent = z.object({ msg_id: z.string().optional() });
const status = z.object({ execution_state: z.string() });
const stream = z.object({ text: z.string() });

interface Pending {
  readonly text: string[];
  hasReply: boolean;
  isIdle: boolean;
  readonly resolve: (result: BareResult) => void;
}

/** The requests that are under way on one connection. */
export class BareRequests {
  readonly #session = randomUUID();
  readonly #pending = new Map<string, Pending>();

  newHeader(msgType: string) {
    return {
      msg_id: randomUUID(),
      msg_type: msgType,
      session: this.#session,
      username: '',
      date: new Date().toISOString(),
      version: '5.3',
    };
  }

  done(msgId: string): Promise<BareResult> {
    return new Promise((resolve) => {
      this.#pending.set(msgId, { text: [], hasReply: false, isIdle: false, resolve });
    });
  }

  /** `readContent` parses the content, which is left alone for messages that nobody needs. */
  take(rawHeader: unknown, rawParent: unknown, readContent: () => unknown): void {
    const { msg_id: parentId = '' } = parent.parse(rawParent);
    const request = this.#pending.get(parentId);
    if (request === undefined) return;
    const { msg_type: type } = header.parse(rawHeader);
    if (type === 'stream') request.text.push(stream.parse(readContent()).text);
    if (type.endsWith('_reply')) request.hasReply = true;
    if (type === 'status' && status.parse(readContent()).execution_state === 'idle')
      request.isIdle = true;
    if (!request.hasReply || !request.isIdle) return;
    this.#pending.delete(parentId);
    request.resolve({ textChars: request.text.join('').length });
  }
}

export const executeContent = (code: string): object => ({
  code,
  silent: false,
  store_history: true,
  user_expressions: {},
  allow_stdin: false,
  stop_on_error: true,
});
