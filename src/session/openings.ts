/** Lets one caller at a time open a notebook or a kernel, so that calls of the same moment get one session and not one each. */
import { createSlots, type Slots } from '#platform/slots.ts';

export class Openings {
  readonly #open = new Map<string, { readonly slots: Slots; users: number }>();

  /** Does `work` when nobody else of this process opens the same any more. @throws `cancelled` while it waits, and what `work` throws. */
  async inTurn<T>(what: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const entry = this.#open.get(what) ?? { slots: createSlots(1), users: 0 };
    this.#open.set(what, entry);
    entry.users += 1;
    try {
      const leave = await entry.slots.take(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#open.delete(what);
    }
  }
}
