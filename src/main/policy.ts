/** Wires policy: ledger, receipts and approvals of one state folder, settings of one environment. */
import { randomBytes } from 'node:crypto';
import { readPolicySettings } from '#config/policy-settings.ts';
import type { Environment } from '#config/environment.ts';
import type { Clock } from '#platform/clock.ts';
import type { CliPolicy } from '#cli/host.ts';
import { createApprovals } from '#policy/approvals.ts';
import { loadCaps, loadStoredCaps, saveStoredCaps } from '#policy/caps.ts';
import type { PolicySettings } from '#policy/contract.ts';
import { createGate, currentSpendLine } from '#policy/gate.ts';
import { createLedger } from '#policy/ledger.ts';
import { createReceipts } from '#policy/receipts.ts';
import { settleOpenEntries } from '#policy/settle.ts';
import { settleOpenJobs, type JobFate } from '#policy/settle-jobs.ts';
import type { LedgerEntry } from '#policy/ledger-lines.ts';
import { hostSession } from './host-session.ts';
import { fateOfSandbox } from './sandbox-fate.ts';

export interface Policy extends CliPolicy {
  /** What goes into records of sandboxes: a name that later processes of the same conversation have too. */
  readonly recordedSession: (() => string) | undefined;
}

export interface PolicyOptions {
  readonly dir: string;
  readonly env: Environment;
  readonly clock: Clock;
  /** What became of a Job. Never rejects. Without it Jobs stay reserved. */
  readonly fateOfJob?: (entry: LedgerEntry) => Promise<JobFate>;
  /** For what a person is shown. Never rejects. */
  readonly redact?: (text: string) => Promise<string>;
}

/** Reads nothing and makes nothing until it is asked. */
export function createPolicy({ dir, env, clock, fateOfJob, redact }: PolicyOptions): Policy {
  const ledger = createLedger({ dir, clock });
  const approvals = createApprovals({ dir, clock });
  const named = hostSession(env);
  const own = named ?? `own-${randomBytes(6).toString('hex')}`;
  const settings = (): PolicySettings => readPolicySettings(env);
  const session = (): string => own;
  const settleOpen = async (): Promise<void> => {
    try {
      await settleOpenEntries(ledger, (id) => fateOfSandbox(dir, id), clock.now());
      if (fateOfJob !== undefined) await settleOpenJobs(ledger, fateOfJob, clock.now());
    } catch {
      // What cannot be settled now stays reserved, which is never too little.
    }
  };
  const options = {
    dir,
    clock,
    ledger,
    approvals,
    receipts: createReceipts({ dir, clock }),
    settings,
    session,
    settleOpen,
    ...(redact !== undefined && { redact }),
  };
  return {
    authorize: createGate(options),
    ledger,
    approvals,
    loadCaps: async () => ({
      caps: await loadCaps(dir, settings()),
      stored: await loadStoredCaps(dir),
    }),
    saveStoredCaps: (caps) => saveStoredCaps(dir, caps),
    recordedSession: named === undefined ? undefined : session,
    spend: {
      session,
      async line() {
        await settleOpen();
        return currentSpendLine(options).catch(() => undefined);
      },
    },
  };
}
