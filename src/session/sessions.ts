/** Finds, starts, attaches and ends sessions: the service behind the notebook tools. One per process. */
import path from 'node:path';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { newSessionId, newUuid } from '#core/ids.ts';
import type { JupyterServer, KernelSpec } from '#jupyter/contract.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import type { Notebooks } from '#notebook/open-notebook.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { RecordStore } from '#platform/records.ts';
import type { Sandboxes, SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import { isFinal, type RunRecord, type RunView, type SessionRecord, type SessionView } from './contract.ts';
import { RunJournal } from './journal.ts';
import { browserUrlOf, chooseKernel, serverPathOf, startNotebookKernel, toMetadata } from './kernel-start.ts';
import { isFree, leaseOf } from './lease.ts';
import type { KernelLink } from './kernel-link.ts';
import { kernelGone, serverGone } from './loss.ts';
import { recoverRuns } from './recover-runs.ts';
import { restartSession, type Restarted } from './restart.ts';
import { readRunView } from './run-reader.ts';
import type { Run } from './run.ts';
import { runInScratchKernel, type ScratchRequest } from './scratch-kernel.ts';
import { Session, type SessionSettings } from './session.ts';

export interface SessionsOptions {
  readonly dir: string;
  readonly projectDir: string;
  readonly sandboxes: Sandboxes;
  readonly notebooks: Notebooks;
  readonly records: RecordStore<SessionRecord>;
  readonly clock: Clock;
  readonly log: Log;
  /** Read when a session is opened, so that a bad option fails the call that needs it and nothing else. */
  settings(): SessionSettings;
}

export interface StartRequest {
  /** Undefined takes the project's local sandbox, starting it if need be. */
  readonly sandboxId: string | undefined;
  readonly kernelName: string | undefined;
}

/** A kernel that runs in one of our sandboxes and that no session of ours has. */
export interface ForeignKernel {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly executionState: string;
  readonly notebook: string | undefined;
}

export class Sessions {
  readonly journal: RunJournal;
  readonly #options: SessionsOptions;
  /** Open sessions of this process, and those that are being opened. */
  readonly #open = new Map<string, Promise<Session>>();
  readonly #servers = new Map<string, JupyterServer>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.journal = new RunJournal(options.dir);
  }

  /** The REST client of a sandbox's Jupyter server. */
  server(sandboxId: string): JupyterServer {
    const known = this.#servers.get(sandboxId);
    if (known !== undefined) return known;
    const server = createJupyterServer({ endpoint: this.#options.sandboxes.endpointSource(sandboxId) });
    this.#servers.set(sandboxId, server);
    return server;
  }

  /** The sandbox to work in, ready. @throws `sandbox/pending` when it is not ready after the wait; the same call continues. */
  async sandbox(sandboxId: string | undefined, wait: SandboxWait): Promise<SandboxView> {
    const { sandboxes, projectDir } = this.#options;
    const view =
      sandboxId === undefined ? await sandboxes.ensureLocal(projectDir, wait) : await sandboxes.wait(sandboxId, wait);
    if (view.status.state === 'ready') return view;
    if (view.status.state === 'ended') {
      const tail = view.status.end?.logTail ?? [];
      throw new GloveboxError('sandbox/ended', `Sandbox ${view.id} has ended: ${view.status.end?.message ?? 'no reason known'}${tail.length > 0 ? `\n${tail.join('\n')}` : ''}`, {
        hint: 'sandbox_create starts a new one; without sandbox_id the project\'s local one is started.',
      });
    }
    if (view.status.state === 'unreachable' || view.status.state === 'unknown') {
      throw new GloveboxError('server/unreachable', `Sandbox ${view.id} does not answer: ${view.status.detail ?? view.status.state}. Whether its variables survive is not known.`, {
        hint: `Do not start another one; ping() and sandbox_wait(sandbox_id="${view.id}") ask again.`,
      });
    }
    throw new GloveboxError('sandbox/pending', `Sandbox ${view.id} is ${view.status.state}${view.status.detail === undefined ? '' : `: ${view.status.detail}`}.`, {
      hint: `Nothing is lost: call the same tool again, or sandbox_wait(sandbox_id="${view.id}").`,
    });
  }

  /** Makes a notebook and starts a kernel for it. Other kernels are never touched. */
  async startNew(folder: string, name: string, request: StartRequest, wait: SandboxWait): Promise<Session> {
    const sandbox = await this.sandbox(request.sandboxId, wait);
    const spec = await chooseKernel(this.server(sandbox.id), request.kernelName, wait.signal);
    const notebook = await this.#options.notebooks.createFresh(folder, name, { kernel: toMetadata(spec) });
    try {
      return await this.#start(sandbox, notebook, spec, wait);
    } catch (error) {
      await this.#options.notebooks.discard(notebook);
      throw error;
    }
  }

  /** Starts a kernel for a notebook that exists. The caller has looked for a live session first. */
  async startFor(file: string, request: StartRequest, wait: SandboxWait): Promise<Session> {
    const sandbox = await this.sandbox(request.sandboxId, wait);
    const notebook = await this.#options.notebooks.open(file);
    try {
      const spec = await this.#kernelFor(sandbox, notebook, request.kernelName, wait.signal);
      return await this.#start(sandbox, notebook, spec, wait);
    } catch (error) {
      await notebook.close();
      throw error;
    }
  }

  /** The kernel of the notebook's own metadata where the server has it, else the default one. */
  async #kernelFor(sandbox: SandboxView, notebook: OpenNotebook, wanted: string | undefined, signal: AbortSignal): Promise<KernelSpec> {
    const server = this.server(sandbox.id);
    if (wanted !== undefined) return chooseKernel(server, wanted, signal);
    const own = notebook.kernelName;
    try {
      return await chooseKernel(server, own, signal);
    } catch (error) {
      if (own !== undefined && isGloveboxError(error, 'kernel/spec-unknown')) return chooseKernel(server, undefined, signal);
      throw error;
    }
  }

  async #start(sandbox: SandboxView, notebook: OpenNotebook, spec: KernelSpec, wait: SandboxWait): Promise<Session> {
    wait.report({ message: `starting kernel ${spec.displayName}` });
    const server = this.server(sandbox.id);
    const serverPath = serverPathOf(sandbox.serverRootDir, notebook.path);
    const started = await startNotebookKernel(server, spec, serverPath, wait.signal);
    try {
      return await this.#register(sandbox, notebook, { ...started, ownsKernel: true }, wait.signal);
    } catch (error) {
      await server.deleteKernel(started.kernelId).catch(() => undefined);
      throw error;
    }
  }

  /** Binds a kernel that is there already, its own or somebody else's. Checked before it is registered. */
  async adoptKernel(sandbox: SandboxView, kernelId: string, file: string, signal: AbortSignal): Promise<Session> {
    const server = this.server(sandbox.id);
    const model = await server.kernel(kernelId, signal);
    if (model === undefined) {
      const known = (await server.listKernels(signal)).map(({ id }) => id).join(', ');
      throw new GloveboxError('kernel/unknown', `Sandbox ${sandbox.id} has no kernel ${kernelId}.`, {
        hint: known === '' ? 'It has no kernel at all; start_notebook starts one.' : `Its kernels: ${known}.`,
      });
    }
    const spec = await chooseKernel(server, model.name, signal);
    const bound = (await server.listSessions(signal)).find(({ kernel }) => kernel.id === kernelId);
    const notebook = await this.#options.notebooks.open(file);
    try {
      return await this.#register(
        sandbox,
        notebook,
        { kernelId, jupyterSessionId: bound?.id, kernel: toMetadata(spec), interruptMode: spec.interruptMode, ownsKernel: false },
        signal,
      );
    } catch (error) {
      await notebook.close();
      throw error;
    }
  }

  /** Connects first and records after, so that a failure leaves no session behind. */
  async #register(
    sandbox: SandboxView,
    notebook: OpenNotebook,
    kernel: Pick<SessionRecord, 'kernelId' | 'kernel' | 'interruptMode' | 'ownsKernel'> & { readonly jupyterSessionId: string | undefined },
    signal: AbortSignal,
  ): Promise<Session> {
    const { jupyterSessionId, ...rest } = kernel;
    const browserUrl = browserUrlOf(sandbox, serverPathOf(sandbox.serverRootDir, notebook.path));
    const record: SessionRecord = {
      id: newSessionId(),
      sandboxId: sandbox.id,
      projectDir: this.#options.projectDir,
      notebookPath: notebook.path,
      ...rest,
      ...(jupyterSessionId !== undefined && { jupyterSessionId }),
      connectionId: newUuid(),
      process: null,
      loss: null,
      ...(browserUrl !== undefined && { browserUrl }),
      generation: 1,
      serverGeneration: sandbox.status.generation,
      owner: currentIdentity(),
      createdMs: this.#options.clock.now(),
    };
    const session = this.build(record, notebook);
    const opening = this.#options.records.create(record.id, record).then(async () => {
      await session.connect(record.connectionId, signal);
      return session;
    });
    this.#open.set(record.id, opening);
    try {
      await opening;
      await notebook.flush();
      return session;
    } catch (error) {
      this.#open.delete(record.id);
      await session.disconnect();
      await this.#options.records.remove(record.id);
      throw error;
    }
  }

  /** A session object for a record; not connected. */
  build(record: SessionRecord, notebook: OpenNotebook | undefined): Session {
    const { sandboxes, records, clock, log } = this.#options;
    return new Session({
      record,
      notebook,
      server: this.server(record.sandboxId),
      journal: this.journal,
      clock,
      log,
      settings: this.#options.settings(),
      sandboxStatus: async (signal) => (await sandboxes.get(record.sandboxId, signal)).status,
      updateRecord: (change) => records.update(record.id, (current) => ({ ...current, ...change })),
    });
  }

  /** The session of that id, attached again if another process had it. @throws `session/unknown`, `session/ended`, `server/unreachable`. */
  async get(sessionId: string, signal?: AbortSignal): Promise<Session> {
    const known = this.#open.get(sessionId);
    if (known !== undefined) return known;
    const record = await this.#record(sessionId);
    const opening = this.#attach(record, signal);
    this.#open.set(sessionId, opening);
    try {
      return await opening;
    } catch (error) {
      this.#open.delete(sessionId);
      throw error;
    }
  }

  async #record(sessionId: string): Promise<SessionRecord> {
    const record = /^s-[a-z0-9]+$/.test(sessionId) ? await this.#options.records.read(sessionId) : undefined;
    if (record === undefined) {
      const live = (await this.#records(false)).map(({ id, notebookPath }) => `${id} (${path.basename(notebookPath)})`);
      throw new GloveboxError('session/unknown', `There is no session "${sessionId}".`, {
        hint: live.length === 0 ? 'There is none at all; start_new_notebook starts one.' : `Sessions of this project: ${live.join(', ')}.`,
      });
    }
    if (record.endedMs !== undefined) {
      throw new GloveboxError('session/ended', `Session ${sessionId} has ended: ${record.endReason ?? 'it was shut down'}.`, {
        hint: `start_notebook(notebook_path="${record.notebookPath}") opens its notebook with a fresh kernel.`,
      });
    }
    return record;
  }

  async #attach(record: SessionRecord, signal: AbortSignal | undefined): Promise<Session> {
    const { sandboxes, notebooks, clock, log } = this.#options;
    const notebook = await notebooks.open(record.notebookPath);
    try {
      const session = this.build(record, notebook);
      const lease = leaseOf(record);
      if (lease.isOwner) await session.updateRecord({ owner: currentIdentity() });
      const { status } = await sandboxes.get(record.sandboxId, signal ?? new AbortController().signal);
      if (status.state === 'ended' || status.generation !== record.serverGeneration) {
        await recordLoss(session, serverGone(status, clock.now()));
      } else if (record.loss === null) {
        await session.connect(lease.connectionId, signal).catch(async (error: unknown) => {
          if (!isGloveboxError(error, 'kernel/gone')) throw error;
          await recordLoss(session, kernelGone(clock.now()));
        });
      }
      if (lease.isOwner) await recoverRuns(session, this.journal, notebook, clock.now());
      void this.journal.prune(record.id, clock.now()).catch((error: unknown) => log.debug(`prune: ${String(error)}`));
      return session;
    } catch (error) {
      await notebook.close();
      throw error;
    }
  }

  /** Attaches at start-up the sessions whose runs an earlier process left unfinished (R10). Never fails. */
  async reattachUnfinished(signal: AbortSignal): Promise<void> {
    for (const record of await this.#records(false)) {
      if (signal.aborted) return;
      if (!isFree(record.owner)) continue;
      const runs = await this.journal.ofSession(record.id);
      if (!runs.some((run) => !isFinal(run.state) || !run.saved)) continue;
      await this.get(record.id, signal).catch((error: unknown) => {
        this.#options.log.info(`session ${record.id} could not be attached again: ${String(error)}`);
      });
    }
  }

  /** The live session of a notebook, if there is one. */
  async ofNotebook(file: string): Promise<SessionRecord | undefined> {
    return (await this.#records(false)).findLast(({ notebookPath }) => notebookPath === file);
  }

  async list(all: boolean): Promise<readonly SessionView[]> {
    const records = await this.#records(all);
    return Promise.all(records.map((record) => this.#view(record)));
  }

  async #view(record: SessionRecord): Promise<SessionView> {
    const open = await this.#open.get(record.id)?.catch(() => undefined);
    if (open !== undefined) return open.view();
    const runs = (await this.journal.ofSession(record.id)).filter(({ state }) => !isFinal(state));
    const state = record.endedMs !== undefined ? 'ended' : record.loss === null ? 'not-attached' : 'lost';
    return {
      id: record.id,
      sandboxId: record.sandboxId,
      notebookPath: record.notebookPath,
      kernelName: record.kernel.display_name,
      kernelId: record.kernelId,
      generation: record.generation,
      state,
      ...(record.loss !== null && { detail: record.loss.message }),
      ...(record.endReason !== undefined && { detail: record.endReason }),
      ownsKernel: record.ownsKernel,
      runs: runs.map((run) => ({ id: run.id, state: run.state, elapsedMs: this.#options.clock.now() - (run.sentMs ?? run.createdMs) })),
      ...(record.browserUrl !== undefined && { browserUrl: record.browserUrl }),
    };
  }

  async #records(all: boolean): Promise<readonly SessionRecord[]> {
    const stored = await this.#options.records.list();
    return stored
      .map(({ value }) => value)
      .filter((record) => record.projectDir === this.#options.projectDir && record.scratch !== true)
      .filter((record) => all || record.endedMs === undefined)
      .toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** A run that this process has at hand; attaches its session when an earlier process left it unfinished. */
  async run(runId: string, signal: AbortSignal): Promise<{ readonly live: Run } | { readonly record: RunRecord }> {
    const sessionId = `s-${runId.split('-')[1] ?? ''}`;
    const open = await this.#open.get(sessionId)?.catch(() => undefined);
    const live = open?.recentRun(runId);
    if (live !== undefined) return { live };
    const record = await this.journal.read(runId);
    if (isFinal(record.state) || !isFree(record.owner)) return { record };
    const attached = (await this.get(sessionId, signal)).recentRun(runId);
    return attached === undefined ? { record: await this.journal.read(runId) } : { live: attached };
  }

  readRun(record: RunRecord): Promise<RunView> {
    const { clock } = this.#options;
    return readRunView(this.journal, record, { clock, maxOutputBytes: this.#options.settings().maxOutputBytes });
  }

  /** Saves, deletes the session's own kernel and ends it. The sandbox stays. @throws when the kernel cannot be deleted; the record is kept. */
  async shutdown(sessionId: string, signal: AbortSignal): Promise<Session> {
    const session = await this.get(sessionId, signal);
    const { record } = session;
    session.queue.clear('The session was shut down before its turn came; nothing of it was executed.');
    session.queue.settleCurrent({ kind: 'settled', state: 'lost', explanation: 'The session was shut down while it ran.' });
    await session.queue.whenIdle();
    await session.flush();
    if (record.ownsKernel && record.loss === null) {
      if (record.jupyterSessionId === undefined) await session.server.deleteKernel(record.kernelId, signal);
      else await session.server.deleteSession(record.jupyterSessionId, signal);
    }
    await session.disconnect();
    await session.updateRecord({ endedMs: this.#options.clock.now(), endReason: 'it was shut down' });
    await session.notebook.close();
    this.#open.delete(sessionId);
    return session;
  }

  /** Before the process ends: everything onto disk, sockets closed properly, no kernel touched (R8). */
  async close(): Promise<void> {
    const sessions = await Promise.allSettled(this.#open.values());
    await Promise.allSettled(
      sessions.map(async (entry) => {
        if (entry.status === 'rejected') return;
        await entry.value.flush();
        await entry.value.disconnect();
      }),
    );
  }

  /** The sandbox of a session, brought up again when it is the project's local one. */
  async sandboxFor(record: SessionRecord, wait: SandboxWait): Promise<SandboxView> {
    const { sandboxes, projectDir } = this.#options;
    const view = await sandboxes.get(record.sandboxId, wait.signal);
    if (view.status.state !== 'ended' || view.backend !== 'local') return this.sandbox(record.sandboxId, wait);
    const local = await this.sandbox(undefined, wait);
    if (local.id === record.sandboxId) return local;
    throw new GloveboxError('sandbox/ended', `Sandbox ${record.sandboxId} of project ${projectDir} has ended.`, {
      hint: `start_notebook(notebook_path="${record.notebookPath}") opens the notebook in sandbox ${local.id}.`,
    });
  }

  /** Keeps the session of a scratch kernel at hand until `cleanedUp`, so that its run can be followed. */
  keepScratch(session: Session, cleanedUp: Promise<void>): void {
    this.#open.set(session.id, Promise.resolve(session));
    void cleanedUp.finally(() => this.#open.delete(session.id));
  }

  /** The session for a notebook whose kernel Jupyter runs already, started by somebody else. Starts nothing. */
  async adoptBound(file: string, sandboxId: string | undefined, wait: SandboxWait): Promise<Session | undefined> {
    for (const sandbox of await this.#readySandboxes(sandboxId, wait.signal)) {
      const serverPath = serverPathOf(sandbox.serverRootDir, file);
      const bound = (await this.server(sandbox.id).listSessions(wait.signal)).find(({ path: at }) => at === serverPath);
      if (bound !== undefined) return this.adoptKernel(sandbox, bound.kernel.id, file, wait.signal);
    }
    return undefined;
  }

  /** Attaches to a kernel by its id; a kernel without a notebook gets a new one in `folder`. */
  async adoptKernelById(kernelId: string, sandboxId: string | undefined, folder: string, wait: SandboxWait): Promise<Session> {
    const known = (await this.#records(false)).find((record) => record.kernelId === kernelId);
    if (known !== undefined) return this.get(known.id, wait.signal);
    const candidates = await this.#readySandboxes(sandboxId, wait.signal);
    for (const sandbox of candidates) {
      const server = this.server(sandbox.id);
      if ((await server.kernel(kernelId, wait.signal)) === undefined) continue;
      const bound = (await server.listSessions(wait.signal)).find(({ kernel }) => kernel.id === kernelId);
      const file = bound === undefined || sandbox.serverRootDir === undefined ? undefined : path.join(sandbox.serverRootDir, bound.path);
      const open = file?.endsWith('.ipynb') === true ? file : await this.#freshFile(folder, `kernel ${kernelId.slice(0, 8)}`);
      return this.adoptKernel(sandbox, kernelId, open, wait.signal);
    }
    const asked = candidates.map(({ id }) => id).join(', ');
    throw new GloveboxError('kernel/unknown', `There is no kernel ${kernelId}${asked === '' ? ': no sandbox is running' : ` in ${asked}`}.`, {
      hint: 'list_sessions shows the kernels there are; start_new_notebook starts one.',
    });
  }

  async #freshFile(folder: string, name: string): Promise<string> {
    const notebook = await this.#options.notebooks.createFresh(folder, name, {});
    const { path: file } = notebook;
    await notebook.close();
    return file;
  }

  async #readySandboxes(sandboxId: string | undefined, signal: AbortSignal): Promise<readonly SandboxView[]> {
    const { sandboxes, projectDir } = this.#options;
    const views = sandboxId === undefined ? await sandboxes.list({ projectDir }, signal) : [await sandboxes.get(sandboxId, signal)];
    return views.filter(({ status }) => status.state === 'ready');
  }

  /** Kernels in the sandboxes of these sessions that no session of ours has. Silent about servers that do not answer. */
  async foreignKernels(views: readonly SessionView[], signal: AbortSignal): Promise<readonly ForeignKernel[]> {
    const own = new Set(views.map(({ kernelId }) => kernelId));
    const sandboxes = await this.#readySandboxes(undefined, signal).catch(() => []);
    const found = await Promise.all(
      sandboxes.map(async ({ id: sandboxId }) => {
        const server = this.server(sandboxId);
        const [kernels, bound] = await Promise.all([server.listKernels(signal), server.listSessions(signal)]);
        return kernels
          .filter(({ id }) => !own.has(id))
          .map((kernel) => ({
            id: kernel.id,
            sandboxId,
            name: kernel.name,
            executionState: kernel.executionState,
            notebook: bound.find((session) => session.kernel.id === kernel.id)?.path,
          }));
      }).map((asked) => asked.catch(() => [])),
    );
    return found.flat();
  }

  /** The notebook of a session, for reading: needs no kernel and no server. */
  async openNotebook(sessionId: string): Promise<OpenNotebook> {
    const open = await this.openNotebookOf(sessionId);
    if (open !== undefined) return open;
    const record = await this.#record(sessionId);
    return this.#options.notebooks.open(record.notebookPath);
  }

  /** The notebook as this process has it open, with what is not saved yet. */
  async openNotebookOf(sessionId: string): Promise<OpenNotebook | undefined> {
    return (await this.#open.get(sessionId)?.catch(() => undefined))?.notebook;
  }

  restart(session: Session, wait: SandboxWait): Promise<Restarted> {
    return restartSession(this, session, wait);
  }

  runScratch(request: ScratchRequest, wait: SandboxWait): Promise<{ readonly session: Session; readonly run: Run }> {
    return runInScratchKernel(this, request, wait);
  }

  /** What happens to a run whose call the client took back: it is cancelled, unless the user chose that only the waiting ends (R6). */
  cancelAfterCall(session: Session, run: Run): void {
    if (this.#options.settings().onCancel === 'detach') return;
    session.cancelRun(run).catch((error: unknown) => this.#options.log.warn(`cancel of ${run.id}: ${String(error)}`));
  }

  /** @throws `input/invalid` when the run does not wait for input. */
  async answerInput(run: Run, value: string): Promise<void> {
    const session = await this.get(run.record.sessionId);
    session.answerInput(run, value);
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(this.#options.clock, ms, signal);
  }

  /** Saves and ends the sessions of a sandbox that is about to be stopped; their kernels go with it. */
  async endAllIn(sandboxId: string): Promise<readonly SessionRecord[]> {
    const records = (await this.#records(false)).filter((record) => record.sandboxId === sandboxId);
    for (const record of records) {
      const session = await this.#open.get(record.id)?.catch(() => undefined);
      if (session !== undefined) {
        session.queue.clear('The sandbox was stopped before its turn came; nothing of it was executed.');
        session.queue.settleCurrent({ kind: 'settled', state: 'lost', loss: 'server_gone', explanation: 'The sandbox was stopped while it ran.' });
        await session.queue.whenIdle();
        await session.flush();
        await session.disconnect();
        await session.notebook.close();
        this.#open.delete(record.id);
      }
      await this.#options.records.update(record.id, (current) => ({
        ...current,
        endedMs: this.#options.clock.now(),
        endReason: 'its sandbox was stopped',
      }));
    }
    return records;
  }

  /** The open connection of a session; undefined when this process has none. */
  async openLink(sessionId: string): Promise<KernelLink | undefined> {
    return (await this.#open.get(sessionId)?.catch(() => undefined))?.link;
  }

  /** For scratch kernels, which build on the parts. */
  get parts(): SessionsOptions {
    return this.#options;
  }
}

async function recordLoss(session: Session, loss: ReturnType<typeof kernelGone>): Promise<void> {
  if (session.record.loss !== null) return;
  await session.updateRecord({ loss, generation: session.record.generation + 1 });
  session.notify(loss.message);
}
