/** Several that happen under one answer: judged as the strictest of them, counted by their sum, each reserved by itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createApprovals } from './approvals.ts';
import type { Consent, Person, PlannedOperation, PolicySettings } from './contract.ts';
import { sumOfCosts, type Estimate } from './cost.ts';
import { createGate } from './gate.ts';
import { createLedger } from './ledger.ts';
import { createReceipts } from './receipts.ts';

const USD = 1_000_000;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-together-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const CAPPED: PolicySettings = {
  autoApprove: false,
  sessionCap: 5 * USD,
  dayCap: undefined,
  confirmCpuJobs: false,
  confirmSlurm: false,
};

const priced = (usd: number): Estimate => ({
  amountMicroUsd: usd * USD,
  unitMicroUsd: 25_000,
  minutes: usd * 40,
  isFresh: true,
  source: 'price list',
});

const job = (cost: Estimate, more: Partial<PlannedOperation>): PlannedOperation => ({
  tool: 'hf_jobs',
  operation: 'run',
  question: 'Run a paid job?',
  facts: [],
  binding: {},
  about: { hardware: 'a10g-large' },
  cost,
  ...more,
});

function stage(settings: PolicySettings, consent: Consent) {
  const clock = systemClock;
  const ledger = createLedger({ dir, clock });
  const asked: string[] = [];
  const authorize = createGate({
    dir,
    clock,
    ledger,
    approvals: createApprovals({ dir, clock }),
    receipts: createReceipts({ dir, clock }),
    settings: () => settings,
    session: () => 's1',
    settleOpen: async () => undefined,
  });
  const person: Person = {
    ask: async ({ text }) => {
      asked.push(text);
      return consent;
    },
    signal: new AbortController().signal,
  };
  return { authorize, person, asked, ledger };
}

it('P7: asks once, by the sum, and reserves each by itself', async () => {
  const parts = ['a', 'b', 'c'].map((id) => job(priced(2), { subject: { kind: 'sandbox', id } }));
  const cost = sumOfCosts(parts.map((part) => part.cost)) ?? expect.fail('it costs nothing');
  const together = job(cost, { question: 'Run 3 paid jobs?', together: parts });
  const poor = stage(CAPPED, 'approved');
  await expect(poor.authorize(together, poor.person)).rejects.toThrow(
    '$6.00 needed, $5.00 left of the $5.00 for this session',
  );
  expect(await poor.ledger.entries()).toEqual([]);
  const { authorize, person, asked, ledger } = stage(
    { ...CAPPED, sessionCap: 7 * USD },
    'approved',
  );
  const grant = await authorize(together, person);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.split('\n').slice(0, 2)).toEqual([
    'Run 3 paid jobs?   max. $6.00',
    'limit      3 times 1 h 20 min: 80 min x $0.0250',
  ]);
  expect(grant.note).toBe('spent or reserved $6.00 of $7.00 this session · $6.00 today');
  const states = async () =>
    (await ledger.entries()).map(({ state, subject }) => [state, subject?.id]);
  await grant.parts?.[0]?.attach({ kind: 'sandbox', id: 'a' });
  await grant.parts?.[1]?.release();
  expect(await states()).toEqual([
    ['attached', 'a'],
    ['released', 'b'],
    ['reserved', 'c'],
  ]);
  await grant.release();
  expect((await states()).map(([state]) => state)).toEqual(['released', 'released', 'released']);
});

it('P7: judges several as the strictest of them', async () => {
  const { authorize, person, asked } = stage({ ...CAPPED, autoApprove: true }, 'declined');
  const cpu = job(priced(1), { about: { hardware: 'cpu-basic' } });
  const inPublic = job(priced(1), { about: { hardware: 'cpu-basic', logsInPublic: true } });
  await authorize(job(priced(2), { together: [cpu, cpu] }), person);
  expect(asked).toEqual([]);
  const both = job(priced(2), { together: [cpu, inPublic] });
  await expect(authorize(both, person)).rejects.toMatchObject({ code: 'policy/refused' });
  expect(asked[0]).toContain('asked because what it logs can be read by everybody');
});
