/** The ledger as lines: what each says, and what all of them together mean. Pure. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { MicroUsd } from '#core/money.ts';
import type { Subject } from './contract.ts';
import { FIRST_THRESHOLD, nextThreshold } from './cost.ts';

/** Who agreed. `auto`: the budget. `free`: nobody had to. */
export const APPROVALS = ['auto', 'host', 'elicitation', 'cli', 'free'] as const;
export type Approval = (typeof APPROVALS)[number];

/** What one paid start is, from the moment before it is asked for. */
export interface Reservation {
  /** The host's session, by which caps count. */
  readonly session: string;
  readonly tool: string;
  readonly operation: string;
  readonly argsHash: string;
  readonly namespace: string | undefined;
  readonly hardware: string | undefined;
  /** Of a started minute; 0 where it costs nothing or nobody knows. */
  readonly unitMicroUsd: MicroUsd;
  readonly minutes: number;
  /** The most it can cost; null when nobody knows, and then it cannot be counted. */
  readonly amountMicroUsd: MicroUsd | null;
  /** The part of it that is for machines rented on the way. */
  readonly beforehandMicroUsd?: MicroUsd;
  readonly approval: Approval;
  readonly subject: Subject | undefined;
}

export interface LedgerEntry extends Reservation {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** UTC, `2026-11-21`. */
  readonly day: string;
  /** `reserved`: not sure that it was asked for. `attached`: it was. `settled`: its end was seen. `released`: it never came to be. */
  readonly state: 'reserved' | 'attached' | 'settled' | 'released';
  /** What counts: reserved while it is open, the real cost afterwards. */
  readonly countsMicroUsd: MicroUsd;
  /** Only of what stands for everything that a session did before: where its threshold was by then. It is of no day. */
  readonly carriedThreshold?: MicroUsd;
}

export interface Spent {
  readonly settledMicroUsd: MicroUsd;
  readonly reservedMicroUsd: MicroUsd;
}

export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/**
 * Reads the whole ledger. What follows the last newline was not finished and never acknowledged: it is ignored.
 *
 * @throws GloveboxError `record/damaged` when any other line cannot be read: then nobody knows what was spent.
 */
export function parseLedger(text: string): readonly LedgerEntry[] {
  const entries = new Map<string, LedgerEntry>();
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    try {
      applyLine(entries, JSON.parse(line));
    } catch (error) {
      throw new GloveboxError('record/damaged', `Line ${index + 1} of the ledger cannot be read.`, {
        hint: 'glovebox doctor names the file. Repair or remove that line: until then nothing is approved by the budget.',
        cause: error,
      });
    }
  }
  return [...entries.values()];
}

function applyLine(entries: Map<string, LedgerEntry>, line: unknown): void {
  if (!isRecord(line) || typeof line['id'] !== 'string') throw new TypeError('not a line of it');
  const { id, event } = line;
  if (event === 'reserve') {
    if (!entries.has(id)) entries.set(id, entryFrom(id, line));
    return;
  }
  if (event === 'carry') {
    entries.set(id, carriedFrom(id, line));
    return;
  }
  const entry = entries.get(id);
  // Of an entry that nobody knows there is nothing to say, and what is over stays over.
  if (entry === undefined || entry.state === 'settled' || entry.state === 'released') return;
  if (event === 'attach') {
    const subject = subjectIn(line['subject']) ?? entry.subject;
    entries.set(id, { ...entry, state: 'attached', subject });
  } else if (event === 'release') {
    entries.set(id, { ...entry, state: 'released', countsMicroUsd: 0 });
  } else if (event === 'settle') {
    entries.set(id, { ...entry, state: 'settled', countsMicroUsd: amountIn(line['amount']) });
  } else throw new TypeError('an event that nobody knows');
}

function entryFrom(id: string, line: Readonly<Record<string, unknown>>): LedgerEntry {
  const { session, tool, operation, args_hash: argsHash, at_ms: atMs, day, amount } = line;
  const { before } = line;
  const approval = APPROVALS.find((each) => each === line['approval']);
  if (
    typeof session !== 'string' ||
    typeof tool !== 'string' ||
    typeof operation !== 'string' ||
    typeof argsHash !== 'string' ||
    typeof atMs !== 'number' ||
    typeof day !== 'string' ||
    approval === undefined
  )
    throw new TypeError('a reservation lacks something');
  const amountMicroUsd = amount === null ? null : amountIn(amount);
  return {
    id,
    session,
    tool,
    operation,
    argsHash,
    atMs,
    day,
    approval,
    amountMicroUsd,
    namespace: textIn(line['namespace']),
    hardware: textIn(line['hardware']),
    unitMicroUsd: amountIn(line['unit']),
    minutes: amountIn(line['minutes']),
    subject: subjectIn(line['subject']),
    ...(before !== undefined && { beforehandMicroUsd: amountIn(before) }),
    state: 'reserved',
    countsMicroUsd: amountMicroUsd ?? 0,
  };
}

function carriedFrom(id: string, line: Readonly<Record<string, unknown>>): LedgerEntry {
  const { session, at_ms: atMs } = line;
  if (typeof session !== 'string' || typeof atMs !== 'number')
    throw new TypeError('what is carried lacks something');
  return {
    id,
    session,
    atMs,
    day: '',
    tool: '',
    operation: 'earlier',
    argsHash: '',
    namespace: undefined,
    hardware: undefined,
    unitMicroUsd: 0,
    minutes: 0,
    subject: undefined,
    approval: 'auto',
    state: 'settled',
    amountMicroUsd: amountIn(line['amount']),
    countsMicroUsd: amountIn(line['amount']),
    carriedThreshold: amountIn(line['threshold']),
  };
}

/** All lines of an entry, as they would have to be written again. */
export function linesOf(entry: LedgerEntry): readonly object[] {
  const { id, atMs, session, state, countsMicroUsd, subject, carriedThreshold } = entry;
  if (carriedThreshold !== undefined) {
    const amount = countsMicroUsd;
    return [{ event: 'carry', id, at_ms: atMs, session, amount, threshold: carriedThreshold }];
  }
  const made = reserveLine(id, atMs, entry);
  if (state === 'reserved') return [made];
  if (state === 'attached') return [made, { event: 'attach', id, at_ms: atMs, subject }];
  if (state === 'released') return [made, { event: 'release', id, at_ms: atMs }];
  return [made, { event: 'settle', id, at_ms: atMs, amount: countsMicroUsd }];
}

/** The line that makes an entry. */
export const reserveLine = (id: string, atMs: number, it: Reservation): object => ({
  event: 'reserve',
  id,
  at_ms: atMs,
  day: dayOf(atMs),
  session: it.session,
  tool: it.tool,
  operation: it.operation,
  args_hash: it.argsHash,
  namespace: it.namespace,
  hardware: it.hardware,
  unit: it.unitMicroUsd,
  minutes: it.minutes,
  amount: it.amountMicroUsd,
  before: it.beforehandMicroUsd,
  approval: it.approval,
  subject: it.subject,
});

export function spentBy(
  entries: readonly LedgerEntry[],
  is: (entry: LedgerEntry) => boolean,
): Spent {
  let settledMicroUsd = 0;
  let reservedMicroUsd = 0;
  for (const entry of entries) {
    if (!is(entry)) continue;
    if (entry.state === 'settled') settledMicroUsd += entry.countsMicroUsd;
    else reservedMicroUsd += entry.countsMicroUsd;
  }
  return { settledMicroUsd, reservedMicroUsd };
}

/** Whether it may still run, and so still cost. */
export const isOpen = ({ state }: LedgerEntry): boolean =>
  state === 'reserved' || state === 'attached';

/**
 * The amount at which a session is asked again although the budget would carry it: $5, then twice as much each time. A call that
 * a person agreed to beyond it moves it on.
 */
export function thresholdOf(entries: readonly LedgerEntry[], session: string): MicroUsd {
  let spent = 0;
  let threshold = FIRST_THRESHOLD;
  for (const entry of entries) {
    if (entry.session !== session) continue;
    threshold = Math.max(threshold, entry.carriedThreshold ?? 0);
    const wasPerson = entry.approval !== 'auto' && entry.approval !== 'free';
    if (wasPerson && spent >= threshold) threshold = nextThreshold(spent, threshold);
    spent += entry.countsMicroUsd;
  }
  return threshold;
}

const textIn = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

function amountIn(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('not an amount');
}

function subjectIn(value: unknown): Subject | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'string') return undefined;
  const { kind, id } = value;
  return kind === 'sandbox' || kind === 'job' ? { kind, id } : undefined;
}
