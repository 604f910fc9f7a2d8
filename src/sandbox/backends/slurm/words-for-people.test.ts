/** Why a job waits, why it ended, how it stands: in words that a person understands, with the true cause (S11, S12). */
import { describe, expect, test } from 'vitest';
import { findCause, type EndEvidence } from './causes.ts';
import { explainReason } from './pending-reasons.ts';
import type { JobRecord } from './record.ts';
import { statusOf } from './status.ts';

describe('pending reasons (S12)', () => {
  test.each([
    ['Priority', false, 'other jobs are before it'],
    ['Resources', false, 'as soon as enough is free'],
    ['BeginTime', false, 'after a requeue'],
    ['Licenses', false, 'licenses'],
    ['QOSMaxCpuPerUserLimit', false, 'one user'],
    ['AssocGrpGRES', false, 'your group'],
    ['PartitionTimeLimit', true, 'longer than the partition allows'],
    ['PartitionNodeLimit', true, 'more nodes'],
    ['AssocMaxJobsLimit', true, 'as many of your jobs as allowed'],
    ['InvalidAccount', true, 'account'],
    ['InvalidQOS', true, 'QOS'],
    ['BadConstraints', true, 'no node can ever'],
    ['JobHeldUser', true, 'scontrol release'],
    ['JobHeldAdmin', true, 'administrator'],
    ['ReqNodeNotAvail, UnavailableNodes:n[1-2]', true, 'maintenance'],
    [
      'Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions',
      true,
      'down, drained',
    ],
    ['PartitionDown', true, 'takes no jobs'],
    ['PartitionInactive', true, 'takes no jobs'],
  ])('%s', (reason, needsAction, words) => {
    const explained = explainReason(reason);
    expect(explained?.needsAction).toBe(needsAction);
    expect(explained?.text).toContain(words);
    expect(explained?.text).toContain(reason);
  });

  test('one that nobody here knows is given as it is, and none is none', () => {
    expect(explainReason('TomorrowsReason')).toEqual({
      text: 'TomorrowsReason',
      needsAction: false,
    });
    expect(explainReason(undefined)).toBeUndefined();
  });
});

describe('causes of an end (S11, X114)', () => {
  const evidence = (more: Partial<EndEvidence>): EndEvidence => ({
    jobId: '4711',
    logTail: [],
    served: true,
    ...more,
  });
  const details = (word: string, more: object = {}) => ({ word, restarts: 0, ...more });

  test.each([
    ['TIMEOUT', 'time-limit'],
    ['DEADLINE', 'time-limit'],
    ['OUT_OF_MEMORY', 'out-of-memory'],
    ['NODE_FAIL', 'node-failure'],
    ['BOOT_FAIL', 'node-failure'],
    ['PREEMPTED', 'preempted'],
    ['CANCELLED', 'cancelled'],
    ['LAUNCH_FAILED', 'start-failed'],
  ])('%s is %s', (word, cause) => {
    expect(findCause(evidence({ details: details(word) }))).toMatchObject({
      cause,
      message: expect.stringContaining('4711'),
    });
  });

  test('an exit code, a signal, an end by itself', () => {
    const failed = details('FAILED', { exit: { code: 3, signal: 0 }, batchHost: 'n1' });
    expect(findCause(evidence({ details: failed }))).toEqual({
      cause: 'failed',
      message: 'Job 4711 failed on n1 with exit code 3.',
    });
    const killed = details('FAILED', { exit: { code: 0, signal: 9 } });
    expect(findCause(evidence({ details: killed })).message).toContain('with signal 9');
    expect(
      findCause(evidence({ details: details('COMPLETED', { exit: { code: 0, signal: 0 } }) }))
        .cause,
    ).toBe('stopped');
    const logTail = ['[W] GLOVEBOX-END idle: nobody used this server for 121 seconds.', 'end'];
    expect(findCause(evidence({ logTail, details: details('COMPLETED') })).cause).toBe('idle');
  });

  test('before it ever served, the script’s own reason counts most', () => {
    const logTail = ['loading', 'GLOVEBOX-FAIL There is no Python /x on n1.'];
    expect(findCause(evidence({ served: false, logTail, details: details('FAILED') }))).toEqual({
      cause: 'start-failed',
      message: 'There is no Python /x on n1.',
    });
  });

  test.each([
    [
      'slurmstepd: error: *** JOB 4711 ON n1 CANCELLED AT 2026-11-21T06:41:50 DUE TO TIME LIMIT ***',
      'time-limit',
    ],
    ['slurmstepd: error: *** JOB 4711 ON n1 CANCELLED AT ... DUE TO PREEMPTION ***', 'preempted'],
    [
      'slurmstepd: error: *** JOB 4711 ON n1 CANCELLED AT ... DUE TO NODE FAILURE ***',
      'node-failure',
    ],
    ['slurmstepd: error: Detected 1 oom-kill event(s) in StepId=4711.batch.', 'out-of-memory'],
  ])('the log tells when the scheduler has forgotten: %s', (line, cause) => {
    expect(findCause(evidence({ logTail: ['x', line] })).cause).toBe(cause);
  });

  test('nothing known is said as unknown', () => {
    expect(findCause(evidence({}))).toMatchObject({ cause: 'unknown' });
  });
});

describe('the status of a sandbox', () => {
  const now = 1_795_243_000_000;
  const record = (more: Partial<JobRecord>): JobRecord => ({
    projectDir: '/p',
    phase: 'pending',
    generation: 1,
    claim: 'c',
    starter: { host: 'h', bootId: 'b', pid: 1, startTime: '1', uid: 0 },
    startedMs: now,
    nonce: 'n',
    hostName: 'this machine',
    job: { id: '4711', submittedMs: now },
    ...more,
  });

  test('a queued job says why, and whether somebody must act', () => {
    const waiting = record({ seen: { word: 'PENDING', reason: 'Priority', atMs: now } });
    expect(statusOf('s', waiting, { now })).toMatchObject({
      state: 'queued',
      detail: 'SLURM job 4711; waiting in the queue; Priority: other jobs are before it',
    });
    const held = record({ seen: { word: 'PENDING', reason: 'JobHeldUser', atMs: now } });
    expect(statusOf('s', held, { now }).detail).toContain('needs somebody to act');
  });

  test('a scheduler that is silent for a minute makes a queued job unknown, and no ready one (X108)', () => {
    const silent = { kind: 'silent', sinceMs: now - 61_000, message: 'no answer' } as const;
    expect(statusOf('s', record({}), { now, answer: silent }).state).toBe('unknown');
    expect(statusOf('s', record({}), { now, answer: { ...silent, sinceMs: now } }).state).toBe(
      'queued',
    );
    expect(statusOf('s', record({ phase: 'ready' }), { now, answer: silent }).state).toBe('ready');
  });

  test('near its end it says how near (S14)', () => {
    const seen = { word: 'RUNNING', node: 'n1', endsMs: now + 240_000, atMs: now };
    expect(statusOf('s', record({ phase: 'expiring', seen }), { now })).toMatchObject({
      state: 'ready',
      deadlineMs: now + 240_000,
      host: 'n1',
      detail: expect.stringContaining('its time limit comes in 4 min'),
    });
  });

  test('the project’s folder is this machine’s only where the node sees what this machine sees (S17)', () => {
    const server = {
      node: 'n1',
      folder: '/tmp/gb',
      address: { socket: '/tmp/gb/s' },
      root: '/p',
      seesRoot: true,
      seesJobFolder: true,
    };
    const at = (more: Partial<JobRecord>): string | undefined =>
      statusOf('s', record({ phase: 'ready', server, isRemote: false, ...more }), { now }).rootDir;
    expect(at({})).toBe('/p');
    expect(at({ isRemote: true })).toBeUndefined();
    expect(at({ server: { ...server, seesJobFolder: false } })).toBeUndefined();
  });
});
