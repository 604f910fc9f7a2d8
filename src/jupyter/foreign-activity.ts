/** Knows from the broadcasts whether another client's code runs in the kernel, and which (C11, X12). */
import type { ChannelEvent, KernelMessage } from './contract.ts';
import { executionStateOf } from './messages.ts';

type ForeignEvent = Extract<ChannelEvent, { readonly type: 'foreign' }>;

/** What of another client occupies the kernel; requests such as completion are over in a moment. */
const OCCUPYING = new Set(['execute_request', 'comm_open', 'comm_msg']);
/** Stands for code that was already running when we came: only the server's word tells of it. */
const UNSEEN = '';

export interface ForeignActivity {
  readonly busy: boolean;
  /** A broadcast whose parent is a request of another client. */
  observe(message: KernelMessage): void;
  /** The server says that the kernel is busy, and it is not with code of ours. */
  assume(): void;
  /** Code of ours began to run, so whatever was in front of it is over. */
  ownStarted(): void;
  /** Another connection or another kernel process: nothing that was known holds any more. */
  reset(): void;
}

export function createForeignActivity(emit: (event: ForeignEvent) => void): ForeignActivity {
  const running = new Set<string>();

  const add = (id: string): void => {
    const first = running.size === 0;
    running.add(id);
    if (first) emit({ type: 'foreign', state: 'busy' });
  };
  const remove = (...ids: readonly string[]): void => {
    if (running.size === 0) return;
    for (const id of ids) running.delete(id);
    if (running.size === 0) emit({ type: 'foreign', state: 'idle' });
  };

  return {
    get busy() {
      return running.size > 0;
    },
    observe(message) {
      const { parentHeader, header, content } = message;
      if (message.channel !== 'iopub' || !OCCUPYING.has(parentHeader.msg_type ?? '')) return;
      const id = parentHeader.msg_id ?? '';
      if (header.msg_type === 'execute_input') {
        add(id);
        const code = content['code'];
        if (typeof code === 'string') emit({ type: 'foreign', state: 'busy', code });
      } else if (header.msg_type === 'status') {
        if (executionStateOf(message) === 'busy') add(id);
        if (executionStateOf(message) === 'idle') remove(id, UNSEEN);
      }
    },
    assume: () => add(UNSEEN),
    ownStarted: () => remove(UNSEEN),
    reset: () => remove(...running),
  };
}
