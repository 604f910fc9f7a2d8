/** The text of a question: the amount first, then the facts, never longer than a prompt can show. Pure. */
import { renderUsd, renderUsdExactly, renderUsdLeft, type MicroUsd } from '#core/money.ts';
import { renderDuration } from '#core/units.ts';
import type { Caps } from './caps.ts';
import type { Advisory, PlannedOperation } from './contract.ts';
import type { Estimate } from './cost.ts';
import { total, type Spending } from './spending.ts';

export const MAX_PROMPT_CHARS = 1500;
/** One fact may take so much; what is longer is cut, with a count. The first at which everything fits, so that no long fact pushes another out. */
const FACT_CHARS = [400, 200, 100] as const;
const MAX_QUESTION_CHARS = 700;
const LABEL_WIDTH = 10;

/** `budget     cap $5.00, ...`: a label and what it stands for, in columns. */
export const fact = (label: string, text: string): string => `${label.padEnd(LABEL_WIDTH)} ${text}`;

/**
 * Question and amount, facts, what holds at this moment, remarks on the script. What does not fit is counted. Whatever an agent
 * wrote into an argument stays inside its own fact: it neither looks like another line nor hides one.
 *
 * @param asOfNow lines that may differ a minute later, such as the budget left
 */
export function renderQuestion(operation: PlannedOperation, asOfNow: readonly string[]): string {
  const { question, cost, facts, advisories = [] } = operation;
  const asked = cut(visible(question).replaceAll('\n', ' '), MAX_QUESTION_CHARS);
  const head = cost === undefined ? asked : `${asked}   ${amountWords(cost)}`;
  const grave = advisories.filter(({ severity }) => severity === 'high');
  const others = advisories.filter(({ severity }) => severity !== 'high');
  const told = [...grave.map(advisoryLine), ...facts, ...others.map(advisoryLine)];
  const linesWith = (most: number): readonly string[] => [
    ...costsOf(operation).flatMap(({ each, count }) => costFacts(each, count)),
    ...asOfNow,
    ...told.map((line) => shortened(line, most)),
  ];
  const [widest, ...narrower] = FACT_CHARS;
  const most = narrower.reduce<number>(
    (now, less) => (lengthOf(linesWith(now)) + head.length > ROOM_CHARS ? less : now),
    widest,
  );
  let text = head;
  const lines = linesWith(most);
  for (const [at, line] of lines.entries()) {
    if (text.length + line.length > ROOM_CHARS)
      return `${text}\n(and ${lines.length - at} more lines)`;
    text += `\n${line}`;
  }
  return text;
}

/** A line less than the limit: for the count of what did not fit. */
const ROOM_CHARS = MAX_PROMPT_CHARS - 40;

const lengthOf = (lines: readonly string[]): number => lines.join('\n').length;

/** `max. $3.00`, or that nobody knows. */
export const amountWords = (cost: Estimate): string =>
  cost.amountMicroUsd === null ? 'PRICE UNKNOWN' : `max. ${renderUsd(cost.amountMicroUsd)}`;

interface Costs {
  readonly each: Estimate | undefined;
  readonly count: number;
}

/** Of several together those with the same cost in one. */
function costsOf({ cost, together }: PlannedOperation): readonly Costs[] {
  if (together === undefined) return [{ each: cost, count: 1 }];
  const groups = new Map<string, Costs>();
  for (const { cost: each } of together) {
    const key = JSON.stringify(each ?? null);
    groups.set(key, { each, count: (groups.get(key)?.count ?? 0) + 1 });
  }
  return [...groups.values()];
}

function costFacts(cost: Estimate | undefined, count: number): readonly string[] {
  if (cost === undefined) return [];
  if (cost.amountMicroUsd === null)
    return [fact('cost', `not known: ${cost.reason}. It cannot be counted against the budget.`)];
  const { minutes, unitMicroUsd, source, isFresh, beforehand } = cost;
  const age = isFresh ? '' : '; NOT CURRENT, so a person decides';
  return [
    fact(
      'limit',
      `${count === 1 ? '' : `${count} times `}${renderDuration(minutes * 60_000)}: ${minutes} min x ${renderUsdExactly(unitMicroUsd)}`,
    ),
    ...(beforehand === undefined
      ? []
      : [
          fact(
            'before it',
            `${count === 1 ? '' : `${count} times `}${beforehand.words}, each ${renderDuration(beforehand.minutes * 60_000)} at most: ${beforehand.count} x ${beforehand.minutes} min x ${renderUsdExactly(beforehand.unitMicroUsd)}`,
          ),
        ]),
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

const shortened = (line: string, most: number): string =>
  cut(visible(line).replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH + 1)}`), most);

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} more characters)`;

/** Control characters, marks of direction and characters without width are written out: a terminal obeys some, an eye misses others. */
const visible = (text: string): string =>
  PLAIN.test(text)
    ? text
    : text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
        char === '\n' ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
      );

/** Nearly every text: to look up the classes of Unicode for it would take a millisecond of a hook. */
const PLAIN = /^[ -~\n]*$/;

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
