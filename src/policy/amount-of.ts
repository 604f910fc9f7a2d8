/** Small facts about an operation that hook, gate and command line read alike. Pure. */
import type { MicroUsd } from '#core/money.ts';
import type { PlannedOperation } from './contract.ts';

/** The most it can cost; null: nobody knows. 0: nothing. */
export const amountOf = ({ cost }: PlannedOperation): MicroUsd | null =>
  cost === undefined ? 0 : cost.amountMicroUsd;
