/** Approvals at a terminal: what a call that could not ask anybody leaves behind, and what a person answers later. */
import { createHash } from 'node:crypto';
import { isRecord } from '#core/json.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { MicroUsd } from '#core/money.ts';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { amountOf } from './amount-of.ts';
import type { PlannedOperation } from './contract.ts';
import { approvalsDir } from './policy-dir.ts';

const GRANT_MS = 15 * 60_000;
const KEEP_MS = 24 * 3_600_000;

/** A call that waits for a person. */
export interface PendingApproval {
  readonly id: string;
  readonly tool: string;
  readonly operation: string;
  readonly question: string;
  readonly facts: readonly string[];
  /** The most it can cost; null: nobody knows. 0: nothing. */
  readonly amountMicroUsd: MicroUsd | null;
  readonly askedMs: number;
  /** When a person agreed; it holds for 15 minutes and for one call. */
  readonly grantedMs?: number;
}

export interface Approvals {
  /** Remembers the question under an id that is the same for the same call. */
  ask(operation: PlannedOperation): Promise<string>;
  /** @throws `policy/unknown-approval`. */
  read(id: string): Promise<PendingApproval>;
  list(): Promise<readonly PendingApproval[]>;
  /** A person has agreed, at a terminal. @throws `policy/unknown-approval`. */
  grant(id: string): Promise<void>;
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
    async ask(operation) {
      const id = approvalId(operation);
      const { tool, question, facts } = operation;
      const pending: PendingApproval = {
        id,
        tool,
        operation: operation.operation,
        question,
        facts,
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

    async grant(id) {
      await read(id);
      await records.update(id, (current) => ({ ...current, grantedMs: clock.now() }));
    },

    async redeem(operation) {
      const id = approvalId(operation);
      if ((await records.read(id))?.grantedMs === undefined) return false;
      let isGranted = false;
      await records.update(id, (current) => {
        const { grantedMs, ...rest } = current;
        isGranted =
          grantedMs !== undefined &&
          clock.now() - grantedMs <= GRANT_MS &&
          isNoDearer(amountOf(operation), current.amountMicroUsd);
        return grantedMs === undefined ? current : { ...rest };
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

const isNoDearer = (now: MicroUsd | null, agreed: MicroUsd | null): boolean =>
  now === null || agreed === null ? now === agreed : now <= agreed;

const unknown = (id: string): GloveboxError =>
  new GloveboxError('policy/unknown-approval', `No call waits for approval under "${id}".`, {
    hint: 'glovebox approve lists those that do. Each is kept for a day, and used up by one call.',
  });

function parseApproval(raw: unknown): PendingApproval {
  if (!isRecord(raw)) throw new TypeError('not an approval');
  const { id, tool, operation, question, facts, amountMicroUsd, askedMs, grantedMs } = raw;
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
    facts: Array.isArray(facts) ? facts.map(String) : [],
    amountMicroUsd,
    askedMs,
    ...(typeof grantedMs === 'number' && { grantedMs }),
  };
}
