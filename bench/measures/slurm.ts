/** What a cluster adds: a small cell through the relay, the way from submission to a first output, questions to the scheduler. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { QueueWatch } from '#sandbox/backends/slurm/queue-watch.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { testPython } from '../../test/rigs/python.ts';
import type { Cluster } from '../../test/rigs/slurm/cluster.ts';
import { isSlurmMissing } from '../../test/rigs/slurm/requirement.ts';
import { startCluster } from '../../test/rigs/slurm/slurm.ts';
import type { Bench, Measure } from '../bench.ts';
import { createLab } from '../lab.ts';
import { idIn, type McpProcess } from '../mcp-process.ts';
import type { Finding } from '../row.ts';
import { interleave, timed, timedStart } from '../samples.ts';
import { newSession, runCode } from '../sessions.ts';

const CODE = '1+1';
const PAUSE_MS = 30;
const QUEUE_S = 600;

const OVERHEAD = '1+1 in a SLURM job, through the relay';
const FIRST_OUTPUT = 'sandbox_create on an idle cluster, until the first output of a cell';
const QUESTIONS = 'questions to the scheduler in 10 min of queue';

export const slurm: Measure = {
  name: 'slurm',
  async run(bench: Bench) {
    if (isSlurmMissing()) return [missing(OVERHEAD), missing(FIRST_OUTPUT), await questions()];
    const cluster = await startCluster({ kind: 'plain' });
    const lab = await createLab({
      ...cluster.env,
      GLOVEBOX_BACKEND: 'slurm',
      GLOVEBOX_SLURM_PYTHON: testPython(),
      GLOVEBOX_SLURM_CPUS: '1',
      GLOVEBOX_SLURM_MEM: '400M',
      GLOVEBOX_SLURM_GRES: 'none',
      GLOVEBOX_SLURM_TIME: '30',
      GLOVEBOX_SLURM_DIR: path.join(cluster.shared, 'jobs'),
      // The default of 3 s would measure itself.
      GLOVEBOX_POLL_MIN_S: '1',
    });
    try {
      const server = await lab.startServer();
      return [
        await overhead(bench, server),
        await firstOutput(bench, server, cluster),
        await questions(),
      ];
    } finally {
      await lab.end();
      await cluster.stop();
    }
  },
};

async function rested(work: () => Promise<unknown>): Promise<number> {
  await delay(PAUSE_MS);
  return timed(work);
}

async function overhead({ server, rounds }: Bench, onCluster: McpProcess): Promise<Finding> {
  const here = await newSession(server, 'one plus one here');
  const sandbox = await newSandbox(onCluster, 'overhead');
  const there = await newSession(onCluster, 'one plus one there', sandbox);
  const { floor, ours } = await interleave(rounds(60), {
    floor: () => rested(() => runCode(server, here, CODE)),
    ours: () => rested(() => runCode(onCluster, there, CODE)),
  });
  await here.end();
  await onCluster.call('sandbox_stop', { sandbox_id: sandbox });
  return {
    measure: OVERHEAD,
    unit: 'ms',
    bar: { of: 'ratio', most: 2 },
    ours,
    floor: { name: 'the same in the local sandbox', samples: floor },
  };
}

async function firstOutput(
  { rounds }: Bench,
  server: McpProcess,
  cluster: Cluster,
): Promise<Finding> {
  let count = 0;
  const { floor, ours } = await interleave(rounds(5), {
    floor: () => timed(() => bareJob(cluster, (count += 1))),
    ours: () =>
      timedStart(
        async () => {
          const sandbox = await newSandbox(server, `first-${(count += 1)}`);
          const session = await newSession(server, `first ${count}`, sandbox);
          await runCode(server, session, CODE);
          return sandbox;
        },
        (sandbox) => server.call('sandbox_stop', { sandbox_id: sandbox }),
      ),
  });
  return {
    measure: FIRST_OUTPUT,
    unit: 'ms',
    bar: { of: 'nothing' },
    ours,
    floor: { name: 'sbatch of a job that prints a word', samples: floor },
  };
}

async function newSandbox(server: McpProcess, name: string): Promise<string> {
  const answer = await server.call('sandbox_create', { name, wait_s: 120 });
  if (idIn(answer, 'state') !== 'ready') throw new Error(answer.text);
  return idIn(answer, 'sandbox_id');
}

async function bareJob(cluster: Cluster, count: number): Promise<void> {
  const file = path.join(cluster.shared, `bare-${count}`);
  const words = ['--export=NIL', `--output=${file}`, '--wrap=echo printed'];
  const { code, stderr } = await cluster.run(['sbatch', '--chdir=/', ...words]);
  if (code !== 0) throw new Error(stderr);
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes('printed')) await delay(10);
}

const refuse = (): never => {
  throw new Error('nothing else is asked');
};

/** On a clock of its own: somebody looks every second for ten minutes, and the queue does not move. */
async function questions(): Promise<Finding> {
  const clock = createManualClock();
  let asked = 0;
  const stdout = '7|PENDING|Resources||n/a|N/A|30:00|N/A|gpu|c\n';
  const watch = new QueueWatch({
    host: async () => ({
      name: 'login',
      isRemote: false,
      run: async () => {
        asked += 1;
        return { code: 0, signal: null, stdout, stderr: '' };
      },
      open: refuse,
      writeFile: refuse,
      readFile: refuse,
      home: refuse,
      hostname: refuse,
      routeTo: refuse,
    }),
    clock,
    pollMinMs: () => 3000,
  });
  const { signal } = new AbortController();
  for (let second = 0; second < QUEUE_S; second += 1) {
    await watch.ask({ id: '7', submittedMs: 0 }, 'patient', signal);
    clock.advance(1000);
  }
  return { measure: QUESTIONS, unit: 'calls', bar: { of: 'median', most: 40 }, ours: [asked] };
}

const missing = (measure: string): Finding => ({
  measure,
  unit: 'ms',
  bar: { of: 'nothing' },
  ours: [],
  missing: 'SLURM is not on this machine',
});
