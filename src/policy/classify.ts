/** The one classifier: the class of a call, the same in the hook, in the server and on the command line. Pure. */
import { apply, CALL_TABLE, type Rule, type Verdict } from './call-table.ts';
import type { CallFacts, PolicySettings } from './contract.ts';
import type { NormalCall } from './normalise.ts';

/** What is not listed is denied: a call that nobody has thought about is not let through. */
export function classify(
  { tool, operation }: Pick<NormalCall, 'tool' | 'operation'>,
  facts: CallFacts,
  settings: PolicySettings,
): Verdict {
  const rule = ruleFor(tool, operation);
  if (rule === undefined) {
    const what = operation === '' ? tool : `${tool} ${operation}`;
    return { class: 'deny', reasons: [`there is no ${what}`] };
  }
  return apply(rule, facts, settings);
}

const EXPOSED_FUNCTION = /^[a-z0-9-]+(_[a-z0-9-]+)*__[a-z0-9_]+$/;

function ruleFor(tool: string, operation: string): Rule | undefined {
  const row = Object.hasOwn(CALL_TABLE, tool) ? CALL_TABLE[tool] : undefined;
  // A function that code in a sandbox offers as a tool: it runs there, like a cell.
  if (row === undefined && EXPOSED_FUNCTION.test(tool)) return 'free';
  if (row === undefined || typeof row !== 'object') return row;
  return Object.hasOwn(row.operations, operation) ? row.operations[operation] : undefined;
}

/** The operations of a tool that has several; undefined for others. */
export function operationsOf(tool: string): readonly string[] | undefined {
  const row = Object.hasOwn(CALL_TABLE, tool) ? CALL_TABLE[tool] : undefined;
  return typeof row === 'object' ? Object.keys(row.operations) : undefined;
}
