/** What SLURM prints is read as it is: texts recorded from real commands, and what only larger sites print. */
import { describe, expect, test } from 'vitest';
import { parsePlace } from './hand-over.ts';
import { parseSacct } from './parse-sacct.ts';
import { parseSubmitted, parseTestOnly } from './parse-sbatch.ts';
import { parseJobDetails } from './parse-scontrol.ts';
import { parseSinfo } from './parse-sinfo.ts';
import { parseSqueue, saysUnknownJob } from './parse-squeue.ts';
import { parseAssociations } from './survey.ts';
import { parseEpochMs, parseTimeLeftMs, parseTimeLimitMs } from './time-limit.ts';

const MINUTE = 60_000;

describe('time limits (S3, X124)', () => {
  test.each([
    ['30', 30 * MINUTE],
    ['90:30', 90 * MINUTE + 30_000],
    ['4:00:00', 240 * MINUTE],
    ['100:00:00', 6000 * MINUTE],
    ['2-12', 60 * 60 * MINUTE],
    ['1-0:30', 1470 * MINUTE],
    ['1-00:00:01', 1440 * MINUTE + 1000],
    ['UNLIMITED', Number.POSITIVE_INFINITY],
    ['infinite', Number.POSITIVE_INFINITY],
  ])('%s', (text, ms) => expect(parseTimeLimitMs(text)).toBe(ms));

  test.each([
    '',
    '0',
    '0:00',
    '1--2::',
    '-5',
    '4:',
    ':30',
    '1:60',
    '1:00:60',
    '1-24',
    '1-1:60',
    '4h',
    '1 0',
  ])('refuses %j', (text) => expect(parseTimeLimitMs(text)).toBeUndefined());

  test('time left and times of day', () => {
    expect(parseTimeLeftMs('4:59')).toBe(299_000);
    expect(parseTimeLeftMs('2-03:04:05')).toBe(((51 * 60 + 4) * 60 + 5) * 1000);
    expect(parseTimeLeftMs('UNLIMITED')).toBe(Number.POSITIVE_INFINITY);
    expect(['N/A', 'INVALID', 'NOT_SET', ''].map(parseTimeLeftMs)).toEqual(
      Array(4).fill(undefined),
    );
    expect(parseEpochMs('1795243304')).toBe(1_795_243_304_000);
    expect(['N/A', 'Unknown', '', '2026-11-21T06:41:50'].map(parseEpochMs)).toEqual(
      Array(4).fill(undefined),
    );
  });
});

describe('squeue (S9)', () => {
  test('rows of a pending, a running and a suspended job', () => {
    const rows = parseSqueue(
      '1|PENDING|Resources||n/a|N/A|5:00|N/A|gpu|glovebox:abc:1\n' +
        '4|RUNNING|None|n1|n1|1795243304|5:00|1795243604|gpu|glovebox:abc:1\n' +
        '5|SUSPENDED|None|n[1-3]|n1|1795243304|UNLIMITED|N/A|gpu,preempt|a|b|c\n',
    );
    expect(rows).toEqual([
      {
        jobId: '1',
        word: 'PENDING',
        reason: 'Resources',
        leftMs: 300_000,
        partition: 'gpu',
        comment: 'glovebox:abc:1',
      },
      {
        jobId: '4',
        word: 'RUNNING',
        nodes: 'n1',
        batchHost: 'n1',
        startMs: 1_795_243_304_000,
        leftMs: 300_000,
        endMs: 1_795_243_604_000,
        partition: 'gpu',
        comment: 'glovebox:abc:1',
      },
      {
        jobId: '5',
        word: 'SUSPENDED',
        nodes: 'n[1-3]',
        batchHost: 'n1',
        startMs: 1_795_243_304_000,
        leftMs: Number.POSITIVE_INFINITY,
        partition: 'gpu,preempt',
        // The comment is the user's where the job is; it may contain the separator.
        comment: 'a|b|c',
      },
    ]);
  });

  test('banners and half lines are no rows, and a word of a newer release is kept', () => {
    const text = 'CLUSTER: alpha\n\nWelcome | to | us\n7|NEW_WORD|(null)||n/a||||gpu|\n8|RUNNING|';
    expect(parseSqueue(text)).toEqual([
      { jobId: '7', word: 'NEW_WORD', partition: 'gpu', comment: '' },
    ]);
  });

  test('an unknown job is told from a failure (S10)', () => {
    expect(saysUnknownJob('slurm_load_jobs error: Invalid job id specified\n')).toBe(true);
    expect(saysUnknownJob('slurm_load_jobs error: Unable to contact slurm controller')).toBe(false);
  });
});

describe('sbatch', () => {
  test('the id, and the cluster that goes with it (S16, X112)', () => {
    expect(parseSubmitted('4711\n')).toEqual({ id: '4711' });
    expect(parseSubmitted('4711;alpha\n')).toEqual({ id: '4711', cluster: 'alpha' });
    expect(parseSubmitted('Billing to project 12\n 3\n4711;alpha \nThank you\n')).toEqual({
      id: '4711',
      cluster: 'alpha',
    });
    expect(parseSubmitted('Submitted batch job 4711\n')).toBeUndefined();
    expect(parseSubmitted('')).toBeUndefined();
  });

  test('the estimate of --test-only (S4)', () => {
    const line =
      'sbatch: Job 2 to start at 1795243450 using 1 processors on nodes n1 in partition gpu';
    expect(parseTestOnly(line)).toEqual({ startMs: 1_795_243_450_000 });
    expect(parseTestOnly('allocation failure: Requested node configuration is not available')).toBe(
      undefined,
    );
  });
});

describe('scontrol show job', () => {
  const RECORDED =
    'JobId=1 JobName=s.sh UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=4294901759 Nice=0 Account=(null) QOS=(null) ' +
    'JobState=CANCELLED Reason=None Dependency=(null) Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=0:15 RunTime=00:00:06 ' +
    'TimeLimit=00:05:00 TimeMin=N/A SubmitTime=1795243148 EligibleTime=1795243148 AccrueTime=Unknown StartTime=1795243150 ' +
    'EndTime=1795243156 Deadline=N/A SuspendTime=None SecsPreSuspend=0 Scheduler=Main Partition=gpu ReqNodeList=(null) NodeList=n1 ' +
    'BatchHost=n1 NumNodes=1 NumCPUs=1 TRES=cpu=1,mem=200M Command=/jobs/s.sh a JobState=FAILED Restarts=9 WorkDir=/tmp ' +
    'Comment=glovebox:abc:1  StdErr=/jobs dir/job-1.log StdIn=/dev/null StdOut=/jobs dir/job-1.log Power= \n';

  test('keys are found among values with blanks, the first one of a name', () => {
    expect(parseJobDetails(RECORDED)).toEqual({
      word: 'CANCELLED',
      restarts: 2,
      exit: { code: 0, signal: 15 },
      batchHost: 'n1',
      comment: 'glovebox:abc:1',
      startMs: 1_795_243_150_000,
      endMs: 1_795_243_156_000,
    });
  });

  test('an error text is about no job', () => {
    expect(parseJobDetails('slurm_load_jobs error: Invalid job id specified')).toBeUndefined();
  });
});

describe('sacct', () => {
  test('the last start of the job itself, with who cancelled it', () => {
    const text =
      '4711|NODE_FAIL|0:0|None|1795243150|1795243156\n' +
      '4711|CANCELLED by 1000|0:15|None|1795243200|1795243260\n' +
      '4711.batch|CANCELLED|0:15||1795243200|1795243260\n';
    expect(parseSacct(text, '4711')).toEqual({
      word: 'CANCELLED',
      reason: 'by 1000',
      restarts: 1,
      exit: { code: 0, signal: 15 },
      startMs: 1_795_243_200_000,
      endMs: 1_795_243_260_000,
    });
    expect(parseSacct(text, '1')).toBeUndefined();
    expect(parseSacct('Slurm accounting storage is disabled\n', '4711')).toBeUndefined();
  });
});

describe('sinfo (S5)', () => {
  test('rows of a partition are merged, limits and GPUs understood', () => {
    const { partitions, droppedRows } = parseSinfo(
      'gpu*|up|2:00:00|2|idle|64|515000|gpu:a100:4(S:0-1),lustre:1|0/128/0/128|a100,nvlink\n' +
        'gpu*|up|2:00:00|1|drain|64+|257000+|gpu:a100:4(S:0-1)|0/0/64/64|a100\n' +
        'gpu*|up|2:00:00|1|mix-|128|515000|gpu:h100:8|100/28/0/128|h100\n' +
        'cpu|up|infinite|3|alloc|32|128000|(null)|96/0/0/96|(null)\n' +
        'old|down|1-00:00:00|1|down*|8|1000|(null)|0/0/8/8|(null)\n' +
        'a line that is none\n',
    );
    expect(droppedRows).toBe(1);
    expect(partitions).toEqual([
      {
        name: 'gpu',
        isDefault: true,
        isUp: true,
        nodes: 4,
        idleNodes: 2,
        cpusPerNode: 128,
        memoryMiBPerNode: 515_000,
        cpus: { idle: 156, total: 320 },
        gpus: [
          { name: 'a100', perNode: 4 },
          { name: 'h100', perNode: 8 },
        ],
        features: ['a100', 'nvlink', 'h100'],
        maxTimeMs: 120 * MINUTE,
      },
      expect.objectContaining({
        name: 'cpu',
        isDefault: false,
        isUp: true,
        gpus: [],
        features: [],
        maxTimeMs: Number.POSITIVE_INFINITY,
      }),
      expect.objectContaining({ name: 'old', isUp: false }),
    ]);
  });

  test('accounts with what may be used of them', () => {
    expect(parseAssociations('physics|gpu|normal,long\nphysics||short\nchem||\n\n')).toEqual([
      'physics (QOS normal, long, short)',
      'chem',
    ]);
  });
});

describe('what a node says about its server (S18, X117)', () => {
  const expected = {
    job: { id: '4711', submittedMs: 0 },
    node: 'n1',
    folder: '/tmp/gb-4711-1-abc',
    restarts: 1,
    nonce: 'abc',
  };
  const said = {
    job: '4711',
    restarts: 1,
    nonce: 'abc',
    root: '/p',
    seesRoot: true,
    seesJobFolder: true,
    socket: '/tmp/gb-4711-1-abc/s',
  };

  test('is believed only of the start it must be about', () => {
    expect(parsePlace(JSON.stringify(said), expected)).toEqual({
      node: 'n1',
      folder: expected.folder,
      address: { socket: said.socket },
      root: '/p',
      seesRoot: true,
      seesJobFolder: true,
    });
    for (const other of [{ job: '4712' }, { restarts: 0 }, { nonce: 'abd' }])
      expect(parsePlace(JSON.stringify({ ...said, ...other }), expected)).toBe(
        'the node tells of another start',
      );
  });

  test('on a network it has a certificate, which is told apart', () => {
    const { socket: _socket, ...nowhere } = said;
    const there = { ip: '10.0.0.7', port: 4000, pid: 12, fingerprint: 'AA:BB' };
    expect(parsePlace(JSON.stringify({ ...nowhere, ...there }), expected)).toMatchObject({
      address: { ip: '10.0.0.7', port: 4000 },
      pid: 12,
      fingerprint: 'AA:BB',
    });
  });

  test('half a file is no place', () => {
    expect(parsePlace('{"job": "47', expected)).toMatch(/cannot be read/);
    const { socket: _socket, ...nowhere } = said;
    expect(parsePlace(JSON.stringify(nowhere), expected)).toMatch(/does not say where/);
  });
});
