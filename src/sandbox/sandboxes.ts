/** The sandboxes of this machine's user: made, found again, followed and stopped, the same way for every back end. */
import { abandonOn } from '#core/abort.ts';
import type { EndpointSource } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import { inParallel } from '#core/in-parallel.ts';
import type { JsonObject } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { RecordStore } from '#platform/records.ts';
import { adoptFound } from './adopt-found.ts';
import type { Backend, BackendId, Resources, Snapshot } from './backend.ts';
import { checkForBackend } from './check-for-backend.ts';
import type { Names } from './check-options.ts';
import { hasTags, modeOf, type SandboxMode } from './common-options.ts';
import { Creation, type SandboxRequest } from './creation.ts';
import { Follower, type SandboxWait } from './follow.ts';
import { mayHaveKept, settleKept, type TakeHome } from './kept-outputs.ts';
import { RecordBook } from './record-book.ts';
import { sandboxRecords, toHandle, type SandboxRecord } from './records.ts';
import type { BackendRegistry } from './registry.ts';
import { resolveConfig, type Profile, type WantedSandbox } from './sandbox-config.ts';
import { realProjectDir } from './sandbox-ids.ts';
import { createSeveral, type Outcome, type SeveralTerms } from './several.ts';
import { keepFiles, readSnapshot } from './snapshots.ts';
import { Starts } from './starts.ts';
import { stopSandbox } from './stop-sandbox.ts';
import { isAbandoned, rootDirOf, Views, type SandboxView } from './views.ts';
import { WaysIn } from './ways-in.ts';

export type { SandboxRequest } from './creation.ts';
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
  /**
   * Called before one that was ready is ended. What it says is part of the answer; `isHome` says that all that was written for keeps is
   * in the project. Never fails, and is bounded in time.
   */
  readonly beforeStop?: (
    id: string,
    signal: AbortSignal,
  ) => Promise<{ readonly notes: readonly string[]; readonly isHome: boolean }>;
  /** Brings home what the provider of an ended one kept. Default: it stays there. */
  readonly takeHome?: TakeHome;
  /** `[sandbox.NAME]` of the files `glovebox.toml`, by name. */
  readonly profiles?: () => ReadonlyMap<string, Profile>;
}

const MAX_PARALLEL = 6;

/**
 * Safe for several processes: a record is written before anything is made, claimed by one process at a time, and never believed
 * over what the back end says now. A start whose process died is taken over by whoever asks next.
 */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #records: RecordStore<SandboxRecord>;
  readonly #book: RecordBook;
  readonly #starts: Starts;
  readonly #views: Views;
  readonly #follower: Follower;
  readonly #creation: Creation;
  readonly #closing = new AbortController();
  /** For browsers and programs. */
  readonly waysIn: WaysIn;

  constructor(options: SandboxesOptions) {
    this.#options = options;
    const { registry, dir, clock, log, session } = options;
    const records = sandboxRecords(dir, clock, (message) => log.warn(message));
    const starts = new Starts({ records, clock, log });
    const views = new Views({ registry, records, starts, clock, log });
    const book = new RecordBook({ records, starts, clock, session });
    const follower = new Follower({ starts, views, clock, read: (id) => book.read(id) });
    this.#records = records;
    this.#book = book;
    this.#starts = starts;
    this.#views = views;
    this.#follower = follower;
    this.#creation = new Creation({ registry, book, starts, views, follower, clock });
    this.waysIn = new WaysIn({
      dir,
      clock,
      endpointSource: (id) => this.endpointSource(id),
      optionsOf: (id) => this.optionsOf(id),
    });
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
  create(request: SandboxRequest, wait: SandboxWait): Promise<SandboxView> {
    return this.#creation.create(request, wait);
  }

  /**
   * Makes several at once, each with a name of its own; see `SeveralTerms`.
   *
   * @returns what became of each, in their order. @throws as `create`, what keeps all of them from being started.
   */
  createSeveral(
    requests: readonly SandboxRequest[],
    terms: SeveralTerms,
    wait: SandboxWait,
  ): Promise<readonly Outcome[]> {
    return createSeveral(requests, terms, wait, {
      create: (request, each) => this.create(request, each),
      wait: (id, each) => this.wait(id, each),
      stop: (id) => this.stop(id, this.#closing.signal),
      closing: this.#closing.signal,
      log: this.#options.log,
    });
  }

  /**
   * The project's own local sandbox, started unless it lives. Also when another process is just starting it there is never a
   * second: this call follows. One that does not answer but may live is returned as it is.
   *
   * @throws what the start failed with.
   */
  ensureLocal(projectDir: string, wait: SandboxWait): Promise<SandboxView> {
    return this.#creation.ensureLocal(projectDir, wait);
  }

  /** What is on record, with the states asked now and in parallel; one that cannot be asked is `unknown`. Newest first. */
  async list(
    filter: {
      readonly projectDir?: string;
      readonly backend?: BackendId;
      readonly includeEnded?: boolean;
      /** Those that were asked for with all of these. */
      readonly tags?: Readonly<Record<string, string>> | undefined;
    },
    signal: AbortSignal,
  ): Promise<readonly SandboxView[]> {
    const realDir =
      filter.projectDir === undefined
        ? undefined
        : await realProjectDir(filter.projectDir).catch(() => filter.projectDir);
    const records = (await this.#book.all())
      .filter((record) => realDir === undefined || record.projectDir === realDir)
      .filter((record) => filter.backend === undefined || record.backend === filter.backend)
      .filter((record) => hasTags(record.options, filter.tags ?? {}));
    const views = await inParallel(records, MAX_PARALLEL, (record) =>
      this.#views.look(record, signal),
    );
    return views.filter((view) => filter.includeEnded === true || view.status.state !== 'ended');
  }

  /** @throws `sandbox/unknown` naming the known ids. */
  async get(id: string, signal: AbortSignal): Promise<SandboxView> {
    return this.#views.look(await this.#book.read(id), signal);
  }

  /**
   * Follows a sandbox until it is no longer on its way, or `waitMs` is over. An end is a state here, not an error. A start whose
   * process died is carried on.
   */
  async wait(id: string, wait: SandboxWait): Promise<SandboxView> {
    const record = await this.#book.read(id);
    if (!isAbandoned(record, this.#starts))
      return this.#follower.follow(id, wait, undefined, false);
    const claimed = await this.#book.claim(record);
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
    const before = await this.#book.read(id);
    if (before.state === 'ended' && !before.isStarting) {
      const kept = await this.#settleKept(before, false, signal);
      return {
        ...(await this.#views.look(before, signal)),
        ...(kept.length > 0 && { notes: kept }),
      };
    }
    const backend = await this.backend(before.backend);
    const { clock, beforeStop } = this.#options;
    const brought = before.state === 'ready' ? await beforeStop?.(id, signal) : undefined;
    const [records, starts] = [this.#records, this.#starts];
    const ended = await stopSandbox(id, { backend, records, starts, clock }, signal);
    await this.waysIn.forget(id);
    const kept = await this.#settleKept(ended, brought?.isHome === true, signal);
    const notes = [...(brought?.notes ?? []), ...kept];
    return { ...(await this.#views.look(ended, signal)), notes };
  }

  /** Brings home what sandboxes of a back end that have ended by themselves wrote for keeps. @returns what was done, in sentences. */
  async settle(backend: BackendId, signal: AbortSignal): Promise<readonly string[]> {
    const ended = (await this.#book.all()).filter((record) => record.backend === backend);
    const notes = await inParallel(ended.filter(mayHaveKept), 1, (record) =>
      this.#settleKept(record, false, signal),
    );
    return notes.flat();
  }

  async #settleKept(
    record: SandboxRecord,
    isHome: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { takeHome: take } = this.#options;
    if (take === undefined || !mayHaveKept(record)) return [];
    const parts = { backend: await this.backend(record.backend), records: this.#records, take };
    return settleKept(record, parts, { isHome, signal });
  }

  /** The last lines of its log, oldest first. */
  async logs(id: string, lines: number, signal: AbortSignal): Promise<readonly string[]> {
    const record = await this.#book.read(id);
    const backend = await this.backend(record.backend);
    return backend.logs(toHandle(record), lines, signal);
  }

  /** What a sandbox's host has and uses now; without `id` this machine. @throws `backend/unavailable` where it cannot be asked. */
  async resources(id: string | undefined, signal: AbortSignal): Promise<Resources> {
    const record = id === undefined ? undefined : await this.#book.read(id);
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
    return this.#book.read(id);
  }

  /** What it was asked for with; asks nobody. @throws `sandbox/unknown`. */
  async optionsOf(id: string): Promise<JsonObject> {
    return (await this.#book.read(id)).options;
  }

  /** What it was asked for with, as `optionsOf`; `notebook` for an unknown one. Asks nobody. */
  async modeOf(id: string): Promise<SandboxMode> {
    return modeOf((await this.#records.read(id))?.options ?? {});
  }

  /** Keeps its file system, and on this machine what it is. @throws `backend/unavailable` where that is not possible. */
  async snapshot(
    id: string,
    options: { readonly description: string; readonly ttlMs: number | null },
    signal: AbortSignal,
  ): Promise<Snapshot> {
    const record = await this.#book.read(id);
    return keepFiles(await this.backend(record.backend), record, this.#options, options, signal);
  }

  /** What a snapshot was taken of; asks nobody. @throws `sandbox/unknown`. */
  snapshotOf(snapshotId: string): ReturnType<typeof readSnapshot> {
    return readSnapshot(snapshotId, this.#options);
  }

  /** For the wire client: asked before every connection, throws `sandbox/ended`, `sandbox/pending`, `server/unreachable`. */
  endpointSource(id: string): EndpointSource {
    return async (signal = new AbortController().signal) => {
      const record = await this.#book.read(id);
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
    return (await this.#book.find(id))?.deadlineMs;
  }

  /** The folder on this machine that the server's root is, or undefined when it sees another file system. */
  async serverRootDir(id: string): Promise<string | undefined> {
    return rootDirOf(await this.#book.read(id));
  }

  /** Puts sandboxes on record that run for this project and that no record names, as after a loss of records. Default: of every back end. */
  async adopt(
    projectDir: string,
    signal: AbortSignal,
    backends?: readonly BackendId[],
  ): Promise<readonly SandboxView[]> {
    const realDir = await realProjectDir(projectDir);
    const { registry, clock, log } = this.#options;
    const parts = { registry, book: this.#book, clock, log, backends };
    const found = await adoptFound(realDir, parts, signal);
    return inParallel(found, MAX_PARALLEL, (record) => this.#views.look(record, signal));
  }

  /** The back ends that rent machines and that somebody here uses: asks nobody. */
  async rentedInUse(): Promise<readonly BackendId[]> {
    const found = await inParallel(this.backends(), MAX_PARALLEL, async (id) => {
      const backend = await this.backend(id).catch(() => undefined);
      return (await backend?.isInUse?.()) === true ? [id] : [];
    });
    return found.flat();
  }

  /** Gives up the starts of this process without ending what they made; the next process takes them over. */
  close(): void {
    this.#closing.abort();
    this.#starts.close();
    this.#options.registry.close();
  }
}
