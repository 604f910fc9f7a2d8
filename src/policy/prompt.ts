/** The text of a question: the amount first, then the facts, never longer than a prompt can show. Pure. */
import { renderUsd, renderUsdExactly, renderUsdLeft, type MicroUsd } from '#core/money.ts';
import { renderDuration } from '#core/units.ts';
import type { Caps } from './caps.ts';
import type { Advisory, PlannedOperation, Question } from './contract.ts';
import type { Estimate } from './cost.ts';
import { total, type Spending } from './ledger.ts';

export const MAX_PROMPT_CHARS = 1500;
/** One fact may take so much; what is longer is cut, with a count. */
const MAX_FACT_CHARS = 400;
const LABEL_WIDTH = 10;

/** `budget     cap $5.00, ...`: a label and what it stands for, in columns. */
export const fact = (label: string, text: string): string => `${label.padEnd(LABEL_WIDTH)} ${text}`;

/** Question and amount, facts, what holds at this moment, remarks on the script. What does not fit is counted. */
export function renderQuestion({ operation, asOfNow }: Question): string {
  const { question, cost, facts, advisories = [] } = operation;
  const head = cost === undefined ? question : `${question}   ${amountWords(cost)}`;
  const lines = [
    ...costFacts(cost),
    ...asOfNow,
    ...facts.map(shortened),
    ...advisories.map(advisoryLine).map(shortened),
  ];
  let text = head.slice(0, MAX_PROMPT_CHARS - 100);
  for (const [at, line] of lines.entries()) {
    const rest = lines.length - at;
    if (text.length + line.length + 40 > MAX_PROMPT_CHARS)
      return `${text}\n(and ${rest} more lines)`;
    text += `\n${line}`;
  }
  return text;
}

/** `max. $3.00`, or that nobody knows. */
export const amountWords = (cost: Estimate): string =>
  cost.amountMicroUsd === null ? 'PRICE UNKNOWN' : `max. ${renderUsd(cost.amountMicroUsd)}`;

function costFacts(cost: Estimate | undefined): readonly string[] {
  if (cost === undefined) return [];
  if (cost.amountMicroUsd === null)
    return [fact('cost', `not known: ${cost.reason}. It cannot be counted against the budget.`)];
  const { minutes, unitMicroUsd, source, isFresh } = cost;
  const age = isFresh ? '' : '; NOT CURRENT, so a person decides';
  return [
    fact(
      'limit',
      `${renderDuration(minutes * 60_000)}: ${minutes} min x ${renderUsdExactly(unitMicroUsd)}`,
    ),
    fact('prices', `${source}${age}`),
  ];
}

/** What is left before and after. Without caps: what was spent. */
export function budgetFacts(
  spending: Spending | undefined,
  amount: MicroUsd | null,
  caps: Caps,
): readonly string[] {
  if (spending === undefined)
    return [
      fact('budget', 'the ledger cannot be read: nobody knows what was spent (glovebox doctor)'),
    ];
  const spent = `spent or reserved ${renderUsd(total(spending.session))}`;
  const { left } = spending;
  if (left === undefined) return [fact('budget', `no cap, ${spent} this session`)];
  const cap = left.of === 'session' ? caps.session : caps.day;
  const used = left.of === 'session' ? total(spending.session) : total(spending.day);
  const after = amount === null ? 'cannot be counted' : renderUsdLeft(left.leftMicroUsd - amount);
  const which = left.of === 'session' ? '' : ' a day';
  return [
    fact(
      'budget',
      `cap ${renderUsd(cap ?? 0)}${which}, spent or reserved ${renderUsd(used)}, left after this ${after}`,
    ),
  ];
}

/** `$5.00`, or that there is none. */
export const capWords = (cap: MicroUsd | undefined): string =>
  cap === undefined ? 'no cap' : renderUsd(cap);

/** `spent or reserved $3.63 of $5.00 this session · $7.10 today` */
export function spendLine(spending: Spending, caps: Caps): string {
  return `spent or reserved ${renderUsd(total(spending.session))}${ofCap(caps.session)} this session · ${renderUsd(total(spending.day))}${ofCap(caps.day)} today`;
}

const ofCap = (cap: MicroUsd | undefined): string =>
  cap === undefined ? '' : ` of ${renderUsd(cap)}`;

const advisoryLine = ({ severity, message, fix }: Advisory): string =>
  fact('warning', `[${severity}] ${message}${fix === undefined ? '' : `; ${fix}`}`);

const shortened = (line: string): string =>
  line.length <= MAX_FACT_CHARS
    ? line
    : `${line.slice(0, MAX_FACT_CHARS)}… (${line.length - MAX_FACT_CHARS} more characters)`;

/** Whether something is bound to the operation as it stands: for keys of questions. */
export const identityOf = ({
  tool,
  operation,
  question,
  facts,
  binding,
  cost,
}: PlannedOperation): string =>
  JSON.stringify([
    tool,
    operation,
    question,
    facts,
    Object.entries(binding).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    cost?.amountMicroUsd ?? null,
  ]);
