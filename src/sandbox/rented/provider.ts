/** What somebody who rents out machines is asked for; everything that is the same for all of them is built on it in this folder. */
import type { Endpoint } from '#core/endpoint.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { SandboxEnd } from '../backend.ts';
import type { Machine, ServerMachine, Trace } from './lease.ts';

export type EndReason = Pick<SandboxEnd, 'cause' | 'message'>;

/** What the one who asks for the reason of an end knows about it. */
export interface EndFacts {
  readonly wasStopped: boolean;
  /** It had answered before. */
  readonly wasReady: boolean;
}

/** How a machine stands in its provider's eyes. */
export type Look =
  | {
      readonly isOver: false;
      /** It waits for hardware. */
      readonly isQueued: boolean;
      /** The provider's own word for that, where it has one. */
      readonly word?: string;
      /** When it got its hardware, in milliseconds since the epoch. */
      readonly startedMs?: number | undefined;
      /** @throws `server/unreachable` as long as no address is told. */
      readonly endpoint: (machine: ServerMachine) => Promise<Endpoint>;
    }
  | {
      readonly isOver: true;
      /** The end of a sentence about it: `ended as ERROR`, `ended with exit code 1`. */
      readonly how: string;
      readonly reason: (facts: EndFacts) => EndReason;
    };

/**
 * An account at somebody who rents out machines by the minute. Nothing here decides anything. What a method throws says that there
 * was trouble on the way and nothing about the machine; that a machine is gone, or not known, is an answer.
 */
export interface Provider {
  /** As a text begins: `Modal`, `The Hub`. */
  readonly name: string;
  /** As `host` of a status begins. */
  readonly brand: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Glovebox's folder, asked at each use. */
  readonly dir: () => string;
  /** Shorter ones for tests: of trying to end a machine, of one answer of a server, between two looks at it. */
  readonly limits: {
    readonly endMs?: number | undefined;
    readonly answerMs?: number | undefined;
    readonly everyMs?: number | undefined;
  };

  /** A machine in words: `Modal sandbox sb-1`, `Job me/1`. */
  words(machine: Machine): string;
  /** Where a person ends it by hand. */
  page(account: string | undefined): string;

  /** The ids of machines that carry the mark of that request; ended ones may be among them. */
  madeBy(op: string, trace: Trace, signal: AbortSignal): Promise<readonly string[]>;
  look(machine: Machine, signal: AbortSignal): Promise<Look>;
  /** Asks for its end and does not wait for it. */
  end(machine: Machine, signal: AbortSignal): Promise<void>;
  /** The last lines that it wrote, oldest first. */
  readLog(machine: Machine, lines: number, signal: AbortSignal): Promise<readonly string[]>;
  /** @throws `server/unreachable`, and `sandbox/ended` where asking tells that too. */
  endpoint(machine: ServerMachine, signal: AbortSignal): Promise<Endpoint>;
}
