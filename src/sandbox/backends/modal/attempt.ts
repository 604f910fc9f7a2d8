/** One start of one sandbox at Modal: what its steps share beside the claim on the lease. */
import type { Layout } from '#sandbox/layout.ts';
import type { Attempt } from '#sandbox/rented/attempt.ts';
import type { Connection } from './connection.ts';
import type { ModalOptions } from './options.ts';

export interface ModalAttempt {
  readonly attempt: Attempt;
  readonly options: ModalOptions;
  readonly connection: Connection;
  readonly layout: Layout;
}
