/** Tells from the stamp in its messages whether the kernel is still the same process (C23). */
import type { KernelMessage } from './contract.ts';

export interface ProcessStamp {
  readonly current: string | undefined;
  /** Reads the stamp of one message. Answers what changed, when this message comes from another process than before. */
  observe(message: KernelMessage): { readonly from: string; readonly to: string } | undefined;
}

export function createProcessStamp(connectionId: string, last: string | undefined): ProcessStamp {
  let current = last;
  const former = new Set<string>();
  return {
    get current() {
      return current;
    },
    observe({ header, parentHeader }) {
      const stamp = header.session;
      if (stamp === current || stamp === '') return undefined;
      // The server writes messages of its own (rate notices) with our id, and some kernels repeat the id of the request.
      if (stamp === connectionId || stamp === parentHeader.session) return undefined;
      // The last words of a process may arrive after the first ones of its successor.
      if (former.has(stamp)) return undefined;
      const from = current;
      current = stamp;
      if (from === undefined) return undefined;
      former.add(from);
      return { from, to: stamp };
    },
  };
}
