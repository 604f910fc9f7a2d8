import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import { systemClock } from '#platform/clock.ts';
import { createApprovals } from './approvals.ts';
import type { Advisory, Consent, Person, PlannedOperation, PolicySettings } from './contract.ts';
import type { Estimate } from './cost.ts';
import { createGate } from './gate.ts';
import { createLedger } from './ledger.ts';
import { normaliseCall } from './normalise.ts';
import { ledgerFile } from './policy-dir.ts';
import { createReceipts } from './receipts.ts';

const USD = 1_000_000;
const MINUTE_MS = 60_000;
let dir: string;
let nowMs: number;
const clock = { ...systemClock, now: () => nowMs, monotonic: () => nowMs };

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-gate-'));
  nowMs = Date.UTC(2026, 10, 21, 12);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const OFF: PolicySettings = {
  autoApprove: false,
  sessionCap: undefined,
  dayCap: undefined,
  confirmCpuJobs: true,
  confirmSlurm: false,
};
const YOLO: PolicySettings = { ...OFF, autoApprove: true, sessionCap: 5 * USD, dayCap: 20 * USD };

const priced = (usd: number, isFresh = true): Estimate => ({
  amountMicroUsd: usd * USD,
  unitMicroUsd: 25_000,
  minutes: Math.ceil((usd * USD) / 25_000),
  isFresh,
  source: 'price list',
});

const INPUT = { operation: 'run', flavor: 'a10g-large' };
const job = (
  cost: Estimate = priced(3),
  more: Partial<PlannedOperation> = {},
): PlannedOperation => ({
  tool: 'hf_jobs',
  operation: 'run',
  question: 'Run a paid job?',
  facts: ['code train.py'],
  binding: { script: 'sha' },
  about: { hardware: 'a10g-large' },
  cost,
  ...more,
});

/** The gate, and a person that answers in one way. */
function stage(
  settings: PolicySettings = OFF,
  consent: Consent = 'unavailable',
  redact: (text: string) => Promise<string> = async (text) => text,
) {
  const ledger = createLedger({ dir, clock });
  const approvals = createApprovals({ dir, clock });
  const receipts = createReceipts({ dir, clock });
  const asked: string[] = [];
  const authorize = createGate({
    dir,
    clock,
    ledger,
    approvals,
    receipts,
    settings: () => settings,
    session: () => 's1',
    settleOpen: async () => undefined,
    redact,
  });
  const person = (more: Partial<Person> = {}): Person => ({
    ask: async ({ text }) => {
      asked.push(text);
      return consent;
    },
    signal: new AbortController().signal,
    origin: { rawInput: INPUT, toolUseId: 'toolu_1' },
    ...more,
  });
  const reserved = async () =>
    (await ledger.entries()).map(({ approval, countsMicroUsd }) => [
      approval,
      countsMicroUsd / USD,
    ]);
  return { authorize, person, asked, reserved, approvals, receipts, ledger };
}

const approvalFile = (id: string): string => path.join(dir, 'policy/approvals', `${id}.json`);

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('3.5: the server decides', () => {
  it('asks, with the budget, and reserves when the person agrees', async () => {
    const { authorize, person, asked, reserved } = stage(
      { ...OFF, sessionCap: 5 * USD },
      'approved',
    );
    const grant = await authorize(job(), person());
    expect(asked).toEqual([
      [
        'Run a paid job?   max. $3.00',
        'limit      2 h: 120 min x $0.0250',
        'prices     price list',
        'budget     cap $5.00, spent or reserved $0.00, left after this $2.00',
        'code train.py',
      ].join('\n'),
    ]);
    expect(await reserved()).toEqual([['elicitation', 3]]);
    expect(grant.note).toBe('spent or reserved $3.00 of $5.00 this session · $3.00 today');
    await grant.release();
    expect(await reserved()).toEqual([['elicitation', 0]]);
  });

  it('takes no for a no, and reserves nothing', async () => {
    const { authorize, person, reserved } = stage(OFF, 'declined');
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/refused'));
    expect(await reserved()).toEqual([]);
  });

  it('asks nobody about what cannot run: the cap binds people too', async () => {
    const { authorize, person, asked } = stage({ ...OFF, sessionCap: 2 * USD }, 'approved');
    await expect(authorize(job(), person())).rejects.toThrow(
      '$3.00 needed, $2.00 left of the $2.00 for this session',
    );
    expect(asked).toEqual([]);
  });

  it('denies what is in no table', async () => {
    const { authorize, person } = stage(YOLO, 'approved');
    const unknown = { ...job(), operation: 'scheduled_foo' };
    await expect(authorize(unknown, person())).rejects.toEqual(code('policy/refused'));
  });

  it('a third time the same refused call is refused without a prompt, for ten minutes', async () => {
    const { authorize, person, asked } = stage(OFF, 'declined');
    for (let times = 0; times < 4; times += 1)
      await expect(authorize(job(), person())).rejects.toEqual(code('policy/refused'));
    expect(asked).toHaveLength(2);
    nowMs += 11 * MINUTE_MS;
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/refused'));
    expect(asked).toHaveLength(3);
  });
});

describe('3.5.5: receipts of the hook', () => {
  const receiptFor = async (
    given: ReturnType<typeof stage>,
    amountMicroUsd: number | null = 3 * USD,
  ) => {
    const call = normaliseCall('hf_jobs', INPUT);
    await given.receipts.write({
      toolUseId: 'toolu_1',
      tool: 'hf_jobs',
      argsHash: call?.argsHash ?? '',
      scriptSha256: undefined,
      amountMicroUsd,
      permissionMode: 'default',
      sessionId: 's1',
    });
  };

  it('the host has asked: nobody is asked again, once', async () => {
    const given = stage();
    await receiptFor(given);
    await given.authorize(job(), given.person());
    expect(await given.reserved()).toEqual([['host', 3]]);
    await expect(given.authorize(job(), given.person())).rejects.toEqual(
      code('policy/needs-approval'),
    );
  });

  it.each<[string, PlannedOperation, Partial<Person>]>([
    [
      'other arguments',
      job(),
      { origin: { toolUseId: 'toolu_1', rawInput: { ...INPUT, flavor: 'h200' } } },
    ],
    ['a dearer estimate', job(priced(4)), {}],
    ['a script that was changed since', job(priced(3), { scriptSha256: 'x' }), {}],
    ['another call', job(), { origin: { toolUseId: 'toolu_2', rawInput: INPUT } }],
    ['a client that names no call', job(), { origin: { rawInput: INPUT } }],
  ])('is no leave for %s', async (_, operation, person) => {
    const given = stage();
    await receiptFor(given);
    await expect(given.authorize(operation, given.person(person))).rejects.toEqual(
      code('policy/needs-approval'),
    );
  });
});

describe('3.5.7: approval at a terminal', () => {
  it('lets the same call run once, within 15 minutes, and no other', async () => {
    const { authorize, person, approvals, reserved } = stage();
    const refusal = await authorize(job(), person()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'policy/needs-approval',
      hint: expect.stringMatching(
        /glovebox approve a-[0-9a-f]{10}\. .*GLOVEBOX_YOLO=1 with GLOVEBOX_BUDGET_USD/,
      ),
    });
    const [waiting] = await approvals.list();
    expect(waiting).toMatchObject({ question: 'Run a paid job?', amountMicroUsd: 3 * USD });
    if (waiting === undefined) throw new Error('nothing waits');
    await approvals.grant(waiting);
    const changed = job(priced(3), { binding: { script: 'other' } });
    await expect(authorize(changed, person())).rejects.toEqual(code('policy/needs-approval'));
    await expect(authorize(job(priced(4)), person())).rejects.toEqual(
      code('policy/needs-approval'),
    );
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/needs-approval'));
    await approvals.grant(waiting);
    await authorize(job(), person());
    expect(await reserved()).toEqual([['cli', 3]]);
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/needs-approval'));
    await approvals.grant(waiting);
    nowMs += 16 * MINUTE_MS;
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/needs-approval'));
    await expect(approvals.grant({ ...waiting, id: 'a-unknown' })).rejects.toEqual(
      code('policy/unknown-approval'),
    );
  });

  it('shows the same facts as every other prompt, and no secret of them', async () => {
    const { authorize, person, approvals } = stage(OFF, 'unavailable', async (text) =>
      text.replace('hunter2', '[REDACTED:named-secret]'),
    );
    const operation = job(priced(3), { facts: ['gets       PASSWORD=hunter2'] });
    await expect(authorize(operation, person())).rejects.toEqual(code('policy/needs-approval'));
    const [waiting] = await approvals.list();
    expect(waiting?.text.split('\n')).toEqual([
      'Run a paid job?   max. $3.00',
      'limit      2 h: 120 min x $0.0250',
      'prices     price list',
      'budget     no cap, spent or reserved $0.00 this session',
      'gets       PASSWORD=[REDACTED:named-secret]',
    ]);
    expect(readFileSync(approvalFile(waiting?.id ?? ''), 'utf8')).not.toContain('hunter2');
  });

  it('is of the price that was read: what became dearer meanwhile is not approved', async () => {
    const { authorize, person, approvals } = stage();
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/needs-approval'));
    const [read] = await approvals.list();
    if (read === undefined) throw new Error('nothing waits');
    await expect(authorize(job(priced(4)), person())).rejects.toEqual(
      code('policy/needs-approval'),
    );
    await expect(approvals.grant(read)).rejects.toEqual(code('policy/refused'));
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/needs-approval'));
  });

  it.each<[string, (record: Record<string, unknown>) => object]>([
    ['that somebody else wrote', (record) => ({ ...record, grantedMs: nowMs })],
    [
      'with a mark that is none',
      (record) => ({ ...record, grantedMs: nowMs, mac: 'a'.repeat(64) }),
    ],
    ['with a mark that is a list', (record) => ({ ...record, grantedMs: nowMs, mac: ['a'] })],
    ['moved to another time', (record) => ({ ...record, grantedMs: nowMs + 5 * MINUTE_MS })],
    ['raised to another amount', (record) => ({ ...record, amountMicroUsd: 4 * USD })],
    ['moved to a call without a price', (record) => ({ ...record, amountMicroUsd: null })],
  ])('an agreement %s is none', async (how, forge) => {
    const { authorize, person, approvals } = stage();
    await expect(authorize(job(), person())).rejects.toEqual(code('policy/needs-approval'));
    const [waiting] = await approvals.list();
    if (waiting === undefined) throw new Error('nothing waits');
    if (!how.startsWith('that') && !how.startsWith('with')) await approvals.grant(waiting);
    const file = approvalFile(waiting.id);
    const record: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isRecord(record)) throw new Error('no record');
    writeFileSync(file, JSON.stringify(forge({ ...record })));
    const cost = how.startsWith('raised') ? priced(4) : priced(3);
    await expect(authorize(job(cost), person())).rejects.toEqual(code('policy/needs-approval'));
  });

  it('of two servers that redeem one agreement exactly one may go on', async () => {
    const [one, two] = [stage(), stage()];
    await expect(one.authorize(job(), one.person())).rejects.toEqual(code('policy/needs-approval'));
    const [waiting] = await one.approvals.list();
    if (waiting === undefined) throw new Error('nothing waits');
    await one.approvals.grant(waiting);
    const both = await Promise.allSettled(
      [one, two, one, two].map(({ authorize, person }) => authorize(job(), person())),
    );
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await one.reserved()).toEqual([['cli', 3]]);
  });

  it('--approve-max-usd agrees to what costs no more, and to nothing that a person decides each time', async () => {
    const { authorize, person, reserved } = stage();
    const most = { approvedMaxMicroUsd: 3 * USD };
    await authorize(job(), person(most));
    await expect(authorize(job(priced(3.1)), person(most))).rejects.toEqual(
      code('policy/needs-approval'),
    );
    const again = { ...job(), operation: 'scheduled_run' };
    await expect(authorize(again, person(most))).rejects.toEqual(code('policy/needs-approval'));
    expect(await reserved()).toEqual([['cli', 3]]);
  });
});

describe('3.6: YOLO', () => {
  it('the budget agrees as long as it lasts; the second one of a batch is refused', async () => {
    const { authorize, person, asked, reserved } = stage(YOLO);
    const both = await Promise.allSettled([authorize(job(), person()), authorize(job(), person())]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: {
        code: 'policy/over-budget',
        message: expect.stringContaining('$3.00 needed, $2.00 left'),
      },
    });
    expect([asked, await reserved()]).toEqual([[], [['auto', 3]]]);
  });

  const grave: readonly Advisory[] = [
    { code: 'R1', severity: 'high', message: 'nothing is saved' },
  ];
  it.each<[string, PlannedOperation]>([
    ['a price that is not current', job(priced(1, false))],
    ['a price that nobody knows', job({ amountMicroUsd: null, reason: 'no list' })],
    ['a script that saves nothing', job(priced(1), { advisories: grave })],
    ['recurring cost', { ...job(priced(1)), operation: 'scheduled_run' }],
    [
      'a repository of somebody else',
      { ...job(), tool: 'hf_repo_git', operation: 'create_pr', about: { ownership: 'foreign' } },
    ],
  ])('asks about %s', async (_, operation) => {
    const { cost, ...free } = operation;
    const planned =
      operation.tool === 'hf_repo_git' ? free : { ...free, ...(cost !== undefined && { cost }) };
    const { authorize, person, asked } = stage(YOLO, 'approved');
    await authorize(planned, person());
    expect(asked).toHaveLength(1);
  });

  it('asks again after a threshold, although the budget would carry it', async () => {
    const rich = { ...YOLO, sessionCap: 100 * USD, dayCap: 100 * USD };
    const { authorize, person, asked, reserved } = stage(rich, 'approved');
    for (let times = 0; times < 4; times += 1) await authorize(job(priced(3)), person());
    expect(asked).toHaveLength(1);
    expect((await reserved()).map(([approval]) => approval)).toEqual([
      'auto',
      'auto',
      'elicitation',
      'auto',
    ]);
  });

  it('changes an own repository without a question, and writes that down', async () => {
    const { authorize, person, asked, reserved } = stage(YOLO);
    const { cost: _cost, ...rest } = job();
    const operation = {
      ...rest,
      tool: 'hf_repo_files',
      operation: 'delete',
      about: { ownership: 'own' as const },
    };
    const { note } = await authorize(operation, person());
    expect([asked, await reserved(), note]).toEqual([
      [],
      [['auto', 0]],
      expect.stringContaining('GLOVEBOX_YOLO'),
    ]);
  });

  it('11.2: a job that is free of questions is recorded all the same', async () => {
    const settings = { ...OFF, confirmCpuJobs: false };
    const { authorize, person, asked, reserved } = stage(settings);
    await authorize(job(priced(0.00501), { about: { hardware: 'cpu-basic' } }), person());
    expect([asked, await reserved()]).toEqual([[], [['free', 0.00501]]]);
  });
});

it('5.1: with a ledger that cannot be read nothing goes by the budget, and a cap lets nothing through', async () => {
  const { authorize, person } = stage(YOLO, 'approved');
  await authorize(job(priced(1)), person());
  appendFileSync(ledgerFile(dir), 'damaged\n');
  await expect(authorize(job(priced(1)), person())).rejects.toEqual(code('policy/over-budget'));
});
