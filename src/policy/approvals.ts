/** Approvals at a terminal: what a call that could not ask anybody leaves behind, and what a person answers later. */
import { createHash } from 'node:crypto';
import { isRecord } from '#core/json.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { MicroUsd } from '#core/money.ts';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { amountOf } from './amount-of.ts';
import type { PlannedOperation, Question } from './contract.ts';
import { approvalsDir } from './policy-dir.ts';
import { isSigned, sign } from './signing.ts';

const GRANT_MS = 15 * 60_000;
const KEEP_MS = 24 * 3_600_000;

/** A call that waits for a person. */
export interface PendingApproval {
  readonly id: string;
  readonly tool: string;
  readonly operation: string;
  readonly question: string;
  /** What a person reads before they agree: the same as in every other prompt. */
  readonly text: string;
  /** The most it can cost; null: nobody knows. 0: nothing. */
  readonly amountMicroUsd: MicroUsd | null;
  readonly askedMs: number;
  /** When a person agreed; it holds for 15 minutes and for one call. */
  readonly grantedMs?: number;
  /** That this program wrote the agreement down. */
  readonly mac?: string;
}

export interface Approvals {
  /** Remembers the question under an id that is the same for the same call. */
  ask(question: Question): Promise<string>;
  /** @throws `policy/unknown-approval`. */
  read(id: string): Promise<PendingApproval>;
  list(): Promise<readonly PendingApproval[]>;
  /**
   * A person has agreed, at a terminal, to what they were shown. @throws `policy/unknown-approval`, `policy/refused` when the same
   * call was asked about at another price meanwhile.
   */
  grant(shown: PendingApproval): Promise<void>;
  /** Whether a person has agreed to exactly this, which uses it up. */
  redeem(operation: PlannedOperation): Promise<boolean>;
}

export function createApprovals({
  dir,
  clock,
}: {
  readonly dir: string;
  readonly clock: Clock;
}): Approvals {
  const records = new RecordStore<PendingApproval>({
    folder: approvalsDir(dir),
    name: 'approval',
    parse: parseApproval,
    clock,
    durable: false,
  });

  const read = async (id: string): Promise<PendingApproval> => {
    const found = await records.read(id);
    if (found !== undefined) return found;
    throw unknown(id);
  };

  return {
    async ask({ operation, text }) {
      const id = approvalId(operation);
      const { tool, question } = operation;
      const pending: PendingApproval = {
        id,
        tool,
        operation: operation.operation,
        question,
        text,
        amountMicroUsd: amountOf(operation),
        askedMs: clock.now(),
      };
      for (const old of await records.list())
        if (clock.now() - old.value.askedMs > KEEP_MS) await records.remove(old.id);
      try {
        await records.create(id, pending);
      } catch (error) {
        if (!isGloveboxError(error, 'record/exists')) throw error;
        // The price may have changed: who agrees now agrees to what is asked now.
        await records.update(id, () => pending);
      }
      return id;
    },

    read,
    list: async () => (await records.list()).map(({ value }) => value),

    async grant(shown) {
      const { id } = shown;
      await read(id);
      const grantedMs = clock.now();
      const mac = await sign(dir, agreement(shown, grantedMs));
      await records.update(id, (current) => {
        if (current.amountMicroUsd !== shown.amountMicroUsd) throw askedAnew(id);
        return { ...current, grantedMs, mac };
      });
    },

    async redeem(operation) {
      const id = approvalId(operation);
      const seen = await records.read(id);
      if (seen?.grantedMs === undefined) return false;
      const isOurs = await isSigned(dir, agreement(seen, seen.grantedMs), seen.mac);
      let isGranted = false;
      await records.update(id, (current) => {
        const { grantedMs, mac, ...rest } = current;
        isGranted =
          isOurs &&
          grantedMs !== undefined &&
          grantedMs === seen.grantedMs &&
          mac === seen.mac &&
          isSoon(clock.now() - grantedMs) &&
          isNoDearer(amountOf(operation), seen.amountMicroUsd);
        return grantedMs === undefined ? current : rest;
      });
      if (isGranted) await records.remove(id);
      return isGranted;
    },
  };
}

/** By everything that was shown and everything that will be used: another call has another one. */
export function approvalId({ tool, operation, binding, scriptSha256 }: PlannedOperation): string {
  const sorted = Object.entries(binding).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([tool, operation, sorted, scriptSha256 ?? '']);
  const hex = createHash('sha256').update(text).digest('hex');
  return `a-${hex.slice(0, 10)}`;
}

/** What the mark is made of: which call, the most it may cost, when. */
const agreement = (
  { id, tool, operation, amountMicroUsd }: PendingApproval,
  grantedMs: number,
): string => JSON.stringify(['approval', id, tool, operation, amountMicroUsd, grantedMs]);

/** Nobody agrees in the future. */
const isSoon = (ageMs: number): boolean => ageMs >= -60_000 && ageMs <= GRANT_MS;

const askedAnew = (id: string): GloveboxError =>
  new GloveboxError(
    'policy/refused',
    'It was asked for at another price meanwhile. Not approved.',
    {
      hint: `look at it again: glovebox approve ${id}`,
    },
  );

const isNoDearer = (now: MicroUsd | null, agreed: MicroUsd | null): boolean =>
  now === null || agreed === null ? now === agreed : now <= agreed;

const unknown = (id: string): GloveboxError =>
  new GloveboxError('policy/unknown-approval', `No call waits for approval under "${id}".`, {
    hint: 'glovebox approve lists those that do. Each is kept for a day, and used up by one call.',
  });

function parseApproval(raw: unknown): PendingApproval {
  if (!isRecord(raw)) throw new TypeError('not an approval');
  const { id, tool, operation, question, text, amountMicroUsd, askedMs, grantedMs, mac } = raw;
  if (
    typeof id !== 'string' ||
    typeof tool !== 'string' ||
    typeof operation !== 'string' ||
    typeof question !== 'string' ||
    typeof askedMs !== 'number' ||
    !(amountMicroUsd === null || typeof amountMicroUsd === 'number')
  )
    throw new TypeError('an approval lacks something');
  return {
    id,
    tool,
    operation,
    question,
    text: typeof text === 'string' ? text : question,
    amountMicroUsd,
    askedMs,
    ...(typeof grantedMs === 'number' && { grantedMs }),
    ...(typeof mac === 'string' && { mac }),
  };
}
