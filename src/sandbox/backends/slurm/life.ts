/** Says how a SLURM sandbox stands: gathers evidence from scheduler, node and server, and lets the table decide. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { readTextIfExists, removeIfExists, writeFileAtomic } from '#platform/files.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { SandboxHandle, SandboxStatus } from '#sandbox/backend.ts';
import { checkHealth, type Health } from '#sandbox/server-health.ts';
import { findEnd } from './find-end.ts';
import { findSubmitted } from './find-submitted.ts';
import { readHandOver, type ExpectedStart, type HandOver } from './hand-over.ts';
import { askForToken, removeToken } from './hand-over-token.ts';
import { LOG_LINES, readJobLog } from './job-log.ts';
import { nodeFolder, type NodePlace } from './node-step.ts';
import { parseJobDetails } from './parse-scontrol.ts';
import type { QueueRow } from './parse-squeue.ts';
import type { SlurmParts } from './parts.ts';
import type { Haste, QueueAnswer } from './queue-watch.ts';
import { tokenFile, type Job, type JobRecord, type JobStore, type ServerPlace } from './record.ts';
import { schedulerCommand } from './scheduler-command.ts';
import { advance, withSeen, withStartTime } from './record-changes.ts';
import { eventOfWord, type Phase } from './state-table.ts';
import { lostStatus, statusOf } from './status.ts';
import { endpointAt } from './tunnels.ts';

const HEALTH_LIMIT_MS = 5000;
/** Health is lost after so many failures over so long, not after one. */
const FAILURES = 3;
const FAILING_MS = 60_000;
export const NEAR_END_MS = 15 * 60_000;
/** `sbatch` itself has 60 s; only after that can a submission on another machine be taken for dead. */
const SUBMISSION_MS = 90_000;
const SECOND_LOOK_MS = 10_000;
const START_MARGIN_MS = 30_000;

const ON_NODE: ReadonlySet<Phase> = new Set(['starting', 'ready', 'expiring', 'unreachable']);
const SERVING: ReadonlySet<Phase> = new Set(['ready', 'expiring', 'unreachable']);

/** @throws nothing but `cancelled`. */
export async function jobState(
  handle: Pick<SandboxHandle, 'id' | 'generation'>,
  parts: SlurmParts,
  signal: AbortSignal,
): Promise<SandboxStatus> {
  throwIfAborted(signal);
  try {
    const store = parts.store(handle.id);
    const record = await store.read();
    if (record === undefined) return lostStatus(handle);
    return await new Look(handle.id, record, store, parts, signal).status();
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return { ...handle, state: 'unknown', detail: messageOf(error) };
  }
}

/** One look at one sandbox. */
class Look {
  readonly #id: string;
  #record: JobRecord;
  readonly #store: JobStore;
  readonly #parts: SlurmParts;
  readonly #signal: AbortSignal;
  #answer: QueueAnswer | undefined;
  /** Why there is no connection, for the detail. */
  #obstacle: string | undefined;

  constructor(
    id: string,
    record: JobRecord,
    store: JobStore,
    parts: SlurmParts,
    signal: AbortSignal,
  ) {
    this.#id = id;
    this.#record = record;
    this.#store = store;
    this.#parts = parts;
    this.#signal = signal;
  }

  async status(): Promise<SandboxStatus> {
    await this.#gather();
    return statusOf(this.#id, this.#record, {
      now: this.#parts.clock.now(),
      ...(this.#answer !== undefined && { answer: this.#answer }),
      ...(this.#obstacle !== undefined && { obstacle: this.#obstacle }),
    });
  }

  async #gather(): Promise<void> {
    if (this.#record.phase === 'submitting') await this.#submission();
    const { job } = this.#record;
    if (this.#record.phase === 'ended' || job === undefined) return;
    const early = SERVING.has(this.#record.phase) ? await this.#health(false) : undefined;
    this.#answer = await this.#parts.queue.ask(job, this.#haste(early), this.#signal);
    await this.#hear(job, this.#answer);
    if (!ON_NODE.has(this.#record.phase) || !this.#mayRun()) return;
    const health = early === 'ours' ? early : await this.#connect(job);
    await this.#judge(health);
  }

  #haste(health: Health | undefined): Haste {
    const { phase } = this.#record;
    if (health === 'ours') return 'calm';
    return phase === 'pending' || phase === 'requeued' ? 'patient' : 'urgent';
  }

  // The submission -------------------------------------------------------------------------------------------------

  async #submission(): Promise<void> {
    const { starter, startedMs, submittingMs, unsure, nonce, cluster } = this.#record;
    const life = lifeOf(starter);
    const age = this.#parts.clock.now() - (submittingMs ?? startedMs);
    const isDead = life === 'gone' || (life === 'elsewhere' && age > SUBMISSION_MS);
    if (unsure !== true && !isDead) return;
    if (submittingMs === undefined) return this.#neverSubmitted();
    const found = await findSubmitted(await this.#parts.host(), nonce, cluster, this.#signal);
    const now = this.#parts.clock.now();
    if (found !== undefined) {
      const job = { ...found, submittedMs: submittingMs };
      await this.#change((current) => advance({ ...current, job }, 'accepted'));
      return undefined;
    }
    const { searchedMs } = this.#record;
    if (searchedMs === undefined)
      await this.#change((current) => ({ ...current, searchedMs: now }));
    else if (now - searchedMs >= SECOND_LOOK_MS) await this.#neverSubmitted();
    return undefined;
  }

  async #neverSubmitted(): Promise<void> {
    const message = 'The process that was submitting the job ended before SLURM had it.';
    await this.#change((current) => ({
      ...advance(current, 'never-submitted'),
      end: { cause: 'start-failed', message, atMs: this.#parts.clock.now(), logTail: [] },
    }));
  }

  // What the scheduler says ----------------------------------------------------------------------------------------

  async #hear(job: Job, answer: QueueAnswer): Promise<void> {
    if (answer.kind === 'absent') return this.#over(job, undefined);
    if (answer.kind !== 'row') return;
    const { row, atMs } = answer;
    const event = eventOfWord(row.word);
    if (event === 'finished') return this.#over(job, row);
    if (event === 'running') return this.#hearRunning(job, row, atMs);
    const isOff = event === 'waiting' || event === 'configuring';
    if (isOff && this.#record.start !== undefined && !(await this.#isAnotherStart(job))) return;
    await this.#change((current) => advance(withSeen(current, row, atMs), event), atMs);
    if (this.#record.server === undefined) this.#parts.tunnels.close(this.#id);
  }

  /** An answer may be older than what another process has seen meanwhile; only SLURM's own count proves a requeue. */
  async #isAnotherStart(job: Job): Promise<boolean> {
    const restarts = await this.#restarts(job);
    return restarts !== undefined && restarts > (this.#record.start?.restarts ?? 0);
  }

  /** RUNNING may be another start than the one we knew: then everything in the kernels is lost. */
  async #hearRunning(job: Job, row: QueueRow, atMs: number): Promise<void> {
    const { start } = this.#record;
    if (start !== undefined && start.startMs === row.startMs) {
      await this.#change(
        (current) => advance(withStartTime(withSeen(current, row, atMs), current), 'running'),
        atMs,
      );
      return;
    }
    const restarts = await this.#restarts(job);
    if (restarts === undefined) {
      this.#obstacle = 'SLURM does not say which start of the job this is';
      return;
    }
    await this.#change((current) => {
      const isAnother = current.start !== undefined && restarts > current.start.restarts;
      return {
        ...advance(withSeen(current, row, atMs), isAnother ? 'restarted' : 'running'),
        start: { restarts, ...(row.startMs !== undefined && { startMs: row.startMs }) },
      };
    }, atMs);
    if (this.#record.server === undefined) this.#parts.tunnels.close(this.#id);
  }

  async #restarts({ id, cluster }: Job): Promise<number | undefined> {
    const where = cluster === undefined ? [] : ['-M', cluster];
    const argv = ['scontrol', ...where, '-o', 'show', 'job', id];
    const result = await schedulerCommand(await this.#parts.host(), argv, {
      signal: this.#signal,
    }).catch((error: unknown) => {
      throwIfAborted(this.#signal);
      this.#parts.log.debug(`scontrol: ${messageOf(error)}`);
      return undefined;
    });
    return parseJobDetails(result?.stdout ?? '')?.restarts;
  }

  async #over(job: Job, row: QueueRow | undefined): Promise<void> {
    const end = await findEnd(this.#parts, this.#record, job, row, this.#signal);
    await this.#change((current) => ({
      ...advance(current, row === undefined ? 'vanished' : 'finished'),
      end,
    }));
    await this.#letGo(job);
  }

  async #letGo(job: Job): Promise<void> {
    this.#parts.tunnels.close(this.#id);
    this.#parts.queue.forget(job);
    await removeIfExists(this.#tokenFile()).catch(() => undefined);
  }

  // The server -----------------------------------------------------------------------------------------------------

  #mayRun(): boolean {
    const { phase } = this.#record;
    if (this.#answer?.kind === 'row') return eventOfWord(this.#answer.row.word) === 'running';
    return phase !== 'starting' || this.#record.start !== undefined;
  }

  /** From nothing to an answer of the server, as far as it goes now. */
  async #connect(job: Job): Promise<Health> {
    const { start, server, seen, nonce, nodeTmp } = this.#record;
    if (start === undefined || seen?.node === undefined || nodeTmp === undefined) return 'silent';
    const hasToken = (await readTextIfExists(this.#tokenFile())) !== undefined;
    if (server === undefined || !hasToken) {
      const folder = nodeFolder(nodeTmp, job, start.restarts, nonce);
      const at = { job, node: seen.node, folder };
      const got = await this.#handOver({ ...at, restarts: start.restarts, nonce });
      if (got === undefined) return 'silent';
      const isKnown = (await readTextIfExists(this.#tokenFile())) !== undefined;
      const token = got.token ?? (isKnown ? undefined : await this.#askAgain(at, got.place));
      if (token !== undefined) await writeFileAtomic(this.#tokenFile(), token);
      await this.#change((current) => ({ ...current, server: got.place }));
    }
    return this.#health(true);
  }

  /** Somebody took the token and has lost it since. */
  async #askAgain(at: NodePlace, place: ServerPlace): Promise<string | undefined> {
    try {
      return await askForToken(this.#parts, this.#record, at, place, this.#signal);
    } catch (error) {
      throwIfAborted(this.#signal);
      this.#obstacle = messageOf(error);
      return undefined;
    }
  }

  async #handOver(expected: ExpectedStart): Promise<HandOver | undefined> {
    try {
      const to = { id: this.#id, at: expected, record: this.#record };
      const { way } = await this.#parts.tunnels.open(to, this.#signal);
      const got = await readHandOver(way, expected, this.#signal);
      if (typeof got !== 'string') return got;
      this.#obstacle = got;
    } catch (error) {
      throwIfAborted(this.#signal);
      this.#obstacle = messageOf(error);
    }
    return undefined;
  }

  /** @param distrust another process's relay may be what does not work. */
  async #health(distrust: boolean): Promise<Health> {
    const { server, job } = this.#record;
    const token = await readTextIfExists(this.#tokenFile());
    if (server === undefined || job === undefined || token === undefined) return 'silent';
    try {
      const port = await this.#port(server, job, distrust);
      const health = await checkHealth(endpointAt(port, token), HEALTH_LIMIT_MS, this.#signal);
      if (health === 'foreign') this.#obstacle = 'what answers does not take the token';
      if (health === 'silent') this.#obstacle = this.#parts.tunnels.obstacle(this.#id);
      return health;
    } catch (error) {
      throwIfAborted(this.#signal);
      this.#obstacle = messageOf(error);
      return 'silent';
    }
  }

  #port(place: ServerPlace, job: Job, distrust: boolean): Promise<number> {
    const at = { job, node: place.node, folder: place.folder };
    const to = { id: this.#id, at, server: place, record: this.#record, store: this.#store };
    return this.#parts.tunnels.port(to, distrust, this.#signal);
  }

  async #judge(health: Health): Promise<void> {
    if (health === 'ours') return this.#healthy();
    await this.#keepLog();
    const { phase, startUsedMs = 0, failing, equipLimitMs = 0 } = this.#record;
    const now = this.#parts.clock.now();
    if (phase === 'starting') {
      const limit = this.#parts.settings().readyMs + START_MARGIN_MS + equipLimitMs;
      if (startUsedMs > limit) await this.#overdue();
      return undefined;
    }
    const count = (failing?.count ?? 0) + 1;
    const sinceMs = failing?.sinceMs ?? now;
    const isLost = count >= FAILURES && now - sinceMs >= FAILING_MS;
    await this.#change((current) => ({
      ...(isLost ? advance(current, 'no-answer') : current),
      failing: { sinceMs, count },
    }));
    return undefined;
  }

  /** What stays on its node cannot be read any more when the job has ended. */
  async #keepLog(): Promise<void> {
    if (this.#record.sharedDisk !== false) return;
    const lines = await readJobLog(this.#parts, this.#record, LOG_LINES, this.#signal);
    const isNews = lines.length > 0 && lines.join('\n') !== this.#record.logTail?.join('\n');
    if (isNews) await this.#change((current) => ({ ...current, logTail: [...lines] }));
  }

  async #healthy(): Promise<void> {
    const { readyMs, failing, phase, seen } = this.#record;
    const now = this.#parts.clock.now();
    const isNear = seen?.endsMs !== undefined && seen.endsMs - now < NEAR_END_MS;
    const isNews = readyMs === undefined || failing !== undefined || phase !== 'ready' || isNear;
    if (!isNews) return;
    await this.#change(({ failing: _failing, ...current }) => {
      const healthy = advance(current, 'healthy');
      const next = isNear ? advance(healthy, 'near-end') : healthy;
      return { ...next, readyMs: current.readyMs ?? now };
    });
    if (readyMs !== undefined) return;
    await this.#removeToken();
    await this.#keepLog();
  }

  /** The token has done its work on the node. */
  async #removeToken(): Promise<void> {
    const { job, server } = this.#record;
    if (job === undefined || server === undefined) return;
    const at = { job, node: server.node, folder: server.folder };
    await removeToken(this.#parts, this.#record, at, this.#signal);
  }

  async #overdue(): Promise<void> {
    const { job, readyMs, served } = this.#record;
    if (job === undefined) return;
    if (served !== true && readyMs === undefined) {
      const host = await this.#parts.host();
      const where = job.cluster === undefined ? [] : ['-M', job.cluster];
      await schedulerCommand(host, ['scancel', ...where, job.id], { signal: this.#signal });
      const found = await findEnd(this.#parts, this.#record, job, undefined, this.#signal);
      const seconds = Math.round(this.#parts.settings().readyMs / 1000);
      const why = this.#obstacle === undefined ? '' : ` (${this.#obstacle})`;
      const message = `Job ${job.id} ran, but its Jupyter server did not answer within ${seconds} s${why}. The job was cancelled.`;
      await this.#change((current) => ({
        ...advance(current, 'overdue'),
        end: { ...found, cause: 'start-failed', message },
      }));
      await this.#letGo(job);
      return;
    }
    await this.#change((current) => advance(current, 'overdue'));
  }

  // The record -----------------------------------------------------------------------------------------------------

  /** Changes the record as long as it is about the same job, and `evidenceMs` is not older than what is known. */
  async #change(
    how: (current: JobRecord) => JobRecord,
    evidenceMs = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const { nonce } = this.#record;
    this.#record = await this.#store.update((current) => {
      const isOld = evidenceMs < (current.seen?.atMs ?? 0);
      return current.nonce !== nonce || current.phase === 'ended' || isOld ? current : how(current);
    });
  }

  #tokenFile(): string {
    return tokenFile(this.#parts.settings().dir, this.#id);
  }
}
