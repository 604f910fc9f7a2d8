/** When money goes, or a repository changes, without a person: the same answer in the hook and in the server. Pure. */
import type { PlannedOperation } from './contract.ts';
import type { Spending } from './spending.ts';

/**
 * Of a call of class `ask`, where the user turned that on: price and limit are known and current, the checks of the script found
 * nothing grave, and the session has not spent past a threshold since a person last agreed. That it fits into the budget is
 * checked where it is reserved.
 *
 * @param spending undefined when the ledger cannot be read: then nothing that costs goes
 */
export function mayGoByBudget(
  { cost, advisories = [] }: PlannedOperation,
  spending: Spending | undefined,
): boolean {
  if (advisories.some(({ severity }) => severity === 'high')) return false;
  if (cost === undefined) return true;
  if (cost.amountMicroUsd === null || !cost.isFresh) return false;
  return spending !== undefined && !spending.isPastThreshold;
}
