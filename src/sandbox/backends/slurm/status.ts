/** Says in the words of every back end, and in words for a person, how a SLURM sandbox stands. */
import { renderDuration } from '#core/units.ts';
import type { SandboxHandle, SandboxState, SandboxStatus } from '#sandbox/backend.ts';
import { explainReason } from './pending-reasons.ts';
import type { QueueAnswer } from './queue-watch.ts';
import type { JobRecord } from './record.ts';
import type { Phase } from './state-table.ts';

const STATES: Readonly<Record<Phase, SandboxState>> = {
  submitting: 'preparing',
  pending: 'queued',
  configuring: 'starting',
  starting: 'starting',
  ready: 'ready',
  expiring: 'ready',
  unreachable: 'unreachable',
  suspended: 'suspended',
  requeued: 'queued',
  stopping: 'stopping',
  ended: 'ended',
};
/** So long the last answer of a scheduler that has fallen silent still counts. */
const SILENCE_MS = 60_000;

export interface Circumstances {
  readonly now: number;
  readonly answer?: QueueAnswer;
  /** Why the server is not reached. */
  readonly obstacle?: string;
}

/** For a sandbox that never came to be, or whose folder is gone. */
export const lostStatus = ({
  id,
  generation,
}: Pick<SandboxHandle, 'id' | 'generation'>): SandboxStatus => ({
  id,
  generation,
  state: 'ended',
  end: {
    cause: 'unknown',
    message:
      'Nothing of it is known on this machine; "squeue --me" on the cluster shows your jobs.',
    logTail: [],
  },
});

export function statusOf(id: string, record: JobRecord, now: Circumstances): SandboxStatus {
  const { phase, generation, seen, end } = record;
  const base = { id, generation, ...(seen?.node !== undefined && { host: seen.node }) };
  if (phase === 'ended') {
    const unknown = { cause: 'unknown' as const, message: 'It has ended.', logTail: [] };
    return { ...base, state: 'ended', end: end ?? unknown };
  }
  const detail = [...sentences(record, now)].join('; ');
  const deadlineMs = seen?.endsMs;
  return {
    ...base,
    state: stateOf(record, now),
    ...(detail !== '' && { detail }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...rootOf(record),
  };
}

/** A state that nobody has confirmed for long is not claimed. */
function stateOf({ phase, failing }: JobRecord, { answer, now }: Circumstances): SandboxState {
  const isSilent = answer?.kind === 'silent' && now - answer.sinceMs > SILENCE_MS;
  const isConfirmed = (phase === 'ready' || phase === 'expiring') && failing === undefined;
  if (isSilent && !isConfirmed && phase !== 'submitting' && phase !== 'unreachable')
    return 'unknown';
  return STATES[phase];
}

function* sentences(record: JobRecord, circumstances: Circumstances): Iterable<string> {
  const { job, phase, seen, failing, readyMs } = record;
  const { answer, obstacle, now } = circumstances;
  if (phase === 'submitting') {
    yield record.unsure === true
      ? 'whether SLURM took the job is not known; it is being looked for'
      : 'the job is being submitted';
  }
  if (job !== undefined)
    yield `SLURM job ${job.id}${job.cluster === undefined ? '' : ` on ${job.cluster}`}`;
  if (phase === 'pending' || phase === 'requeued') yield* waiting(record, now);
  if (phase === 'configuring') yield 'its nodes are being prepared';
  if (phase === 'starting') {
    const node = seen?.node === undefined ? 'its node' : seen.node;
    yield `it runs on ${node}, and its Jupyter server is starting`;
  }
  if (readyMs !== undefined || phase === 'starting') yield* wayIn(record);
  if (record.timeReason !== undefined) yield record.timeReason;
  if (phase === 'suspended') yield 'SLURM has suspended it; it goes on when SLURM lets it';
  if (phase === 'expiring' && seen?.endsMs !== undefined)
    yield `its time limit comes in ${renderDuration(Math.max(0, seen.endsMs - now))}`;
  if (failing !== undefined && readyMs !== undefined)
    yield `no answer from its server since ${clockTime(failing.sinceMs)}`;
  const isOnNode = phase === 'starting' || phase === 'unreachable';
  if (obstacle !== undefined && isOnNode) yield obstacle;
  if (answer?.kind === 'silent')
    yield `the scheduler does not answer since ${clockTime(answer.sinceMs)} (${answer.message}), and this is what it said before`;
  if (answer?.kind === 'missing') yield 'the scheduler does not know the job; it is asked again';
  if (answer?.kind === 'row' && answer.row.word === 'COMPLETING')
    yield 'SLURM is ending it, or about to start it anew';
}

/** The ordinary way needs no word. */
function* wayIn({ tunnel, tunnelReason }: JobRecord): Iterable<string> {
  if (tunnel === undefined || tunnel === 'step') return;
  const how = {
    direct: 'over TLS',
    forward: 'over TLS from the login node',
    'node-ssh': 'by SSH to its node, which may not count as part of the job',
  }[tunnel];
  yield `it is reached ${how}${tunnelReason === undefined ? '' : `, because ${tunnelReason}`}`;
}

function* waiting({ phase, seen }: JobRecord, now: number): Iterable<string> {
  yield phase === 'requeued'
    ? 'SLURM took it off its node and queued it again, so its variables are lost'
    : 'waiting in the queue';
  const reason = explainReason(seen?.reason);
  if (reason !== undefined)
    yield reason.needsAction ? `needs somebody to act: ${reason.text}` : reason.text;
  if (seen?.startMs !== undefined && seen.startMs > now)
    yield `estimated start ${clockTime(seen.startMs)}`;
}

/** `14:02:11`, and the day when it is another one. */
function clockTime(atMs: number): string {
  const at = new Date(atMs);
  const time = at.toTimeString().slice(0, 8);
  const isFar = Math.abs(atMs - Date.now()) > 18 * 3_600_000;
  return isFar ? `${at.toDateString()} ${time}` : time;
}

/** Where the node sees the project, and this machine sees what the node sees. */
function rootOf({ server, isRemote }: JobRecord): Pick<SandboxStatus, 'rootDir'> {
  const isShared = server?.seesRoot === true && server.seesJobFolder && isRemote === false;
  return isShared ? { rootDir: server.root } : {};
}
