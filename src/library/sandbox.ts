/** The class `Sandbox` of the library: a place where code runs, made, found again, used and ended from a program. */
import { Buffer } from 'node:buffer';
import type { SandboxView } from '#sandbox/sandboxes.ts';
import { allOrNone } from '#core/all-or-none.ts';
import { GloveboxError } from '#core/errors.ts';
import { MAX_SEVERAL, namesOfSeveral } from '#sandbox/names-of-several.ts';
import { inCall } from './call.ts';
import type {
  CallOptions,
  ExecOptions,
  ExecResult,
  ListOptions,
  PortRequestOptions,
  PortResponse,
  SandboxInfo,
  ServedInterface,
  ReplaceOptions,
  ServeOptions,
  SeveralOptions,
  SnapshotInfo,
  SnapshotOptions,
  StartNotebookOptions,
} from './contract.ts';
import { createSandbox, membersOf } from './create-sandbox.ts';
import { endSandbox, type EndedSandbox } from './end-sandbox.ts';
import { runCommand, runPython } from './exec.ts';
import { alive, findByName, infoOf, snapshotConfig } from './find-sandbox.ts';
import type { SandboxConfig } from './sandbox-config.ts';
import { replaceSandbox } from './replace-sandbox.ts';
import { requestPort } from './request-port.ts';
import { serveFile } from './serve.ts';
import type { Session } from './session.ts';
import { findSessions, startNotebook } from './start-notebook.ts';

const DAY_MS = 24 * 3_600_000;

/** What took the place of a sandbox. */
export interface ReplacedSandbox {
  readonly sandbox: Sandbox;
  /** The notebooks that go on there, in fresh kernels. */
  readonly sessions: readonly Session[];
  /** Sentences about what was brought home from the old one. */
  readonly notes: readonly string[];
}

/**
 * A sandbox. It lives at its provider and not in this object: every process of the user finds it by its id or name.
 *
 * `await using sandbox = await Sandbox.create(...)` ends it with the block. One that was found with `fromId` or `fromName`, and one
 * that was handed over with `emitReady`, outlives its object.
 */
export class Sandbox implements AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly backend: string;
  #isOurs: boolean;

  private constructor(view: Pick<SandboxView, 'id' | 'name' | 'backend'>, isOurs: boolean) {
    this.id = view.id;
    this.name = view.name;
    this.backend = view.backend;
    this.#isOurs = isOurs;
  }

  /**
   * Makes a new sandbox and waits until it is ready, however long its queue is. A call that fails or is cancelled leaves nothing
   * running, unless the config says `keepOnError`.
   *
   * @throws `config/invalid` with every mistake and its path, before anything is made; `sandbox/name-taken`; `sandbox/over-budget`;
   *   what the start failed with, with the last lines of its log.
   */
  static create(config: SandboxConfig = {}, options?: CallOptions): Promise<Sandbox> {
    return inCall(options, async (call) => new Sandbox(await createSandbox(config, call), true));
  }

  /**
   * Makes several at once, all of them or none: when one cannot be had, the others are given up or ended. The budget, or an approval,
   * sees what they come to together. One config with `count` makes as many of it, called `name-1` and so on.
   *
   * @returns them in the order of their configs. @throws the first failure, as `create`, once nothing of the others is left.
   */
  static createAll(
    configs: readonly SandboxConfig[] | SandboxConfig,
    options?: SeveralOptions,
  ): Promise<readonly Sandbox[]> {
    return inCall(options, async (call) => {
      const all = eachOf(configs, options);
      const members = membersOf(all.length, call);
      return allOrNone(all.length, {
        signal: call.signal,
        make: async (at, signal) => {
          const one = { ...call, signal, wait: { ...call.wait, signal } };
          return new Sandbox(await createSandbox(all[at] ?? {}, one, members[at]), true);
        },
        end: (sandbox) => sandbox.terminate(),
      });
    });
  }

  /**
   * As `createAll`, but those that can be had stay when another one fails: what became of each is in the answer, as
   * `Promise.allSettled` gives it.
   *
   * @throws what keeps all of them from being asked for, such as two with one name.
   */
  static createEach(
    configs: readonly SandboxConfig[] | SandboxConfig,
    options?: SeveralOptions,
  ): Promise<readonly PromiseSettledResult<Sandbox>[]> {
    return inCall(options, (call) => {
      const all = eachOf(configs, options);
      const members = membersOf(all.length, call);
      return Promise.allSettled(
        all.map(
          async (config, at) => new Sandbox(await createSandbox(config, call, members[at]), true),
        ),
      );
    });
  }

  /** One that is on record, in whatever state it is. @throws `sandbox/unknown`; `sandbox/ended`, with when and why. */
  static fromId(id: string, options?: CallOptions): Promise<Sandbox> {
    return inCall(options, async ({ engine, signal }) => {
      const view = await engine.sandboxes.get(id, signal);
      return new Sandbox(alive(view), false);
    });
  }

  /** The one of that name that lives. @throws `sandbox/unknown`; `sandbox/ended` when it lived lately. */
  static fromName(
    name: string,
    options?: CallOptions & { readonly backend?: string },
  ): Promise<Sandbox> {
    return inCall(options, async (call) => {
      const view = await findByName(name, options?.backend, call);
      return new Sandbox(alive(view), false);
    });
  }

  /** Newest first. One that cannot be asked is `unknown`, never left out. */
  static list(options?: ListOptions): Promise<readonly SandboxInfo[]> {
    return inCall(options, async (call) => {
      const views = await call.engine.sandboxes.list(
        {
          ...(options?.allProjects !== true && { projectDir: call.engine.projectDir }),
          ...(options?.backend !== undefined && {
            backend: (await call.engine.sandboxes.backend(options.backend)).id,
          }),
          ...(options?.includeEnded !== undefined && { includeEnded: options.includeEnded }),
          tags: options?.tags,
        },
        call.signal,
      );
      return Promise.all(views.map((view) => infoOf(view, call)));
    });
  }

  /**
   * A new sandbox with the files of a snapshot, and otherwise like the one that it was taken of; `config` changes that. Its server
   * starts again; volumes are mounted again; variables and loaded models are not in it.
   *
   * @throws `sandbox/unknown` for a snapshot that is not on record; as `create`.
   */
  static fromSnapshot(
    snapshotId: string,
    config: SandboxConfig = {},
    options?: CallOptions,
  ): Promise<Sandbox> {
    return inCall(options, async (call) => {
      const merged = await snapshotConfig(snapshotId, config, call);
      return new Sandbox(await createSandbox(merged, call), true);
    });
  }

  /**
   * A new notebook in the project, with a fresh kernel and the models of the sandbox in it.
   *
   * @throws `path/exists`, `kernel/start-failed`; `kernel/preload-failed` with the Python error, and the session is ended then.
   */
  startNotebook(options: StartNotebookOptions): Promise<Session> {
    return inCall(options, (call) => startNotebook(this, options, call));
  }

  /** Its sessions that live, whoever started them, oldest first. @throws `sandbox/ended`, `server/unreachable`. */
  sessions(options?: CallOptions): Promise<readonly Session[]> {
    return inCall(options, (call) => findSessions(this, call));
  }

  /**
   * Serves the functions of a Python file that are marked `@expose`, in a process of their own. An agent gets them as tools or as a
   * module, and nothing else of the file. `docs/workspace.md` describes it.
   *
   * @throws `interface/start-failed` with the traceback when the file fails; `path/not-found`, `input/invalid` for the name.
   */
  serve(file: string, options: ServeOptions = {}): Promise<ServedInterface> {
    return inCall(options, (call) => serveFile(this.id, file, options, call));
  }

  /** Ends what `serve` began. */
  stopServing(name: string, options?: CallOptions): Promise<void> {
    return inCall(options, ({ engine, wait }) =>
      engine.interfaces.stop({ sandboxId: this.id, name }, wait),
    );
  }

  /**
   * Runs a command and waits for its end: a list of words as it stands, a text by the shell. What it prints comes back whole. A
   * cancelled call ends the command and everything it started.
   *
   * @throws `shell/failed` only with `check`; `shell/unavailable`, `path/not-found` for `cwd`; `sandbox/ended`.
   */
  exec(command: string | readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return inCall(options, (call) => runCommand(this.id, command, options, call));
  }

  /** Runs Python source of any length in a process of its own, with the interpreter of the sandbox's kernels. As `exec`. */
  execPython(
    source: string,
    options: Omit<ExecOptions, 'stdin'> & {
      /** What the program finds in `sys.argv[1:]`. */
      readonly args?: readonly string[];
    } = {},
  ): Promise<ExecResult> {
    return inCall(options, (call) => runPython(this.id, source, options, call));
  }

  /** All bytes of a file, or its text. @throws `path/not-found`, `file/unsupported` for a folder. */
  readFile(
    path: string,
    options?: CallOptions & { readonly encoding?: undefined },
  ): Promise<Buffer>;
  readFile(
    path: string,
    options: CallOptions & { readonly encoding: BufferEncoding },
  ): Promise<string>;
  readFile(
    path: string,
    options?: CallOptions & { readonly encoding?: BufferEncoding | undefined },
  ): Promise<Buffer | string> {
    return inCall(options, async ({ engine, wait }) => {
      const bytes = await engine.transfer.read({ sandboxId: this.id, path }, wait);
      return options?.encoding === undefined ? bytes : bytes.toString(options.encoding);
    });
  }

  /** Writes a whole file over whatever is there: beside it and then in its place. Folders above are made. */
  writeFile(path: string, content: string | Uint8Array, options?: CallOptions): Promise<void> {
    return inCall(options, ({ engine, wait }) =>
      engine.transfer.write({ sandboxId: this.id, path }, Buffer.from(content), wait),
    );
  }

  /** Copies a file or a folder of this machine into the sandbox. @throws `path/not-found`. */
  upload(localPath: string, remotePath: string, options?: CallOptions): Promise<void> {
    return inCall(options, async ({ engine, wait }) => {
      await engine.transfer.push({ sandboxId: this.id, path: remotePath }, localPath, wait);
    });
  }

  /** Copies a file or a folder of the sandbox to this machine. @throws `path/not-found`. */
  download(remotePath: string, localPath: string, options?: CallOptions): Promise<void> {
    return inCall(options, async ({ engine, wait }) => {
      await engine.transfer.pull({ sandboxId: this.id, path: remotePath }, localPath, wait);
    });
  }

  /** Makes a folder and those above it; one that is there is fine. */
  ensureDir(path: string, options?: CallOptions): Promise<void> {
    return inCall(options, ({ engine, wait }) =>
      engine.transfer.makeFolder({ sandboxId: this.id, path }, wait),
    );
  }

  /**
   * One HTTP request to a port inside, of those that the config names. It goes through the sandbox's server, with its credentials;
   * nobody else reaches the port.
   *
   * @throws `config/invalid` for a port that the config does not name; `http/failed`, `timeout`; `sandbox/ended`.
   */
  request(port: number, options: PortRequestOptions = {}): Promise<PortResponse> {
    return inCall(options, (call) => requestPort(this.id, port, options, call));
  }

  /** Keeps its file system beyond its end. Volumes, memory, variables and loaded models are not in it. @throws `backend/unavailable`. */
  snapshot(options: SnapshotOptions): Promise<SnapshotInfo> {
    return inCall(options, async ({ engine, signal }) => {
      const { description, ttlDays = 30 } = options;
      const ttlMs = Math.round(ttlDays * DAY_MS);
      const kept = await engine.sandboxes.snapshot(this.id, { description, ttlMs }, signal);
      const { snapshotId, expiresMs, remarks } = kept;
      return {
        snapshotId,
        remarks,
        ...(expiresMs !== undefined && { expiresAt: new Date(expiresMs) }),
      };
    });
  }

  /**
   * Saves the notebooks of its sessions and ends it; resolves when it is seen to be gone. Idempotent.
   *
   * @throws `sandbox/stop-failed`; `sandbox/not-owned` for one of another project, without `force`.
   */
  terminate(options?: CallOptions & { readonly force?: boolean }): Promise<EndedSandbox> {
    return inCall(options, (call) => endSandbox(this.id, options?.force === true, call));
  }

  /** How it stands now, asked of its provider. */
  info(options?: CallOptions): Promise<SandboxInfo> {
    return inCall(options, async (call) =>
      infoOf(await call.engine.sandboxes.get(this.id, call.signal), call),
    );
  }

  /** The last lines of its log, oldest first. */
  logs(options?: CallOptions & { readonly lines?: number }): Promise<readonly string[]> {
    return inCall(options, ({ engine, signal }) =>
      engine.sandboxes.logs(this.id, options?.lines ?? 100, signal),
    );
  }

  /**
   * Counts as use of its server now, so that a server without kernels stays a while longer; a kernel stays as long as something runs
   * in it, or `glovebox_keep_alive` says so there. The time limit of its engine cannot be moved: the answer says when it ends, and
   * `replace` goes on elsewhere.
   *
   * @throws `server/unreachable`, `sandbox/ended`.
   */
  keepAlive(options?: CallOptions): Promise<{ readonly deadline?: Date }> {
    return inCall(options, async ({ engine, signal }) => {
      await engine.sessions.server(this.id).kernelSpecs(signal);
      const deadlineMs = await engine.sandboxes.deadlineMs(this.id);
      return deadlineMs === undefined ? {} : { deadline: new Date(deadlineMs) };
    });
  }

  /**
   * A new sandbox in the place of this one, which ends: with the same options, from a snapshot of its disk, its models loaded again,
   * and its notebooks in fresh kernels. This one lives and keeps its kernels until the new one is ready; when a step fails, the new one
   * is ended and this one stays.
   *
   * @throws `input/invalid` where the back end cannot keep a disk, unless `withoutFiles` agrees that it is lost; as `create`;
   *   `sandbox/stop-failed` when one of the two could not be seen to end.
   */
  replace(options: ReplaceOptions = {}): Promise<ReplacedSandbox> {
    return inCall(options, async (call) => {
      const { replaced, notes } = await replaceSandbox(this.id, options, call);
      const sandbox = new Sandbox(replaced, this.#isOurs);
      this.#isOurs = false;
      return { sandbox, sessions: await findSessions(sandbox, call), notes };
    });
  }

  /** Ends the sandbox that `create` made, unless it was handed over. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    await this.terminate();
  }

  /** From now on it outlives this object. */
  handOver(): void {
    this.#isOurs = false;
  }
}

/** The configs of several, with the names that they will have. */
function eachOf(
  configs: readonly SandboxConfig[] | SandboxConfig,
  { count }: SeveralOptions = {},
): readonly SandboxConfig[] {
  if (isSeveral(configs)) {
    if (count !== undefined)
      throw invalid(
        'count goes with one config; here there are several.',
        'Leave one of the two out.',
      );
    const names = configs.flatMap(({ name }) => (name === undefined ? [] : [name]));
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice === undefined) return configs;
    throw invalid(
      `Two of the configs have the name "${twice}".`,
      'Give each a name of its own, or none.',
    );
  }
  if (count === undefined || !Number.isInteger(count) || count < 1 || count > MAX_SEVERAL)
    throw invalid(`count: must be a whole number from 1 to ${MAX_SEVERAL}.`);
  return configs.name === undefined || count === 1
    ? Array.from({ length: count }, () => configs)
    : namesOfSeveral(configs.name, count).map((name) => ({ ...configs, name }));
}

const isSeveral = (
  configs: readonly SandboxConfig[] | SandboxConfig,
): configs is readonly SandboxConfig[] => Array.isArray(configs);

const invalid = (message: string, hint?: string): GloveboxError =>
  new GloveboxError('config/invalid', message, hint === undefined ? {} : { hint });
