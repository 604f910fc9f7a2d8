/** One start of one sandbox by this process: its claim on the record, and what the steps of the start share. */
import { GloveboxError } from '#core/errors.ts';
import type { StartContext } from '#sandbox/backend.ts';
import type { Layout } from '#sandbox/layout.ts';
import type { Connection } from './connection.ts';
import type { ModalOptions } from './options.ts';
import type { ModalRecord, ModalStore } from './record.ts';

export interface Attempt {
  readonly options: ModalOptions;
  readonly context: StartContext;
  readonly connection: Connection;
  readonly store: ModalStore;
  /** The record as it was claimed. */
  readonly claimed: ModalRecord;
  readonly layout: Layout;
}

/** @throws `cancelled` when somebody stopped the sandbox, or started it anew, meanwhile. */
export function change(
  { store, claimed }: Pick<Attempt, 'store' | 'claimed'>,
  how: (current: ModalRecord) => ModalRecord,
): Promise<ModalRecord> {
  return store.update((current) => {
    if (current.claim === claimed.claim) return how(current);
    throw new GloveboxError('cancelled', 'The sandbox was stopped while it was starting.');
  });
}
