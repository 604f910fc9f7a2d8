/** The gate: the one function that lets something paid, destructive or public happen, whatever became of the hook. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { renderUsd, renderUsdLeft } from '#core/money.ts';
import type { Clock } from '#platform/clock.ts';
import { amountOf } from './amount-of.ts';
import { approvalId, type Approvals } from './approvals.ts';
import { loadCaps, type Caps } from './caps.ts';
import type { Verdict } from './call-table.ts';
import { classify } from './classify.ts';
import { beforehandAmount } from './cost.ts';
import {
  CALL_CLASSES,
  type Authorize,
  type Grant,
  type Person,
  type PlannedOperation,
  type PolicySettings,
  type Question,
  type Subject,
} from './contract.ts';
import type { Ledger } from './ledger.ts';
import type { Approval, Reservation } from './ledger-lines.ts';
import { normaliseCall } from './normalise.ts';
import { mayGoByBudget } from './may-go-by-budget.ts';
import { budgetFacts, renderQuestion, spendLine } from './prompt.ts';
import type { Receipts } from './receipts.ts';
import { total, type Shortage, type Spending } from './spending.ts';

/** After so many refusals of the same call there is no further prompt for a while. */
const ENOUGH_REFUSALS = 2;
const REMEMBERED_MS = 10 * 60_000;

export interface GateOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly receipts: Receipts;
  readonly approvals: Approvals;
  readonly settings: () => PolicySettings;
  /** The host's session, or this process's own. */
  readonly session: () => string;
  /** Settles what has ended meanwhile, so that it is not counted any more. Never rejects. */
  readonly settleOpen: () => Promise<void>;
  /** Takes secrets out of what a person is shown, and of what is kept of it. Never rejects. */
  readonly redact?: (text: string) => Promise<string>;
}

/** Rules, budget, receipt, approval, question: in this order, and the first that decides does. */
export function createGate(options: GateOptions): Authorize {
  const { dir, clock, ledger, receipts, approvals, settings, session } = options;
  const refusals = new Map<string, { count: number; lastMs: number }>();

  return async (operation, person) => {
    const now = settings();
    const verdict = strictest(
      partsOf(operation).map((part) => classify(part, { ...part.about, ...worstOf(part) }, now)),
    );
    if (verdict.class === 'deny') {
      throw new GloveboxError(
        'policy/refused',
        `It is not allowed: ${verdict.reasons.join('; ')}.`,
        {
          hint: 'do not repeat the call; look at the operations of the tool.',
        },
      );
    }
    const amount = amountOf(operation);
    const isPaid = amount !== 0;
    if (verdict.class === 'free' && !isPaid) return freeFor(operation);
    if (isPaid) await options.settleOpen();
    const caps = await loadCaps(dir, now);
    const spending = await spendingOrUnknown(ledger, session(), caps);
    if (isPaid) checkBudget(operation, spending, caps);

    const reserve = (approval: Approval, note?: string): Promise<Grant> =>
      reserveFor(operation, person, approval, caps, options, note);

    if (verdict.class === 'free') return reserve('free');
    if (verdict.class === 'ask' && now.autoApprove && mayGoByBudget(operation, spending))
      return reserve('auto', 'approved by the budget (GLOVEBOX_YOLO), without a question');
    if (await hasReceipt(operation, person, receipts)) return reserve('host');
    const { approvedMaxMicroUsd: most } = person;
    if (
      isPaid &&
      most !== undefined &&
      amount !== null &&
      amount <= most &&
      verdict.class === 'ask'
    )
      return reserve('cli');
    if (await approvals.redeem(operation)) return reserve('cli');

    const key = approvalId(operation);
    const before = refusals.get(key);
    const isTiresome =
      before !== undefined &&
      before.count >= ENOUGH_REFUSALS &&
      clock.now() - before.lastMs < REMEMBERED_MS;
    if (isTiresome) {
      throw new GloveboxError('policy/refused', 'Refused again; nobody was asked another time.', {
        hint: 'do something else.',
      });
    }
    const asOfNow = [
      ...(isPaid ? budgetFacts(spending, amount, caps) : []),
      ...verdict.reasons.map((reason) => `asked because ${reason}`),
    ];
    const text = renderQuestion(operation, asOfNow);
    const question = { operation, text: (await options.redact?.(text)) ?? text };
    const consent = await person.ask(question, person.signal);
    if (consent === 'approved') {
      refusals.delete(key);
      return reserve('elicitation');
    }
    if (consent === 'unavailable') throw await needsApproval(question, approvals);
    refusals.set(key, { count: (before?.count ?? 0) + 1, lastMs: clock.now() });
    throw refusedByPerson(operation, isPaid);
  };
}

const FREE: Grant = { attach: async () => undefined, release: async () => undefined };

const partsOf = (operation: PlannedOperation): readonly PlannedOperation[] =>
  operation.together ?? [operation];

function freeFor({ together }: PlannedOperation): Grant {
  return together === undefined ? FREE : { ...FREE, parts: together.map(() => FREE) };
}

const strictness = ({ class: of }: Verdict): number => CALL_CLASSES.indexOf(of);

/** Of several the one that asks for most; all their reasons where they ask for the same. */
function strictest(verdicts: readonly Verdict[]): Verdict {
  const most = Math.max(...verdicts.map(strictness));
  const those = verdicts.filter((verdict) => strictness(verdict) === most);
  const reasons = [...new Set(those.flatMap((verdict) => verdict.reasons))];
  return { class: CALL_CLASSES[most] ?? 'deny', reasons };
}

const RANK = ['low', 'medium', 'high'] as const;

function worstOf({
  advisories = [],
}: PlannedOperation): Pick<PlannedOperation['about'], 'worstAdvisory'> {
  const worst = RANK.findLast((rank) => advisories.some(({ severity }) => severity === rank));
  return worst === undefined ? {} : { worstAdvisory: worst };
}

/** Undefined: the ledger is damaged, and nobody can tell. */
async function spendingOrUnknown(
  ledger: Ledger,
  session: string,
  caps: Caps,
): Promise<Spending | undefined> {
  try {
    return await ledger.spending(session, caps);
  } catch (error) {
    if (isGloveboxError(error, 'record/damaged')) return undefined;
    throw error;
  }
}

/** A cap binds people too, so nobody is asked for what cannot run. */
function checkBudget(
  operation: PlannedOperation,
  spending: Spending | undefined,
  caps: Caps,
): void {
  if (spending === undefined) {
    if (caps.session === undefined && caps.day === undefined) return;
    throw new GloveboxError(
      'policy/over-budget',
      'The ledger cannot be read, so nobody knows what the budget leaves. Nothing was started.',
      { hint: 'glovebox doctor names the file and the line.' },
    );
  }
  const amount = amountOf(operation);
  const { left } = spending;
  if (amount === null || left === undefined || amount <= left.leftMicroUsd) return;
  throw overBudget(amount, left);
}

const overBudget = (amount: number, { of, leftMicroUsd, capMicroUsd }: Shortage): GloveboxError =>
  new GloveboxError(
    'policy/over-budget',
    `${renderUsd(amount)} needed, ${renderUsdLeft(leftMicroUsd)} left of the ${renderUsd(capMicroUsd)} for this ${of}. Nothing was started.`,
    {
      hint: `ask for less: cheaper hardware, or a shorter limit. The user can raise the cap in a terminal: glovebox budget set ${of === 'day' ? '--day ' : ''}AMOUNT`,
    },
  );

async function hasReceipt(
  operation: PlannedOperation,
  { origin }: Person,
  receipts: Receipts,
): Promise<boolean> {
  if (origin?.toolUseId === undefined) return false;
  const call = normaliseCall(operation.tool, origin.rawInput);
  if (call === undefined) return false;
  return receipts.redeem({
    toolUseId: origin.toolUseId,
    tool: call.tool,
    argsHash: call.argsHash,
    scriptSha256: operation.scriptSha256,
    namespace: operation.namespace,
    amountMicroUsd: amountOf(operation),
  });
}

/** What costs nothing is written down only where no person agreed to it. */
async function reserveFor(
  operation: PlannedOperation,
  { origin }: Person,
  approval: Approval,
  caps: Caps,
  { ledger, session }: GateOptions,
  note: string | undefined,
): Promise<Grant> {
  if (operation.cost === undefined && approval !== 'auto') return freeFor(operation);
  const argsHash = normaliseCall(operation.tool, origin?.rawInput ?? {})?.argsHash ?? '';
  const parts = partsOf(operation);
  const reserved = await ledger.reserveAll(
    parts.map((part) => reservationOf(part, { session: session(), argsHash, approval })),
    caps,
  );
  if ('refused' in reserved) throw overBudget(amountOf(operation) ?? 0, reserved.refused);
  const { ids, spending } = reserved;
  const lines = [...(note === undefined ? [] : [note]), spendLine(spending, caps)];
  const grants: Grant[] = [];
  for (const [at, id] of ids.entries()) {
    const isFree = parts[at]?.cost === undefined;
    if (isFree) await ledger.settle(id, 0);
    grants.push(
      isFree
        ? FREE
        : {
            attach: (what?: Subject) => quietly(ledger.attach(id, what)),
            release: () => quietly(ledger.release(id)),
          },
    );
  }
  return {
    note: operation.cost === undefined ? (note ?? '') : lines.join('\n'),
    attach: async (what) => {
      for (const grant of grants) await grant.attach(what);
    },
    release: async () => {
      for (const grant of grants) await grant.release();
    },
    ...(operation.together !== undefined && { parts: grants }),
  };
}

function reservationOf(
  part: PlannedOperation,
  of: Pick<Reservation, 'session' | 'argsHash' | 'approval'>,
): Reservation {
  const { tool, operation, namespace, about, cost, subject } = part;
  const known = cost !== undefined && cost.amountMicroUsd !== null ? cost : undefined;
  return {
    ...of,
    tool,
    operation,
    namespace,
    hardware: about.hardware,
    unitMicroUsd: known?.unitMicroUsd ?? 0,
    minutes: known?.minutes ?? 0,
    amountMicroUsd: amountOf(part),
    ...(known?.beforehand !== undefined && {
      beforehandMicroUsd: beforehandAmount(known.beforehand),
    }),
    subject,
  };
}

/** What cannot be written down later stays reserved, which is never too little. */
const quietly = (work: Promise<void>): Promise<void> => work.catch(() => undefined);

async function needsApproval(question: Question, approvals: Approvals): Promise<GloveboxError> {
  const id = await approvals.ask(question);
  const { operation } = question;
  return new GloveboxError(
    'policy/needs-approval',
    `${operation.question} That needs a person, and this client cannot ask one. Nothing was changed.`,
    {
      hint: `let the user run in a terminal: glovebox approve ${id}. Then make the same call again, within 15 minutes. ${UNATTENDED}`,
    },
  );
}

const UNATTENDED =
  'For work without a person the user can set GLOVEBOX_YOLO=1 with GLOVEBOX_BUDGET_USD.';

const refusedByPerson = ({ question }: PlannedOperation, isPaid: boolean): GloveboxError =>
  new GloveboxError('policy/refused', `The answer is no to: ${question} Nothing was changed.`, {
    hint: `do not repeat the call unchanged; ask the user what they want instead. ${isPaid ? UNATTENDED : 'An unattended client answers no by itself.'}`,
  });

/** The line that ends the answer of a paid tool. */
export async function currentSpendLine({
  dir,
  ledger,
  settings,
  session,
}: Pick<GateOptions, 'dir' | 'ledger' | 'settings' | 'session'>): Promise<string | undefined> {
  const caps = await loadCaps(dir, settings());
  const spending = await spendingOrUnknown(ledger, session(), caps);
  if (spending === undefined)
    return 'what was spent is not known: the ledger cannot be read (glovebox doctor)';
  return total(spending.session) === 0 && total(spending.day) === 0
    ? undefined
    : spendLine(spending, caps);
}
