/** The table of a SLURM sandbox's life, row by row, and what must hold in all of it (S8). */
import { describe, expect, test } from 'vitest';
import { EVENTS, eventOfWord, nextStep, PHASES, TABLE, type Phase } from './state-table.ts';

const LIVE: readonly Phase[] = PHASES.filter((phase) => phase !== 'ended');
const all = PHASES.flatMap((phase) =>
  EVENTS.flatMap((event) =>
    [true, false].map((served) => ({ phase, event, served, ...step(phase, event, served) })),
  ),
);

function step(phase: Phase, event: (typeof EVENTS)[number], served: boolean) {
  const { phase: to, action } = nextStep(phase, event, served);
  return { to, action };
}

describe('S8, row by row', () => {
  test.each([
    ['submitting', 'accepted', 'pending', undefined],
    ['submitting', 'rejected', 'ended', undefined],
    ['submitting', 'never-submitted', 'ended', undefined],
    ['pending', 'waiting', 'pending', undefined],
    ['pending', 'configuring', 'configuring', undefined],
    ['pending', 'running', 'starting', undefined],
    ['configuring', 'running', 'starting', undefined],
    ['starting', 'healthy', 'ready', undefined],
    ['starting', 'finished', 'ended', 'find-cause'],
    ['ready', 'no-answer', 'unreachable', undefined],
    ['expiring', 'no-answer', 'unreachable', undefined],
    ['unreachable', 'healthy', 'ready', undefined],
    ['ready', 'near-end', 'expiring', undefined],
    ['ready', 'suspended', 'suspended', undefined],
    ['suspended', 'healthy', 'ready', undefined],
    ['ready', 'waiting', 'requeued', 'count-generation'],
    ['unreachable', 'waiting', 'requeued', 'count-generation'],
    ['ready', 'restarted', 'starting', 'count-generation'],
    ['requeued', 'waiting', 'requeued', undefined],
    ['requeued', 'running', 'starting', undefined],
    ['ready', 'completing', 'ready', undefined],
    ['ready', 'unheard', 'ready', undefined],
    ['ready', 'vanished', 'ended', 'find-cause'],
    ['ready', 'stop', 'stopping', 'cancel-job'],
    ['stopping', 'finished', 'ended', 'find-cause'],
  ] as const)('%s, %s: %s', (phase, event, to, action) => {
    expect(nextStep(phase, event, true)).toEqual({
      phase: to,
      ...(action !== undefined && { action }),
    });
  });

  test('a start that is overdue is cancelled only when nothing of it has ever served (X107, X109)', () => {
    expect(nextStep('starting', 'overdue', false)).toEqual({
      phase: 'ended',
      action: 'cancel-job',
    });
    expect(nextStep('starting', 'overdue', true)).toEqual({ phase: 'unreachable' });
  });

  test('a job that goes on after a suspension is where it was', () => {
    expect(nextStep('suspended', 'running', true).phase).toBe('unreachable');
    expect(nextStep('suspended', 'running', false).phase).toBe('starting');
  });
});

describe('in the whole table', () => {
  test('an end is final', () => {
    for (const { phase, to, action } of all)
      if (phase === 'ended') expect([to, action]).toEqual(['ended', undefined]);
  });

  test('a scheduler that is silent changes nothing (X108)', () => {
    for (const { phase, event, to, action } of all)
      if (event === 'silent') expect([to, action]).toEqual([phase, undefined]);
  });

  test('a job is cancelled at the user’s word, or when it has never served', () => {
    for (const { event, served, action } of all)
      if (action === 'cancel-job') expect(event === 'stop' || !served).toBe(true);
  });

  test('an end always has evidence: of the scheduler, of the submission, or of an overdue start', () => {
    const evidence = ['finished', 'vanished', 'rejected', 'never-submitted', 'overdue'];
    for (const { phase, event, to } of all)
      if (phase !== 'ended' && to === 'ended') expect(evidence).toContain(event);
  });

  test('each live phase can be stopped, and hears of the end of its job', () => {
    for (const phase of LIVE) {
      if (phase !== 'stopping') expect(nextStep(phase, 'stop', true).phase).toBe('stopping');
      if (phase !== 'submitting') expect(nextStep(phase, 'finished', true).phase).toBe('ended');
    }
  });

  test('variables are lost whenever a job leaves its node, and never otherwise', () => {
    const left = new Set(['waiting', 'configuring', 'restarted']);
    for (const { event, action } of all)
      if (action === 'count-generation') expect(left.has(event)).toBe(true);
  });

  test('no row is dead', () => {
    for (const row of TABLE) {
      const isUsed = row.from.some((phase) =>
        [row.on]
          .flat()
          .some((event) =>
            [true, false].some(
              (served) =>
                (row.when === undefined || (row.when === 'served') === served) &&
                nextStep(phase, event, served).phase === (row.to === 'same' ? phase : row.to),
            ),
          ),
      );
      expect(isUsed, JSON.stringify(row)).toBe(true);
    }
  });
});

test('the words of the scheduler (X111)', () => {
  const words = {
    waiting: 'PENDING REQUEUED REQUEUE_HOLD SPECIAL_EXIT',
    configuring: 'CONFIGURING',
    running: 'RUNNING',
    suspended: 'SUSPENDED STOPPED',
    completing: 'COMPLETING',
    finished:
      'COMPLETED CANCELLED FAILED TIMEOUT NODE_FAIL PREEMPTED OUT_OF_MEMORY BOOT_FAIL DEADLINE',
    unheard: 'A_WORD_OF_TOMORROW',
  };
  for (const [event, list] of Object.entries(words))
    for (const word of list.split(' ')) expect(eventOfWord(word), word).toBe(event);
});
