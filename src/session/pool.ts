/** The sessions that this process has open, by id, over the records that all processes share. */
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { createContents } from '#jupyter/contents.ts';
import type { JupyterServer } from '#jupyter/contract.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import type { Notebooks } from '#notebook/open-notebook.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { RecordStore } from '#platform/records.ts';
import type { BackendId } from '#sandbox/backend.ts';
import type { Sandboxes } from '#sandbox/sandboxes.ts';
import { abandonOn } from '#core/abort.ts';
import { connectSession } from './connect-session.ts';
import { isFinal, type SessionRecord } from './contract.ts';
import { Copies } from './copies.ts';
import { followExpiry } from './expiry.ts';
import { RunJournal } from './journal.ts';
import { claim, isFree, isSelf, leaseOf } from './lease.ts';
import { loadLeftRuns } from './recover-runs.ts';
import type { SecretForms } from './output-mask.ts';
import { refuseClosed } from './ready-sandbox.ts';
import { endWhenIdle } from './scratch-kernel.ts';
import { carryOnOrphans, isOrphan, takeOver } from './take-over.ts';
import { Session } from './session.ts';
import type { SessionSettings } from './session-options.ts';

const RECOVER_MS = 3_000;
/** A look at what is open waits so long for what is being opened. */
const PEEK_MS = 2_000;

export interface PoolOptions {
  /** The state folder. */
  readonly dir: string;
  readonly projectDir: string;
  readonly sandboxes: Sandboxes;
  readonly notebooks: Notebooks;
  readonly records: RecordStore<SessionRecord>;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Whether only the exposed functions of a sandbox may be called here. No kernel of it is started, found or attached for anybody
   * else then.
   */
  isClosed(this: void, sandboxId: string): Promise<boolean>;
  /** Whether a call that names no sandbox may start one on that back end. Default: only on the local one. */
  startsUnasked?(this: void, backend: BackendId): boolean;
  /** Read when a session is opened, so that a bad option fails the call that needs it and nothing else. */
  settings(this: void): SessionSettings;
  /** The Python that lists the variables of a kernel. */
  inspectSource(this: void): Promise<string>;
  /** The Python that tells how the last execution of a kernel ended. */
  recallSource(this: void): Promise<string>;
  /** Secrets that its kernels may know: they are taken out of all output. */
  secretsOf?(this: void, sandboxId: string): Promise<SecretForms | undefined>;
  /** Fetches what was written for keeps in a sandbox that will end soon; says what it did. Never fails. */
  bringHome?(this: void, sandboxId: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The Python that does what a session begins with. */
  beginSource(this: void): Promise<string>;
}

export class SessionPool {
  readonly options: PoolOptions;
  readonly journal: RunJournal;
  readonly copies: Copies;
  /** Open sessions, and those that are being opened. */
  readonly #open = new Map<string, Promise<Session>>();
  readonly #servers = new Map<string, JupyterServer>();
  /** The last look at each session, see `#inTurn`. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #gone = new WeakSet<Session>();
  /** Attaching is for all who ask, so that no single one of them ends it. */
  readonly #closing = new AbortController();
  /** Deletions of scratch kernels that go on. */
  readonly #cleanUps = new Set<Promise<void>>();

  constructor(options: PoolOptions) {
    this.options = options;
    this.journal = new RunJournal(options.dir);
    const { dir, clock, log, sandboxes } = options;
    this.copies = new Copies({
      dir,
      clock,
      log,
      contents: (sandboxId) => createContents({ endpoint: sandboxes.endpointSource(sandboxId) }),
    });
  }

  /** The REST client of a sandbox's Jupyter server. */
  server(sandboxId: string): JupyterServer {
    const known = this.#servers.get(sandboxId);
    if (known !== undefined) return known;
    const server = createJupyterServer({
      endpoint: this.options.sandboxes.endpointSource(sandboxId),
    });
    this.#servers.set(sandboxId, server);
    return server;
  }

  /** A session object for a record; neither connected nor known to the pool. */
  build(record: SessionRecord, notebook: OpenNotebook | undefined): Session {
    const { sandboxes, records, clock, log, bringHome, secretsOf } = this.options;
    const settings = this.options.settings();
    const session = new Session({
      record,
      notebook,
      server: this.server(record.sandboxId),
      journal: this.journal,
      clock,
      log,
      settings,
      sandboxStatus: async (signal) => (await sandboxes.get(record.sandboxId, signal)).status,
      recallSource: this.options.recallSource,
      secrets: () => Promise.resolve(secretsOf?.(record.sandboxId)),
      beginSource: this.options.beginSource,
      updateRecord: (change) => records.update(record.id, (current) => ({ ...current, ...change })),
    });
    if (notebook !== undefined) {
      followExpiry(session, {
        clock,
        log,
        deadlineMs: () => sandboxes.deadlineMs(record.sandboxId),
        isOpen: async () => (await this.peek(record.id)) === session,
        onExpire: settings.onExpire,
        bringHome: async () =>
          (await bringHome?.(record.sandboxId, new AbortController().signal)) ?? [],
      });
    }
    return session;
  }

  /** Makes a session known under its id while it is being opened. */
  add(id: string, opening: Promise<Session>): void {
    this.#open.set(id, opening);
  }

  drop(id: string): void {
    this.#open.delete(id);
  }

  /** The session if this process has it open, or will have in a moment. */
  async peek(id: string): Promise<Session | undefined> {
    const opening = this.#open.get(id);
    if (opening === undefined) return undefined;
    const stop = new AbortController();
    const limit = sleep(this.options.clock, PEEK_MS, stop.signal).then(() => undefined);
    try {
      return await Promise.race([opening, limit]);
    } catch {
      return undefined;
    } finally {
      stop.abort();
    }
  }

  /** Something that should be over before the process ends. It never rejects. */
  trackCleanUp(cleanUp: Promise<void>): void {
    this.#cleanUps.add(cleanUp);
    void cleanUp.finally(() => this.#cleanUps.delete(cleanUp));
  }

  /** Scratch kernels whose runs have ended are deleted, as far as that was begun. */
  async cleanedUp(): Promise<void> {
    await Promise.all(this.#cleanUps);
  }

  /** Before the process ends: what is being attached is given up. @returns the sessions that are open */
  async stopAttaching(): Promise<readonly Session[]> {
    this.#closing.abort();
    const settled = await Promise.allSettled(this.#open.values());
    return settled.flatMap((entry) => (entry.status === 'fulfilled' ? [entry.value] : []));
  }

  /**
   * The session of that id, attached again if another process had it. One whose kernel hangs is there after a few seconds all the
   * same: its notebook can be worked on, its kernel restarted, and code waits until the kernel answers.
   *
   * @throws `session/unknown`, `session/ended`, `server/unreachable`, `cancelled`.
   */
  get(sessionId: string, signal?: AbortSignal): Promise<Session> {
    return abandonOn(this.#find(sessionId), signal);
  }

  async #find(sessionId: string): Promise<Session> {
    const known = this.#open.get(sessionId);
    if (known !== undefined && (await this.#inTurn(sessionId, known))) return known;
    const record = await this.record(sessionId);
    if (record.scratch !== true) await refuseClosed(this.options, record.sandboxId);
    // Another call may have begun to open it meanwhile.
    const opening = this.#open.get(sessionId) ?? this.#attach(record);
    this.#open.set(sessionId, opening);
    try {
      return await opening;
    } catch (error) {
      // Of several that waited for it, the last may find a new try.
      if (this.#open.get(sessionId) === opening) this.#open.delete(sessionId);
      throw error;
    }
  }

  /** The record, also of a session that has ended. @throws `session/unknown` naming those there are. */
  async recordOrThrow(sessionId: string): Promise<SessionRecord> {
    const isId = /^s-[a-z0-9]+$/.test(sessionId);
    const record = isId ? await this.options.records.read(sessionId) : undefined;
    if (record === undefined) {
      const live = (await this.records(false)).map(
        ({ id, notebookPath }) => `${id} (${path.basename(notebookPath)})`,
      );
      throw new GloveboxError('session/unknown', `There is no session "${sessionId}".`, {
        hint:
          live.length === 0
            ? 'There is none at all; start_new_notebook starts one.'
            : `Sessions of this project: ${live.join(', ')}.`,
      });
    }
    this.#refuseOf(record);
    return record;
  }

  /** What another project runs is not shown here. @throws `session/unknown`. */
  async refuseStranger(sessionId: string): Promise<void> {
    const record = await this.options.records.read(sessionId);
    if (record !== undefined) this.#refuseOf(record);
  }

  #refuseOf({ id, projectDir }: SessionRecord): void {
    if (projectDir === this.options.projectDir) return;
    throw new GloveboxError(
      'session/unknown',
      `Session ${id} belongs to another project: ${projectDir}.`,
      { hint: 'Work on it from there; list_sessions shows the sessions of this project.' },
    );
  }

  /** @throws `session/unknown`, `session/ended`. */
  async record(sessionId: string): Promise<SessionRecord> {
    const record = await this.recordOrThrow(sessionId);
    if (record.endedMs !== undefined) {
      const why = record.endReason ?? 'it was shut down';
      throw new GloveboxError('session/ended', `Session ${sessionId} has ended: ${why}.`, {
        hint: `start_notebook(notebook_path="${record.notebookPath}") opens its notebook with a fresh kernel.`,
      });
    }
    return record;
  }

  /** Sessions of the project, oldest first. */
  async records(includeEnded: boolean): Promise<readonly SessionRecord[]> {
    const stored = await this.options.records.list();
    return stored
      .map(({ value }) => value)
      .filter((record) => record.projectDir === this.options.projectDir)
      .filter((record) => record.scratch !== true)
      .filter((record) => includeEnded || record.endedMs === undefined)
      .toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** Attaches the sessions whose runs an earlier process left unfinished (R10). Never fails. */
  async reattachUnfinished(signal: AbortSignal): Promise<void> {
    for (const record of await this.records(false)) {
      if (signal.aborted) return;
      await this.#reattach(record, signal);
    }
  }

  /** Calls that came in order go on in order, which their cells and runs follow (C17). */
  #inTurn(id: string, known: Promise<Session>): Promise<boolean> {
    const before = this.#turns.get(id) ?? Promise.resolve();
    const look = async (): Promise<boolean> => this.#isCurrent(await known);
    const turn = before.then(look, look);
    this.#turns.set(id, turn);
    const forget = (): void => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    };
    turn.then(forget, forget);
    return turn;
  }

  /**
   * Looks what other processes did to a session that is open here (R9). One that they shut down, or gave another kernel, is
   * let go; one whose owner is gone is taken over.
   */
  async #isCurrent(session: Session): Promise<boolean> {
    const { records, clock, log } = this.options;
    const record = await records.read(session.id);
    if (record === undefined || session.record.scratch === true) return true;
    await refuseClosed(this.options, record.sandboxId);
    // Only ahead of us: what this process itself is about to write is not on disk yet.
    const isAhead = record.generation > session.record.generation;
    const isOther =
      isAhead &&
      (record.kernelId !== session.record.kernelId ||
        record.serverGeneration !== session.record.serverGeneration);
    if (record.endedMs !== undefined || (isOther && session.queue.runs.length === 0)) {
      await this.letGo(session);
      return false;
    }
    if (!isSelf(record.owner) && isFree(record.owner)) {
      await takeOver(session, { records, journal: this.journal, clock, log });
      if (isSelf(session.record.owner)) await this.copies.open(session);
    }
    return true;
  }

  /** Sees to runs of other processes in a session that is open here; their processes are gone. */
  carryOn(session: Session): Promise<void> {
    const { clock, log } = this.options;
    return carryOnOrphans(session, { journal: this.journal, clock, log });
  }

  /** Gives up a session of this process and nothing of its kernel: whoever asks for it next attaches it again. */
  async letGo(session: Session): Promise<void> {
    // Several calls may have found it out at once.
    if (this.#gone.has(session)) return;
    this.#gone.add(session);
    this.#open.delete(session.id);
    session.queue.close(
      'The session was ended by another process, or could not be attached, before its turn came; nothing of it was executed.',
    );
    await this.copies.close(session.id, { isLast: false });
    await session.disconnect();
    if (session.record.scratch !== true) await session.notebook.close();
  }

  /** Before a notebook is read: what an earlier process answered and did not save belongs to it. Never fails, nor waits long. */
  async recoverNotebook(file: string): Promise<void> {
    const records = await this.records(false);
    const record = records.findLast(({ notebookPath }) => notebookPath === file);
    if (record === undefined || this.#open.has(record.id)) return;
    // The cells are there before the kernel is; that one may be out of reach for long.
    const limit = sleep(this.options.clock, RECOVER_MS);
    await Promise.race([this.#reattach(record, new AbortController().signal), limit]);
  }

  async #reattach(record: SessionRecord, signal: AbortSignal): Promise<void> {
    const runs = await this.journal.ofSession(record.id);
    const isLeft = isFree(record.owner)
      ? runs.some((run) => !(isFinal(run.state) && run.saved))
      : runs.some(isOrphan);
    if (!isLeft) return;
    await this.get(record.id, signal).catch((error: unknown) => {
      this.options.log.info(`session ${record.id} not attached again: ${messageOf(error)}`);
    });
  }

  async #attach(found: SessionRecord): Promise<Session> {
    const { notebooks, records, clock, log } = this.options;
    const notebook = found.scratch === true ? undefined : await notebooks.open(found.notebookPath);
    let session: Session | undefined;
    try {
      // Several processes may find at once that the owner is gone, and one of them gets it.
      const record = isFree(found.owner) ? await claim(records, found.id) : found;
      const opened = this.build(record, notebook);
      session = opened;
      const lease = leaseOf(record);
      if (typeof record.news === 'string') session.notify(record.news);
      const left = lease.isOwner ? await loadLeftRuns(session, this.journal, notebook, clock) : [];
      const { sandboxes } = this.options;
      await connectSession(session, {
        sandboxes,
        clock,
        connectionId: lease.connectionId,
        left,
        signal: this.#closing.signal,
        onFailure: (error) => {
          log.info(`session ${record.id}: ${messageOf(error)}`);
          void this.letGo(opened);
        },
      });
      if (lease.isOwner && notebook !== undefined) await this.copies.open(session);
      // The owner lives, and knows nothing of runs that others leave.
      if (!lease.isOwner && notebook !== undefined) await this.carryOn(session);
      this.journal
        .prune(record.id, clock.now())
        .catch((error: unknown) => log.debug(`prune: ${messageOf(error)}`));
      if (record.scratch === true) endWhenIdle(this, session);
      return session;
    } catch (error) {
      // Its socket would be held, and opened again, for as long as this process lives.
      await session?.disconnect();
      await notebook?.close();
      throw error;
    }
  }
}
