/** Fetches what a sandbox that has ended wrote for keeps, where its provider still has it, and deletes it there when it is at home (N8). */
import { throwIfAborted } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { RecordStore } from '#platform/records.ts';
import type { Backend, KeptOutputs } from './backend.ts';
import { toHandle, type SandboxRecord } from './records.ts';

/**
 * - `discard`: all of it is where it belongs.
 * - `leave`: it cannot be brought there, and whoever asked knows where it lies.
 * - `later`: somebody may try again.
 */
export interface TakenHome {
  readonly notes: readonly string[];
  readonly fate: 'discard' | 'leave' | 'later';
}

export interface TakeHomeRequest {
  readonly kept: KeptOutputs;
  readonly sandbox: Pick<SandboxRecord, 'id' | 'projectDir' | 'options'>;
  /** What is at home came from the sandbox while it ran, and is newer: only what is missing is brought. */
  readonly onlyMissing: boolean;
}

/** Brings it to where a person finds it. Fails with nothing but `cancelled`. */
export type TakeHome = (request: TakeHomeRequest, signal: AbortSignal) => Promise<TakenHome>;

/** For `remember`, by a back end that keeps something: this life has not been looked after yet. */
export const UNSETTLED: JsonObject = { isKeptSettled: false };

export const mayHaveKept = ({ state, isStarting, data }: SandboxRecord): boolean =>
  state === 'ended' && !isStarting && data['isKeptSettled'] === false;

/**
 * @param isHome somebody brought all of this life home while the sandbox still ran.
 * @returns what was done, in sentences. Never fails but by `cancelled`.
 */
export async function settleKept(
  record: SandboxRecord,
  {
    backend,
    records,
    take,
  }: {
    readonly backend: Backend;
    readonly records: RecordStore<SandboxRecord>;
    readonly take: TakeHome;
  },
  { isHome, signal }: { readonly isHome: boolean; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  if (!mayHaveKept(record) || backend.kept === undefined) return [];
  try {
    const kept = await backend.kept(toHandle(record), signal);
    const taken: TakenHome =
      kept === undefined
        ? { notes: [], fate: 'discard' }
        : await take({ kept, sandbox: record, onlyMissing: isHome }, signal);
    if (taken.fate === 'discard') await kept?.discard(signal);
    if (taken.fate !== 'later')
      await records.update(record.id, (current) =>
        current.claim === record.claim
          ? { ...current, data: { ...current.data, isKeptSettled: true } }
          : current,
      );
    return taken.notes;
  } catch (error) {
    throwIfAborted(signal);
    return [`What ${record.id} wrote for keeps could not be looked at: ${messageOf(error)}`];
  }
}
