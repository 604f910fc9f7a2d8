/** One start of one rented sandbox by this process: what its steps share. */
import type { StartContext } from '../backend.ts';
import type { Lease, LeaseRecord } from './lease.ts';
import type { Provider } from './provider.ts';

/** A claim on the lease, and what the steps of the start need beside it. */
export interface Attempt {
  readonly context: StartContext;
  readonly provider: Provider;
  readonly record: LeaseRecord;
  /** The lease as it was claimed. */
  readonly claimed: Lease;
  /** A machine whose start fails is left running, for somebody to look into it. */
  readonly keepOnError: boolean;
}

/** For what has to be done whoever has gone meanwhile. */
export const NEVER: AbortSignal = new AbortController().signal;
