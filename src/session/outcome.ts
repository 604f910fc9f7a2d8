/** How a run ended, as far as the kernel's side knows. */
import type { ExecuteReply } from '#jupyter/contract.ts';
import type { LossClass, RunState } from './contract.ts';

/** Its reply, or a state that was decided without one, because the kernel is lost or nobody saw the end. */
export type Outcome =
  | { readonly kind: 'replied'; readonly reply: ExecuteReply }
  | {
      readonly kind: 'settled';
      readonly state: RunState;
      readonly loss?: LossClass;
      readonly explanation: string;
    };
