/** One start of one sandbox by this process: its claim on the record, and what the steps of the start share. */
import { GloveboxError } from '#core/errors.ts';
import type { StartContext } from '#sandbox/backend.ts';
import type { HuggingfaceOptions } from './options.ts';
import { JobStore, type JobRecord } from './record.ts';
import type { HuggingfaceContext } from './settings.ts';

export interface Attempt {
  readonly options: HuggingfaceOptions;
  readonly context: StartContext;
  readonly huggingface: HuggingfaceContext;
  readonly store: JobStore;
  /** The record as it was claimed. */
  readonly claimed: JobRecord;
}

export const storeOf = ({ settings, clock }: HuggingfaceContext, id: string): JobStore =>
  new JobStore(settings().dir, id, clock);

export const NEVER: AbortSignal = new AbortController().signal;

/** @throws `cancelled` when somebody stopped the sandbox, or started it anew, meanwhile. */
export function change(
  { store, claimed }: Pick<Attempt, 'store' | 'claimed'>,
  how: (current: JobRecord) => JobRecord,
): Promise<JobRecord> {
  return store.update((current) => {
    if (current.claim === claimed.claim) return how(current);
    throw new GloveboxError('cancelled', 'The sandbox was stopped while it was starting.');
  });
}
