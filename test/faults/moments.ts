/** The moments at which faults strike: named by what happens and not by a clock, so that a script played again is hit at the same spot. */
import type { TappedMessage } from '../rigs/message-tap.ts';
import type { RelayWatcher } from '../rigs/tcp-relay.ts';

export const SIDES = ['before', 'inside', 'after'] as const;
/** Before the message is passed on, with half of it passed on, or when all of it is. */
export type Side = (typeof SIDES)[number];

/** Counted from the begin of a step. */
export type Moment =
  /** With the call, which the program may not even have read. */
  | { readonly at: 'call' }
  /** When the call was answered, or everything of the step was. */
  | { readonly at: 'answer' }
  /** The n-th request to execute, on its way to the server. */
  | { readonly at: 'request'; readonly nth: number; readonly side: Side }
  /** The n-th piece of printed text, on its way to the program. */
  | { readonly at: 'text'; readonly nth: number; readonly side: Side }
  /** The n-th reply to an execution, on its way to the program. */
  | { readonly at: 'reply'; readonly nth: number; readonly side: Side }
  /** The n-th cell has written that it begins, or ends. */
  | { readonly at: 'begin' | 'end'; readonly nth: number };

type Tapped = Extract<Moment, { readonly side: Side }>['at'];

const TAPPED: Readonly<Record<string, Tapped>> = {
  'up execute_request': 'request',
  'down stream': 'text',
  'down execute_reply': 'reply',
};

interface Armed {
  readonly moment: Moment;
  left: number;
  act(this: void): void;
}

/** What to look at while something is on: the relay tells it of messages, the effect log of cells. */
export class Moments {
  readonly #armed = new Set<Armed>();
  /** Broadcasts pass once for each client, and count once. */
  readonly #counted = new Set<string>();

  /** `act` is called in the moment itself, before anything else can happen. @returns how to take it back */
  arm(moment: Moment, act: () => void): () => void {
    const armed = { moment, left: 'nth' in moment ? moment.nth : 1, act };
    this.#armed.add(armed);
    return () => this.#armed.delete(armed);
  }

  reach(at: 'call' | 'answer' | 'begin' | 'end'): void {
    for (const armed of this.#armed) if (armed.moment.at === at) this.#count(armed);
  }

  /** A new step begins. */
  reset(): void {
    this.#counted.clear();
  }

  readonly watcher: Pick<RelayWatcher, 'before' | 'inside' | 'after'> = {
    before: (message) => this.#pass(message, 'before'),
    inside: (message) => void this.#pass(message, 'inside'),
    after: (message) => void this.#pass(message, 'after'),
  };

  /** @returns whether somebody waits for the middle of this very message */
  #pass(message: TappedMessage, side: Side): boolean {
    const at = TAPPED[`${message.direction} ${message.type}`];
    if (at === undefined) return false;
    const key = `${side} ${message.id}`;
    if (this.#counted.has(key)) return false;
    this.#counted.add(key);
    for (const armed of this.#armed) {
      const { moment } = armed;
      if (!('side' in moment) || moment.at !== at) continue;
      if (moment.side === 'inside' && side === 'before' && armed.left === 1) return true;
      // The others have no middle of their own to be counted in.
      if (moment.side === 'inside' && armed.left > 1 && side === 'after') armed.left -= 1;
      else if (moment.side === side) this.#count(armed);
    }
    return false;
  }

  #count(armed: Armed): void {
    armed.left -= 1;
    if (armed.left > 0) return;
    this.#armed.delete(armed);
    armed.act();
  }
}
