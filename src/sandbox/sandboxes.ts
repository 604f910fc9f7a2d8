/** The sandboxes of this machine's user: made, found again, followed and stopped, the same way for every back end. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import type { EndpointSource } from '#core/endpoint.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { inParallel } from '#core/in-parallel.ts';
import type { JsonObject } from '#core/json.ts';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { RecordStore } from '#platform/records.ts';
import { admitted, type Admission, type Admit } from './admission.ts';
import type { Backend, BackendId, Resources, Snapshot } from './backend.ts';
import { writeBrowserPage } from './browser-page.ts';
import { checkForBackend } from './check-for-backend.ts';
import type { Names } from './check-options.ts';
import {
  sandboxFolder,
  sandboxRecords,
  toHandle,
  withStatus,
  type SandboxRecord,
} from './records.ts';
import { Follower, isOnItsWay, type SandboxWait } from './follow.ts';
import type { BackendRegistry } from './registry.ts';
import { resolveConfig, type Profile, type WantedSandbox } from './sandbox-config.ts';
import { newSandboxId, onThisHost, projectSandboxId, realProjectDir } from './sandbox-ids.ts';
import { keepFiles, readSnapshot } from './snapshots.ts';
import { Starts } from './starts.ts';
import { isAbandoned, isCarriedOn, rootDirOf, Views, type SandboxView } from './views.ts';

export type { SandboxWait } from './follow.ts';
export type { SandboxView } from './views.ts';

export interface SandboxesOptions {
  readonly registry: BackendRegistry;
  /** Glovebox's own folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly defaultBackend: () => BackendId;
  /** The host's session, which is put on record: whoever ends the sandbox of another one is asked. */
  readonly session?: (() => string) | undefined;
  /** `[sandbox.NAME]` of the files `glovebox.toml`, by name. */
  readonly profiles?: () => ReadonlyMap<string, Profile>;
}

export interface SandboxRequest {
  readonly backend: BackendId;
  readonly projectDir: string;
  /** A name of the user's own: sandboxes with different names are different ones. */
  readonly name?: string;
  readonly options?: object;
  /** How the caller writes names, for the texts about mistakes. */
  readonly names?: Names;
  /**
   * - `project`: the project has one of this back end and name, whatever its options. Always so for the local one.
   * - `options`: it has one of this back end and name for each set of options, so that a call that is repeated starts nothing more.
   *
   * Otherwise every call makes another.
   */
  readonly once?: 'project' | 'options';
  /** Asked before a new one is started, and not where one that lives is gone on with. Needed where it costs money. */
  readonly admit?: Admit;
  /** Told its id when it is on record and before anything is made; not of one that lived already. */
  readonly onRecord?: (id: string) => void;
}

const MAX_PARALLEL = 6;
const KEEP_ENDED_MS = 7 * 24 * 3_600_000;

/**
 * Safe for several processes: a record is written before anything is made, claimed by one process at a time, and never believed
 * over what the back end says now. A start whose process died is taken over by whoever asks next.
 */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #records: RecordStore<SandboxRecord>;
  readonly #starts: Starts;
  readonly #views: Views;
  readonly #follower: Follower;

  constructor(options: SandboxesOptions) {
    this.#options = options;
    const { registry, dir, clock, log } = options;
    this.#records = sandboxRecords(dir, clock, (message) => log.warn(message));
    const records = this.#records;
    const starts = new Starts({ records, clock, log });
    this.#starts = starts;
    const views = new Views({ registry, records, starts, clock, log });
    this.#views = views;
    this.#follower = new Follower({ starts, views, clock, read: (id) => this.#read(id) });
  }

  backends(): readonly BackendId[] {
    return this.#options.registry.ids();
  }

  defaultBackend(): BackendId {
    return this.#options.defaultBackend();
  }

  /** @throws `backend/unknown`, `backend/unavailable`. */
  backend(id: string): Promise<Backend> {
    return this.#options.registry.load(id);
  }

  /**
   * What a config asks for: back end, name, profile and options in one object, as tools, command line and programs take it. The
   * profile is below what the config says itself. Its options are in the back end's names, and not checked yet.
   *
   * @param fallback the back end where nothing names one
   * @throws `config/invalid` for what is no config, or a name that cannot be one; `input/invalid` for an unknown profile;
   *   `backend/unknown`.
   */
  resolve(config: unknown, fallback: string = this.defaultBackend()): Promise<WantedSandbox> {
    const { registry, profiles } = this.#options;
    return resolveConfig(config, { registry, profiles: profiles?.() ?? new Map(), fallback });
  }

  /**
   * Options as a start would take them, in the back end's own names and with its defaults. Makes nothing.
   *
   * @throws `config/invalid` with every mistake; for an option that the back end does not have, it names those that do (G3).
   */
  checkOptions(backend: BackendId, options: unknown, names?: Names): Promise<JsonObject> {
    return checkForBackend(this.#options.registry, backend, options, names);
  }

  /**
   * Makes a sandbox and follows it until it is ready, ends, or `waitMs` is over. Where the project has it once, one that lives is
   * followed or returned instead, also when another process is just starting it; `ignoredOptions` then names what it was not
   * started with.
   *
   * @throws what the start failed with; `config/invalid` before anything is made; `backend/unknown`.
   */
  async create(request: SandboxRequest, wait: SandboxWait): Promise<SandboxView> {
    const backend = await this.backend(request.backend);
    const options = await this.checkOptions(backend.id, request.options, request.names);
    const projectDir = await realProjectDir(request.projectDir);
    await this.#forgetOld();
    const { name } = request;
    const once = backend.id === 'local' ? 'project' : request.once;
    if (once !== undefined) {
      const key = once === 'options' ? options : undefined;
      const living =
        once === 'project' ? await this.#living(backend.id, projectDir, name) : undefined;
      const id = living ?? projectSandboxId(backend.id, projectDir, name, key);
      const asked = { ...request, options };
      const view = await this.#reuseOrStart(backend, id, projectDir, wait, asked);
      const ignoredOptions = Object.keys(request.options ?? {}).filter(
        (option) => JSON.stringify(view.options[option]) !== JSON.stringify(options[option]),
      );
      return ignoredOptions.length === 0 ? view : { ...view, ignoredOptions };
    }
    const id = newSandboxId(backend.id, name ?? path.basename(projectDir));
    const admission = await admitted(request.admit, backend, id, projectDir, options);
    try {
      const record = this.#newRecord(backend, id, projectDir, name, options);
      const created = await this.#records.create(id, record);
      await admission?.attach();
      request.onRecord?.(id);
      return this.#follower.follow(id, wait, this.#starts.begin(backend, created), true);
    } catch (error) {
      if ((await this.#records.read(id).catch(() => undefined)) === undefined)
        await admission?.release();
      throw error;
    }
  }

  /**
   * The project's own local sandbox, started unless it lives. Also when another process is just starting it there is never a
   * second: this call follows. One that does not answer but may live is returned as it is.
   *
   * @throws what the start failed with.
   */
  async ensureLocal(projectDir: string, wait: SandboxWait): Promise<SandboxView> {
    const realDir = await realProjectDir(projectDir);
    const id = projectSandboxId('local', realDir, undefined);
    return this.#reuseOrStart(await this.backend('local'), id, realDir, wait);
  }

  /** What is on record, with the states asked now and in parallel; one that cannot be asked is `unknown`. Newest first. */
  async list(
    filter: {
      readonly projectDir?: string;
      readonly backend?: BackendId;
      readonly includeEnded?: boolean;
    },
    signal: AbortSignal,
  ): Promise<readonly SandboxView[]> {
    const realDir =
      filter.projectDir === undefined
        ? undefined
        : await realProjectDir(filter.projectDir).catch(() => filter.projectDir);
    const records = (await this.#records.list())
      .map(({ value }) => value)
      .filter((record) => realDir === undefined || record.projectDir === realDir)
      .filter((record) => filter.backend === undefined || record.backend === filter.backend)
      .toSorted((a, b) => b.createdMs - a.createdMs);
    const views = await inParallel(records, MAX_PARALLEL, (record) =>
      this.#views.look(record, signal),
    );
    return views.filter((view) => filter.includeEnded === true || view.status.state !== 'ended');
  }

  /** @throws `sandbox/unknown` naming the known ids. */
  async get(id: string, signal: AbortSignal): Promise<SandboxView> {
    return this.#views.look(await this.#read(id), signal);
  }

  /**
   * Follows a sandbox until it is no longer on its way, or `waitMs` is over. An end is a state here, not an error. A start whose
   * process died is carried on.
   */
  async wait(id: string, wait: SandboxWait): Promise<SandboxView> {
    const record = await this.#read(id);
    if (!isAbandoned(record, this.#starts))
      return this.#follower.follow(id, wait, undefined, false);
    const claimed = await this.#claim(record);
    const start =
      claimed === undefined
        ? undefined
        : this.#starts.begin(await this.backend(record.backend), claimed);
    return this.#follower.follow(id, wait, start, false);
  }

  /**
   * Ends it, in whatever state it is and whoever is starting it. One that has ended counts as done.
   *
   * @throws `sandbox/stop-failed` when it cannot be seen to be gone; it stays on record then. `sandbox/unknown`.
   */
  async stop(id: string, signal: AbortSignal): Promise<SandboxView> {
    const before = await this.#read(id);
    if (before.state === 'ended' && !before.isStarting) return this.#views.look(before, signal);
    const backend = await this.backend(before.backend);
    const { clock } = this.#options;
    const claim = newUuid();
    const stopping = await this.#records.update(id, (current) => ({
      ...current,
      claim,
      isStarting: false,
      state: 'stopping',
    }));
    await this.#starts.cancel(id);
    await backend.stop(toHandle(stopping), signal);
    await rm(this.#pagesFolder(id), { recursive: true, force: true });
    const end = {
      cause: 'stopped' as const,
      message: 'It was stopped on request.',
      atMs: clock.now(),
    };
    const ended = await this.#records.update(id, (current) =>
      current.claim === claim
        ? withStatus(current, { id, state: 'ended', generation: current.generation, end })
        : current,
    );
    return this.#views.look(ended, signal);
  }

  /** The last lines of its log, oldest first. */
  async logs(id: string, lines: number, signal: AbortSignal): Promise<readonly string[]> {
    const record = await this.#read(id);
    const backend = await this.backend(record.backend);
    return backend.logs(toHandle(record), lines, signal);
  }

  /** What a sandbox's host has and uses now; without `id` this machine. @throws `backend/unavailable` where it cannot be asked. */
  async resources(id: string | undefined, signal: AbortSignal): Promise<Resources> {
    const record = id === undefined ? undefined : await this.#read(id);
    const backend = await this.backend(record?.backend ?? 'local');
    if (backend.resources === undefined) {
      throw new GloveboxError(
        'backend/unavailable',
        `The ${backend.id} back end cannot tell the resources of a sandbox.`,
        { hint: 'Ask in a notebook, e.g. execute_scratch(code="!nvidia-smi; free -h").' },
      );
    }
    return backend.resources(record === undefined ? undefined : toHandle(record), signal);
  }

  /** What is on record about who asked for it; asks nobody. @throws `sandbox/unknown`. */
  async origin(id: string): Promise<Pick<SandboxRecord, 'session' | 'projectDir' | 'backend'>> {
    return this.#read(id);
  }

  /** What it was asked for with; asks nobody. @throws `sandbox/unknown`. */
  async optionsOf(id: string): Promise<JsonObject> {
    return (await this.#read(id)).options;
  }

  /** Keeps its file system, and on this machine what it is. @throws `backend/unavailable` where that is not possible. */
  async snapshot(
    id: string,
    options: { readonly description: string; readonly ttlMs: number | null },
    signal: AbortSignal,
  ): Promise<Snapshot> {
    const record = await this.#read(id);
    return keepFiles(await this.backend(record.backend), record, this.#options, options, signal);
  }

  /** What a snapshot was taken of; asks nobody. @throws `sandbox/unknown`. */
  snapshotOf(snapshotId: string): ReturnType<typeof readSnapshot> {
    return readSnapshot(snapshotId, this.#options);
  }

  /** For the wire client: asked before every connection, throws `sandbox/ended`, `sandbox/pending`, `server/unreachable`. */
  endpointSource(id: string): EndpointSource {
    return async (signal = new AbortController().signal) => {
      const record = await this.#read(id);
      if (record.state === 'ended' && !record.isStarting) {
        const why = record.end?.message ?? '';
        throw new GloveboxError('sandbox/ended', `Sandbox ${id} has ended. ${why}`.trim());
      }
      const backend = await this.backend(record.backend);
      return abandonOn(backend.endpoint(toHandle(record), signal), signal);
    };
  }

  /** When its engine will end it, as far as that is on record; asks nobody. Undefined without a limit, and for an unknown one. */
  async deadlineMs(id: string): Promise<number | undefined> {
    return (await this.#records.read(id))?.deadlineMs;
  }

  /** The folder on this machine that the server's root is, or undefined when it sees another file system. */
  async serverRootDir(id: string): Promise<string | undefined> {
    return rootDirOf(await this.#read(id));
  }

  /**
   * Writes the private page that opens a notebook in JupyterLab in a browser, and returns the page's path. Only the page holds
   * the token. `notebookPath` is relative to the server's root; empty for JupyterLab itself.
   */
  async openPage(id: string, notebookPath: string, signal: AbortSignal): Promise<string> {
    const endpoint = await this.endpointSource(id)(signal);
    return writeBrowserPage(this.#pagesFolder(id), endpoint, notebookPath);
  }

  /** Puts sandboxes on record that run for this project and that no record names, as after a loss of records. */
  async adopt(projectDir: string, signal: AbortSignal): Promise<readonly SandboxView[]> {
    const realDir = await realProjectDir(projectDir);
    const found: SandboxView[] = [];
    for (const backendId of this.backends()) {
      const backend = await this.backend(backendId).catch(() => undefined);
      const looking = backend?.discover?.(realDir, signal).catch((error: unknown) => {
        throwIfAborted(signal);
        // One that cannot be asked must not hide the others.
        this.#options.log.warn(`${backendId} cannot be searched: ${messageOf(error)}`);
        return [];
      });
      const handles = (await looking) ?? [];
      for (const handle of handles) {
        if (backend === undefined || (await this.#records.read(handle.id)) !== undefined) continue;
        const fresh = this.#newRecord(backend, handle.id, handle.projectDir, undefined, {});
        const record = { ...fresh, ...handle, isStarting: false, state: 'unknown' as const };
        found.push(await this.#views.look(await this.#records.create(handle.id, record), signal));
      }
    }
    return found;
  }

  /** Gives up the starts of this process without ending what they made; the next process takes them over. */
  close(): void {
    this.#starts.close();
    this.#options.registry.close();
  }

  /** The newest that is not known to have ended, also when it was made for a set of options. */
  async #living(
    backend: BackendId,
    projectDir: string,
    name: string | undefined,
  ): Promise<string | undefined> {
    const records = (await this.#records.list()).map(({ value }) => value);
    return records
      .filter((record) => record.backend === backend && record.projectDir === projectDir)
      .filter((record) => record.name === (name ?? record.id))
      .filter((record) => record.isStarting || record.state !== 'ended')
      .toSorted((a, b) => b.createdMs - a.createdMs)[0]?.id;
  }

  async #reuseOrStart(
    backend: Backend,
    plainId: string,
    projectDir: string,
    wait: SandboxWait,
    { name, options, admit, onRecord }: Asked = {},
  ): Promise<SandboxView> {
    let admission: Admission | undefined;
    for (;;) {
      throwIfAborted(wait.signal);
      const { id, record } = await this.#ownRecord(backend, plainId);
      const isNew = record === undefined;
      if (!isNew && !isAbandoned(record, this.#starts)) {
        const view = await this.#views.look(record, wait.signal);
        if (view.status.state !== 'ended') {
          await admission?.release();
          return isOnItsWay(view) ? this.#follower.follow(id, wait, undefined, true) : view;
        }
      }
      if (isNew || !isCarriedOn(record, this.#starts, options))
        admission ??= await admitted(admit, backend, id, projectDir, options ?? {});
      const claimed = isNew
        ? await this.#createOrNothing(this.#newRecord(backend, id, projectDir, name, options ?? {}))
        : await this.#claim((await this.#records.read(id)) ?? record, options);
      if (claimed !== undefined) {
        await admission?.attach();
        onRecord?.(id);
        return this.#follower.follow(id, wait, this.#starts.begin(backend, claimed), true);
      }
      await sleep(this.#options.clock, 20, wait.signal);
    }
  }

  /** On a shared home folder the plain id may belong to a sandbox of another host; then this host has its own. */
  async #ownRecord(
    backend: Backend,
    plainId: string,
  ): Promise<{ id: string; record: SandboxRecord | undefined }> {
    const record = await this.#records.read(plainId);
    const isElsewhere =
      backend.sharesHost && record !== undefined && lifeOf(record.starter) === 'elsewhere';
    const id = isElsewhere ? onThisHost(plainId) : plainId;
    return { id, record: isElsewhere ? await this.#records.read(id) : record };
  }

  async #createOrNothing(record: SandboxRecord): Promise<SandboxRecord | undefined> {
    try {
      return await this.#records.create(record.id, record);
    } catch (error) {
      if (isGloveboxError(error, 'record/exists')) return undefined;
      throw error;
    }
  }

  /** Takes the right to start it. `undefined`: there is nothing to start, or somebody else was faster. */
  async #claim(seen: SandboxRecord, options?: JsonObject): Promise<SandboxRecord | undefined> {
    const claim = newUuid();
    const claimed = await this.#records.update(seen.id, (current) => {
      const isFree = current.state === 'ended' || isAbandoned(current, this.#starts);
      if (current.claim !== seen.claim || !isFree) return current;
      const { end: _end, failure: _failure, detail: _detail, ...rest } = current;
      const session = this.#options.session?.();
      return {
        ...rest,
        ...(options !== undefined && { options }),
        ...(session !== undefined && { session }),
        claim,
        isStarting: true,
        state: 'preparing',
        starter: currentIdentity(),
        changedMs: this.#options.clock.now(),
      };
    });
    return claimed.claim === claim ? claimed : undefined;
  }

  #pagesFolder(id: string): string {
    return path.join(sandboxFolder(this.#options.dir, id), 'pages');
  }

  async #read(id: string): Promise<SandboxRecord> {
    const record = await this.#records.read(id);
    if (record !== undefined) return record;
    const known = (await this.#records.list()).map((entry) => entry.id);
    throw new GloveboxError('sandbox/unknown', `There is no sandbox "${id}".`, {
      hint:
        known.length === 0
          ? 'There is none at all; sandbox_create, or glovebox start in a terminal, starts one.'
          : `Known: ${known.join(', ')}.`,
    });
  }

  #newRecord(
    backend: Backend,
    id: string,
    projectDir: string,
    name: string | undefined,
    options: JsonObject,
  ): SandboxRecord {
    const now = this.#options.clock.now();
    const session = this.#options.session?.();
    return {
      id,
      ...(session !== undefined && { session }),
      name: name ?? id,
      backend: backend.id,
      projectDir,
      createdMs: now,
      options,
      state: 'preparing',
      generation: 0,
      data: {},
      starter: currentIdentity(),
      isStarting: true,
      claim: newUuid(),
      changedMs: now,
    };
  }

  async #forgetOld(): Promise<void> {
    const limitMs = this.#options.clock.now() - KEEP_ENDED_MS;
    for (const { id, value } of await this.#records.list()) {
      const isOld = value.state === 'ended' && !value.isStarting && value.changedMs < limitMs;
      if (isOld) await this.#records.remove(id);
    }
  }
}

type Asked = Pick<SandboxRequest, 'name' | 'admit' | 'onRecord'> & {
  readonly options?: JsonObject;
};
