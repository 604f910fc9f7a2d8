/** Starts several sandboxes at once: under one leave, and all of them or none where that is wanted. */
import { throwIfAborted } from '#core/abort.ts';
import { allOrNone } from '#core/all-or-none.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { Log } from '#platform/log.ts';
import type { SandboxRequest } from './creation.ts';
import { isOnItsWay, type SandboxWait } from './follow.ts';
import { jointAdmission, type AdmitAll } from './joint-admission.ts';
import type { SandboxView } from './views.ts';

export interface SeveralTerms {
  /** Asked once, for all that are started by this call together. Needed where they cost money. */
  readonly admitAll?: AdmitAll;
  /**
   * When one of them fails, those that this call has started are ended. That holds beyond the wait, for as long as this process
   * lives; the end of a call by its signal ends none.
   */
  readonly allOrNothing: boolean;
}

/** What became of one of them. */
export type Outcome =
  | { readonly view: SandboxView }
  | { readonly name: string; readonly failure: GloveboxError };

export interface SeveralParts {
  readonly create: (request: SandboxRequest, wait: SandboxWait) => Promise<SandboxView>;
  readonly wait: (id: string, wait: SandboxWait) => Promise<SandboxView>;
  readonly stop: (id: string) => Promise<unknown>;
  /** Fires when this process lets go of all that it starts. */
  readonly closing: AbortSignal;
  readonly log: Log;
}

const WITHOUT_LIMIT_MS = 2_000_000_000;

/**
 * In the order of the requests, each with a name of its own.
 *
 * @throws what keeps all of them from being started, such as a refusal; with `allOrNothing` the first failure, once none of those
 *   that this call has started is left; otherwise only when each has failed, and then the first failure.
 */
export async function createSeveral(
  requests: readonly SandboxRequest[],
  { admitAll, allOrNothing }: SeveralTerms,
  wait: SandboxWait,
  parts: SeveralParts,
): Promise<readonly Outcome[]> {
  const { create, stop } = parts;
  let refused: { readonly error: unknown } | undefined;
  const joint =
    admitAll === undefined
      ? undefined
      : jointAdmission(requests.length, (starts) =>
          admitAll(starts).catch((error: unknown) => {
            refused = { error };
            throw error;
          }),
        );
  const started = new Map<number, string>();

  const make = async (request: SandboxRequest, at: number, signal: AbortSignal) => {
    const member = joint?.[at];
    const onFound = (): void => member?.leave();
    const onRecord = (id: string): void => {
      started.set(at, id);
    };
    const terms = { ...(member !== undefined && { admit: member.admit }), onFound, onRecord };
    try {
      return await create({ ...request, ...terms }, { ...wait, signal });
    } catch (error) {
      const id = started.get(at);
      // Given up because of another one: its start goes on in the background.
      if (id !== undefined && signal.aborted && !wait.signal.aborted) await stop(id);
      throw error;
    } finally {
      member?.leave();
    }
  };

  if (!allOrNothing) {
    const outcomes = await Promise.allSettled(
      requests.map((request, at) => make(request, at, wait.signal)),
    );
    if (refused !== undefined) throw refused.error;
    throwIfAborted(wait.signal);
    return outcomesOf(requests, outcomes);
  }
  const views = await allOrNone(requests.length, {
    signal: wait.signal,
    make: async (at, signal) => {
      const request = requests[at];
      if (request === undefined) throw new TypeError('no such request');
      return { at, view: await make(request, at, signal) };
    },
    end: async ({ at, view }) => {
      if (started.has(at) && !wait.signal.aborted) await stop(view.id);
    },
  }).catch((error: unknown) => {
    throw refused === undefined ? error : refused.error;
  });
  if (views.some(({ view }) => isOnItsWay(view))) void holdTogether([...started.values()], parts);
  return views.map(({ view }) => ({ view }));
}

function outcomesOf(
  requests: readonly SandboxRequest[],
  outcomes: readonly PromiseSettledResult<SandboxView>[],
): readonly Outcome[] {
  const [first] = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  if (first !== undefined && outcomes.every(({ status }) => status === 'rejected')) throw first;
  return outcomes.map((outcome, at) => {
    if (outcome.status === 'fulfilled') return { view: outcome.value };
    const { reason } = outcome;
    const failure = isGloveboxError(reason)
      ? reason
      : new GloveboxError('internal', messageOf(reason), { cause: reason });
    return { name: requests[at]?.name ?? '', failure };
  });
}

/** Ends the others when one on its way fails. One that somebody stops on request is no failure. */
async function holdTogether(
  ids: readonly string[],
  { wait, stop, closing, log }: SeveralParts,
): Promise<void> {
  await allOrNone(ids.length, {
    signal: closing,
    make: async (at, signal) => {
      const id = ids[at] ?? '';
      const view = await wait(id, {
        waitMs: WITHOUT_LIMIT_MS,
        signal,
        report: () => undefined,
      }).catch(async () => {
        if (signal.aborted && !closing.aborted) await stop(id);
        return undefined;
      });
      const end = view?.status.end;
      if (end === undefined || end.cause === 'stopped') return id;
      throw new GloveboxError('sandbox/start-failed', `Sandbox ${id}: ${end.message}`);
    },
    end: async (id) => {
      if (!closing.aborted) await stop(id);
    },
  }).catch((error: unknown) => {
    log.warn(`Of ${ids.length} sandboxes, all or none: ${messageOf(error)}`);
  });
}
