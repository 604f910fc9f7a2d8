/** PreToolUse: moves the question of policy into Claude Code's own prompt. It asks, denies or says nothing; it never allows. */
import { renderUsd, renderUsdLeft } from '#core/money.ts';
import { amountOf } from '#policy/amount-of.ts';
import { loadCaps } from '#policy/caps.ts';
import { classify, operationsOf } from '#policy/classify.ts';
import type { PlannedOperation } from '#policy/contract.ts';
import { mayGoByBudget } from '#policy/may-go-by-budget.ts';
import { normaliseCall, type NormalCall } from '#policy/normalise.ts';
import { budgetFacts, renderQuestion } from '#policy/prompt.ts';
import { createReceipts, PROMPTING_MODES } from '#policy/receipts.ts';
import { readLedger, spendingIn, type Spending } from '#policy/spending.ts';
import { SILENT, type Hook, type HookOutcome, type HookWorld } from './contract.ts';
import { planLocally } from './plan-locally.ts';

const UNREADABLE =
  'Glovebox could not read what this call does, so it asks. Look at the tool and its arguments before you agree.';

export const preToolUse: Hook = async (input, world) => {
  const call = normaliseCall(input?.['tool_name'], input?.['tool_input']);
  if (input === undefined || call === undefined) return decide('ask', UNREADABLE);
  let decision: Decision;
  try {
    decision = await decisionOn(call, world);
  } catch {
    return decide('ask', UNREADABLE);
  }
  if (decision.kind === 'silent') return SILENT;
  if (decision.kind === 'deny') return decide('deny', decision.reason);
  await writeReceipt(decision.operation, call, input, world);
  return decide('ask', await withoutSecrets(decision.reason, world));
};

type Decision =
  | { readonly kind: 'silent' }
  | { readonly kind: 'deny'; readonly reason: string }
  | { readonly kind: 'ask'; readonly reason: string; readonly operation: PlannedOperation };

const SAY_NOTHING: Decision = { kind: 'silent' };

/**
 * Asked here is what a person can be told about here. A question that takes answers of a remote service first (which files a
 * pattern matches, who can see a repository) is put by the server, with all of them.
 */
async function decisionOn(call: NormalCall, world: HookWorld): Promise<Decision> {
  const { settings, dir, clock } = world;
  const planned = await planLocally(call, world);
  const verdict = classify(call, planned?.about ?? {}, settings);
  if (verdict.class === 'deny') {
    const known = operationsOf(call.tool);
    const hint = known === undefined ? '' : ` Operations: ${known.join(', ')}.`;
    return { kind: 'deny', reason: `Glovebox: ${verdict.reasons.join('; ')}.${hint}` };
  }
  if (verdict.class === 'free' || planned === undefined) return SAY_NOTHING;
  const caps = await loadCaps(dir, settings);
  const spending: Spending | undefined = await readLedger(dir)
    .then((entries) => spendingIn(entries, world.sessionId, caps, clock.now()))
    .catch(() => undefined);
  const amount = amountOf(planned);
  if (amount !== null && amount > 0 && spending?.left !== undefined) {
    const { leftMicroUsd, of } = spending.left;
    if (amount > leftMicroUsd) {
      const missing = renderUsd(amount - leftMicroUsd);
      const cap = of === 'day' ? '--day AMOUNT' : 'AMOUNT';
      return {
        kind: 'deny',
        reason: `Glovebox: ${renderUsd(amount)} needed, ${renderUsdLeft(leftMicroUsd)} left for this ${of}: ${missing} are missing. Ask for less, or let the user raise the cap in a terminal: glovebox budget set ${cap}`,
      };
    }
  }
  // The server reserves it, and refuses what does not fit any more by then.
  if (verdict.class === 'ask' && settings.autoApprove && mayGoByBudget(planned, spending))
    return SAY_NOTHING;
  const asOfNow = [
    ...(amount === 0 ? [] : budgetFacts(spending, amount, caps)),
    ...verdict.reasons.map((reason) => `asked because ${reason}`),
  ];
  return {
    kind: 'ask',
    reason: renderQuestion(planned, asOfNow),
    operation: planned,
  };
}

/** Loading the detectors takes longer than all the rest, so only where something in the text, in small letters, could be one. */
const MAY_HOLD_SECRET =
  /key|token|secret|passw|auth|cred|cookie|signature|eyj|begin|:\/\/[^/\s]*@|[a-z0-9_+/-]{24,}/;

/** What renderers write themselves. Every other address may be one that opens something, such as that of a webhook. */
const OWN_WORDS = /https:\/\/modal\.com\/pricing|that of your \w+ token/g;

async function withoutSecrets(text: string, { loadRedactor }: HookWorld): Promise<string> {
  if (!MAY_HOLD_SECRET.test(text.replaceAll(OWN_WORDS, '').toLowerCase())) return text;
  return (await loadRedactor()).text(text).value;
}

/** Without one the server asks again: rather twice than not at all. */
async function writeReceipt(
  operation: PlannedOperation,
  call: NormalCall,
  input: Readonly<Record<string, unknown>>,
  { dir, clock, sessionId }: HookWorld,
): Promise<void> {
  const { tool_use_id: toolUseId, permission_mode: permissionMode } = input;
  if (typeof toolUseId !== 'string' || toolUseId === '') return;
  if (typeof permissionMode !== 'string' || !PROMPTING_MODES.has(permissionMode)) return;
  await createReceipts({ dir, clock })
    .write({
      toolUseId,
      tool: call.tool,
      argsHash: call.argsHash,
      scriptSha256: operation.scriptSha256,
      namespace: operation.namespace,
      amountMicroUsd: amountOf(operation),
      permissionMode,
      sessionId,
    })
    .catch(() => undefined);
}

function decide(permissionDecision: 'ask' | 'deny', permissionDecisionReason: string): HookOutcome {
  const hookSpecificOutput = {
    hookEventName: 'PreToolUse',
    permissionDecision,
    permissionDecisionReason,
  };
  return { exitCode: 0, stdout: JSON.stringify({ hookSpecificOutput }) };
}
