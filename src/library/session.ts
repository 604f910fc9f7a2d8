/** The class `Session` of the library: one notebook with one kernel in a sandbox, used from a program. */
import { readFile } from 'node:fs/promises';
import { inCall } from './call.ts';
import type { CallOptions, CodeResult, ExecCodeOptions, ModelInfo } from './contract.ts';
import { runCode } from './run-code.ts';
import type { Sandbox } from './sandbox.ts';

/** What is known of a session when its object is made. */
export interface SessionFacts {
  readonly id: string;
  /** The file in the project on this machine. */
  readonly notebookPath: string;
  /** Address of the server, without credentials. */
  readonly jupyterUrl: string;
  readonly models: readonly ModelInfo[];
}

/**
 * A session. It lives in its sandbox, and its notebook in the project: `attach_to_session` takes its id, also when this program has
 * ended. `await using` shuts one that `startNotebook` made down with the block, unless it was handed over with `emitReady`.
 */
export class Session implements AsyncDisposable {
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly notebookPath: string;
  readonly jupyterUrl: string;
  /** What stands in its memory, loaded before it was handed over. */
  readonly models: readonly ModelInfo[];
  #isOurs: boolean;

  /** Made by `sandbox.startNotebook` and `sandbox.sessions`. */
  constructor(sandbox: Sandbox, facts: SessionFacts, isOurs: boolean) {
    this.#isOurs = isOurs;
    this.id = facts.id;
    this.sandbox = sandbox;
    this.notebookPath = facts.notebookPath;
    this.jupyterUrl = facts.jupyterUrl;
    this.models = facts.models;
  }

  /**
   * Runs code in a new cell at the end of the notebook and waits for its end. Calls run one after the other, each at most once. A
   * cancelled call interrupts its code.
   *
   * @throws `code/failed` only with `check`; `session/ended`, `sandbox/ended`, `server/unreachable`.
   */
  exec(code: string, options: ExecCodeOptions = {}): Promise<CodeResult> {
    return inCall(options, (call) => runCode(this.id, code, options, call));
  }

  /** Runs a Python file of this machine, as `exec` does. @throws `path/not-found`. */
  execFile(localPath: string, options: ExecCodeOptions = {}): Promise<CodeResult> {
    return inCall(options, async (call) =>
      runCode(this.id, await readFile(localPath, 'utf8'), options, call),
    );
  }

  /** Stops the code that runs now; variables are kept. Nothing happens when nothing runs. */
  interrupt(options?: CallOptions): Promise<void> {
    return inCall(options, async ({ engine, signal }) => {
      const session = await engine.sessions.get(this.id, signal);
      const { current } = session.queue;
      if (current !== undefined) await session.cancelRun(current);
    });
  }

  /**
   * A fresh kernel for the same notebook: all variables are gone, the models are loaded again unless `preload` is false, and then
   * the imports and the init code that the notebook was started with.
   */
  restart(options?: CallOptions & { readonly preload?: boolean }): Promise<void> {
    return inCall(options, async ({ engine, signal, wait }) => {
      const session = await engine.sessions.get(this.id, signal);
      await engine.sessions.restart(session, wait, async () => {
        if (options?.preload !== false) await engine.sessions.preload(session, wait);
        return engine.workspace.beginAgain(session, wait);
      });
    });
  }

  /** Saves the notebook and ends the kernel; the sandbox stays. */
  shutdown(options?: CallOptions): Promise<void> {
    this.#isOurs = false;
    return inCall(options, ({ engine, signal }) => engine.sessions.shutdown(this.id, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOurs) await this.shutdown();
  }

  /** From now on it outlives this object, and so does its sandbox. */
  handOver(): void {
    this.#isOurs = false;
    this.sandbox.handOver();
  }
}
