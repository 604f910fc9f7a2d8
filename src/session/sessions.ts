/** The service behind the notebook tools: finds, starts, attaches and ends sessions and their runs. One per process. */
import { createContents } from '#jupyter/contents.ts';
import type { JupyterServer } from '#jupyter/contract.ts';
import type { CellView } from '#notebook/contract.ts';
import type { TranscriptPage } from '#notebook/render/transcript.ts';
import { sleep } from '#platform/clock.ts';
import { messageOf } from '#core/errors.ts';
import { hasModelsToLoad, preloadLimitMs } from '#sandbox/common-options.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { adoptBoundKernel, adoptKernelById } from './adopt-kernel.ts';
import {
  isFinal,
  type RunRecord,
  type RunView,
  type SessionRecord,
  type SessionView,
} from './contract.ts';
import { endSessionsIn, reopenSessions, shutdownSession } from './end-session.ts';
import { HelperKernels } from './helper-kernels.ts';
import type { KernelLink } from './kernel-link.ts';
import { inspectVariables, type Inspected, type InspectRequest } from './inspect.ts';
import { isFree } from './lease.ts';
import { SessionPool, type PoolOptions } from './pool.ts';
import { removeLongEnded } from './records.ts';
import { startRestore, type Restore, type RestoreRequest } from './restore.ts';
import { restartSession, type Restarted } from './restart.ts';
import { PageIndexes } from './page-index.ts';
import { pageRunOutput } from './page-run.ts';
import { readRunView } from './run-reader.ts';
import type { Run } from './run.ts';
import { runInScratchKernel, sweepScratchKernels, type ScratchRequest } from './scratch-kernel.ts';
import { listForeignKernels, listSessionViews, type ForeignKernel } from './session-views.ts';
import { Openings } from './openings.ts';
import { sandboxMetadata } from './sandbox-metadata.ts';
import type { Session } from './session.ts';
import { refuseClosed } from './ready-sandbox.ts';
import { preloadModels, type Preloaded } from './preload.ts';
import {
  startExistingNotebook,
  startNewNotebook,
  type Opened,
  type StartRequest,
} from './start-session.ts';

export class Sessions {
  readonly #pageIndexes = new PageIndexes();
  readonly #openings = new Openings();
  readonly #pool: SessionPool;
  /** For what needs a kernel but no session that anybody sees. */
  readonly helpers: HelperKernels;

  constructor(options: PoolOptions) {
    this.#pool = new SessionPool(options);
    this.helpers = new HelperKernels(this.#pool);
  }

  /** A new notebook named after `name` in `folder`, with a fresh kernel. @throws `sandbox/pending`: the same call continues. */
  startNew(
    place: { readonly folder: string; readonly name: string },
    request: StartRequest,
    wait: SandboxWait,
  ): Promise<Session> {
    return startNewNotebook(this.#pool, place, request, wait);
  }

  /** The models of its sandbox, loaded into its kernel; undefined where there are none. @throws `kernel/preload-failed`. */
  async preload(session: Session, wait: SandboxWait): Promise<Preloaded | undefined> {
    const { sandboxes } = this.#pool.options;
    const options = await sandboxes.optionsOf(session.record.sandboxId);
    if (!hasModelsToLoad(options)) return undefined;
    const preloaded = await preloadModels(session, preloadLimitMs(options), wait);
    if ('loaded' in preloaded) {
      const view = await sandboxes.get(session.record.sandboxId, wait.signal);
      session.notebook.setSandbox(sandboxMetadata(view, preloaded.loaded.models));
      session.notebook.scheduleSave();
    }
    return preloaded;
  }

  /** A fresh kernel for a notebook that has no live session. */
  startFor(file: string, request: StartRequest, wait: SandboxWait): Promise<Opened> {
    return startExistingNotebook(this.#pool, file, request, wait);
  }

  /** The session for a notebook whose kernel Jupyter runs already, started by somebody else. Starts nothing. */
  adoptBound(
    file: string,
    sandboxId: string | undefined,
    wait: SandboxWait,
  ): Promise<Session | undefined> {
    return adoptBoundKernel(this.#pool, file, sandboxId, wait);
  }

  /** Attaches to any kernel by its id. Starts nothing. @throws `kernel/unknown`. */
  adoptKernel(
    kernelId: string,
    place: { readonly sandboxId: string | undefined; readonly folder: string },
    wait: SandboxWait,
  ): Promise<Session> {
    const adopt = (): Promise<Session> => adoptKernelById(this.#pool, kernelId, place, wait);
    return this.#openings.inTurn(kernelId, adopt, wait.signal);
  }

  /** The session of that id, attached again if another process had it. @throws `session/unknown`, `session/ended`, `server/unreachable`. */
  get(sessionId: string, signal?: AbortSignal): Promise<Session> {
    return this.#pool.get(sessionId, signal);
  }

  /**
   * Looks for the session of a notebook, and starts or adopts one where there is none, when no other call of this process does
   * the same: whoever comes second finds the session of the first (X41).
   *
   * @param file a real path
   */
  openInTurn<T>(file: string, open: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#openings.inTurn(file, open, signal);
  }

  /** The live session of a notebook, if there is one. */
  async ofNotebook(file: string): Promise<SessionRecord | undefined> {
    return (await this.#pool.records(false)).findLast(({ notebookPath }) => notebookPath === file);
  }

  list(includeEnded: boolean): Promise<readonly SessionView[]> {
    return listSessionViews(this.#pool, includeEnded);
  }

  /** What is on record of the sessions of a sandbox that live, oldest first. */
  async recordsIn(sandboxId: string): Promise<readonly SessionRecord[]> {
    const records = await this.#pool.records(false);
    return records
      .filter((record) => record.sandboxId === sandboxId)
      .toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** Kernels in the project's sandboxes that none of these sessions has. */
  foreignKernels(
    own: readonly SessionView[],
    signal: AbortSignal,
  ): Promise<readonly ForeignKernel[]> {
    return listForeignKernels(this.#pool, own, signal);
  }

  /** @throws `sandbox/closed` where agents may only call exposed functions. */
  refuseClosed(sandboxId: string): Promise<void> {
    return refuseClosed(this.#pool.options, sandboxId);
  }

  /** Where a session's kernel runs; undefined for an unknown session. */
  async sandboxIdOf(sessionId: string): Promise<string | undefined> {
    return (await this.#pool.options.records.read(sessionId))?.sandboxId;
  }

  /** The notebook of a session, also of one that has ended. @throws `session/unknown`. */
  async notebookPathOf(sessionId: string): Promise<string> {
    const open = await this.#pool.peek(sessionId);
    if (open !== undefined) return open.notebook.path;
    return (await this.#pool.recordOrThrow(sessionId)).notebookPath;
  }

  /** The cells of any notebook, with what this process has not saved yet. Needs no kernel and no server. */
  async readCells(file: string): Promise<readonly CellView[]> {
    await this.#pool.recoverNotebook(file);
    const notebook = await this.#pool.options.notebooks.open(file);
    try {
      await notebook.refresh();
      return notebook.cells();
    } finally {
      await notebook.close();
    }
  }

  /** The open connection of a session; undefined when this process has none. */
  async openLink(sessionId: string): Promise<KernelLink | undefined> {
    return (await this.#pool.peek(sessionId))?.link;
  }

  /** A run at hand, or its record. Attaches the session when an earlier process left the run unfinished. @throws `run/unknown`. */
  async run(
    runId: string,
    signal: AbortSignal,
  ): Promise<{ readonly live: Run } | { readonly record: RunRecord }> {
    const sessionId = `s-${runId.split('-')[1] ?? ''}`;
    const live = (await this.#pool.peek(sessionId))?.recentRun(runId);
    if (live !== undefined) return { live };
    const record = await this.#pool.journal.read(runId);
    await this.#pool.refuseStranger(sessionId);
    if (isFinal(record.state) || !isFree(record.owner)) return { record };
    const session = await this.get(sessionId, signal);
    if (session.recentRun(runId) === undefined) await this.#pool.carryOn(session);
    const attached = session.recentRun(runId);
    if (attached !== undefined) return { live: attached };
    return { record: await this.#pool.journal.read(runId) };
  }

  readRun(record: RunRecord): Promise<RunView> {
    const { clock, settings } = this.#pool.options;
    return readRunView(this.#pool.journal, record, {
      clock,
      maxOutputBytes: settings().maxOutputBytes,
    });
  }

  /** A part of all that a run has printed, in memory bounded by the notebook's limit for a cell. @throws `run/unknown`. */
  async pageRun(runId: string, offset: number, maxChars: number): Promise<TranscriptPage> {
    const { journal, options } = this.#pool;
    const sessionId = `s-${runId.split('-')[1] ?? ''}`;
    (await this.#pool.peek(sessionId))?.recentRun(runId)?.flush();
    const { maxOutputBytes } = options.settings();
    return pageRunOutput({
      read: (start) => journal.messagesFrom(runId, start),
      index: this.#pageIndexes.of(runId, maxOutputBytes),
      maxOutputBytes,
      offset,
      maxChars,
    });
  }

  /** @throws `input/invalid` when the run does not wait for input. */
  async answerInput(run: Run, value: string): Promise<void> {
    (await this.get(run.record.sessionId)).answerInput(run, value);
  }

  /** What happens to a run whose call the client took back: it is cancelled, unless the user chose that only the waiting ends (R6). */
  cancelAfterCall(session: Session, run: Run): void {
    const { settings, log } = this.#pool.options;
    if (settings().onCancel === 'detach') return;
    session
      .cancelCall(run)
      .catch((error: unknown) => log.warn(`cancel of ${run.id}: ${messageOf(error)}`));
  }

  /** A restart that is under way is joined. @throws as `restartSession`. */
  restart(
    session: Session,
    wait: SandboxWait,
    begin: () => Promise<string | undefined>,
  ): Promise<Restarted> {
    return restartSession(this.#pool, session, wait, begin);
  }

  /** Queues the notebook's cells once more; joins a restore that is under way. @throws `cell/unknown`, `run/queue-full`. */
  startRestore(
    session: Session,
    request: RestoreRequest,
  ): Promise<{ readonly restore: Restore; readonly isNew: boolean }> {
    return startRestore(session, request, this.#pool.options.clock);
  }

  /** The restore of this process that a run is part of, if it is the latest of its session. */
  async restoreOf(run: Pick<RunView, 'id' | 'sessionId'>): Promise<Restore | undefined> {
    const restore = (await this.#pool.peek(run.sessionId))?.restore;
    return restore?.has(run.id) === true ? restore : undefined;
  }

  /** What the kernel holds, or what occupies it. @throws `input/invalid` for another language, `kernel/unresponsive`. */
  async inspect(
    session: Session,
    request: InspectRequest,
    signal: AbortSignal,
  ): Promise<Inspected> {
    const { inspectSource, clock } = this.#pool.options;
    return inspectVariables(session, await inspectSource(), request, clock, signal);
  }

  /** Code in a fresh kernel that is deleted when the run has ended. */
  runScratch(
    request: ScratchRequest,
    wait: SandboxWait,
  ): Promise<{ readonly session: Session; readonly run: Run }> {
    return runInScratchKernel(this.#pool, request, wait);
  }

  /** Saves, deletes the session's own kernel and ends it. The sandbox stays. */
  async shutdown(sessionId: string, signal: AbortSignal): Promise<void> {
    await shutdownSession(this.#pool, await this.get(sessionId, signal), signal);
  }

  /** Saves and ends the sessions of a sandbox that is about to be stopped; `why` is for whoever asks for them later. */
  endAllIn(sandboxId: string, why?: string): Promise<readonly SessionRecord[]> {
    return endSessionsIn(this.#pool, sandboxId, why);
  }

  /** Takes `endAllIn` back, as long as the sandbox lives. */
  reopen(ids: readonly string[]): Promise<void> {
    return reopenSessions(this.#pool, ids);
  }

  server(sandboxId: string): JupyterServer {
    return this.#pool.server(sandboxId);
  }

  /** Whether the server of a sandbox has a file or folder, by its path below its root. Starts no kernel. */
  async hasFile(sandboxId: string, place: string, signal: AbortSignal): Promise<boolean> {
    const endpoint = this.#pool.options.sandboxes.endpointSource(sandboxId);
    const contents = createContents({ endpoint });
    return (await contents.version(place, signal)) !== undefined;
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(this.#pool.options.clock, ms, signal);
  }

  /** After start-up, in the background: carries on what an earlier process left. Never fails. */
  async recover(signal: AbortSignal): Promise<void> {
    await this.#pool.reattachUnfinished(signal);
    await sweepScratchKernels(this.#pool, signal);
    await this.#sweep();
  }

  async #sweep(): Promise<void> {
    const { records, clock, log } = this.#pool.options;
    try {
      const stored = await records.list();
      const live = new Set(
        stored.filter(({ value }) => value.endedMs === undefined).map(({ id }) => id),
      );
      await this.#pool.journal.sweep(
        clock.now(),
        ({ sessionId, owner }) => live.has(sessionId) || !isFree(owner),
      );
      const isOpen = async (id: string): Promise<boolean> =>
        (await this.#pool.peek(id)) !== undefined;
      await removeLongEnded(records, clock.now(), isOpen);
    } catch (error) {
      log.info(`old runs and sessions could not be removed: ${messageOf(error)}`);
    }
  }

  /** Before the process ends: everything onto disk, sockets closed properly, no kernel touched (R8). */
  async close(): Promise<void> {
    await this.helpers.close();
    const sessions = await this.#pool.stopAttaching();
    await Promise.allSettled([
      ...sessions.map(async (session) => {
        await this.#pool.copies.close(session.id, { isLast: false });
        await session.flush();
        await session.disconnect();
      }),
      this.#pool.cleanedUp(),
    ]);
    this.#pool.journal.close();
  }
}
