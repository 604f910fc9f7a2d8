/** The words of the library, for programs: what its calls take and give. Everything here is public. */
import type { Library } from '#workspace/library.ts';

/** Every call takes these. */
export interface CallOptions {
  /** Ends the call with `cancelled`. What a call has started in a kernel is interrupted; what `create` has made is ended. */
  readonly signal?: AbortSignal;
  /** Told how far the call is. Default: nothing in a program, lines on stderr in a set-up script. */
  readonly onProgress?: (progress: CallProgress) => void;
}

export interface SeveralOptions extends CallOptions {
  /** With one config: so many of it, at most 16. */
  readonly count?: number;
}

export interface CallProgress {
  readonly message: string;
  /** Finished and total, when they are known. */
  readonly done?: number;
  readonly total?: number;
}

/** How a sandbox stands. The words are those of `docs/library.md`. */
export interface SandboxInfo {
  readonly id: string;
  readonly name: string;
  readonly backend: string;
  readonly state:
    | 'preparing'
    | 'queued'
    | 'starting'
    | 'ready'
    | 'unreachable'
    | 'suspended'
    | 'stopping'
    | 'ended'
    | 'unknown';
  /** The back end's own words about the state. */
  readonly detail?: string;
  /** Why it is gone; there when, and only when, `state` is `ended`. */
  readonly end?: { readonly cause: string; readonly message: string; readonly at?: Date };
  /** Address of its Jupyter server, without credentials; only while it is ready. */
  readonly jupyterUrl?: string;
  readonly createdAt: Date;
  /** When its engine ends it, whatever runs; absent without a limit. */
  readonly deadline?: Date;
  /** US dollars per hour, as an estimate; absent is free or unknown. */
  readonly usdPerHour?: number;
  /** What it runs on. */
  readonly host?: string;
  /** What it was asked for with, defaults included, in the names that `create` takes. Holds no secret. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Its sessions that live. */
  readonly sessions: readonly { readonly id: string; readonly notebookPath: string }[];
}

export interface ExecOptions extends CallOptions {
  /** Default: the root of the sandbox's server, which is the project or the workspace. */
  readonly cwd?: string;
  /** Without it the command finds the end of its input at once. */
  readonly stdin?: string;
  /** When the command and everything it started is ended. Default: one hour. */
  readonly timeoutSeconds?: number;
  /** Throw `shell/failed` when the exit code is not 0. Default: false. */
  readonly check?: boolean;
  /** Called with what is printed, as it comes. */
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
}

/** How a command ended. */
export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
}

export interface PortRequestOptions extends CallOptions {
  /** With its query. Default: `/`. */
  readonly path?: string;
  /** Default: GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Default: 60. */
  readonly timeoutSeconds?: number;
}

/** Whatever was answered: 4xx and 5xx are answers too. */
export interface PortResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
}

export interface StartNotebookOptions extends CallOptions {
  /** Names the file: `<name>.ipynb` in the folder of notebooks. An existing file is never overwritten. */
  readonly name: string;
  /** Kernel name, e.g. python3 or ir. Default: the one of the sandbox. */
  readonly kernel?: string;
  /** Load the models of the sandbox into the kernel. Default: true. */
  readonly preload?: boolean;
  /** Modules and packages that the notebook can import, each tried once before the kernel starts. */
  readonly libraries?: readonly Library[];
  /** Modules that are imported before the first cell, and after each restart. */
  readonly imports?: readonly string[];
  /** Python that runs hidden after models and imports, and after each restart. */
  readonly initCode?: string;
}

export interface ServeOptions extends CallOptions {
  /** Default: the name of the file. Lower case letters, digits and underscores. One that is served already is replaced. */
  readonly name?: string;
  /** `mcp`: tools of the Glovebox server. `library`: a module for kernels of the sandbox. `prompt`: words. Default: `mcp`. */
  readonly expose?: 'mcp' | 'library' | 'prompt';
  /** Agents may do nothing else in this sandbox until the interface is stopped. Default: false. */
  readonly only?: boolean;
  /** How long a call may take. Default: `rpcTimeoutSeconds` of the sandbox, else 600. */
  readonly rpcTimeoutSeconds?: number;
  /** How long the file may take to load, models included. Default: 3600. */
  readonly startTimeoutSeconds?: number;
}

export interface ServedInterface {
  readonly name: string;
  readonly expose: 'mcp' | 'library' | 'prompt';
  readonly functions: readonly {
    readonly name: string;
    readonly description: string;
    /** JSON Schema of the arguments. */
    readonly input: Readonly<Record<string, unknown>>;
  }[];
  /** All of it in words, for a prompt. */
  readonly description: string;
}

/** One model in the memory of a kernel. A hidden one says `<hidden>` where its name would stand. */
export interface ModelInfo {
  readonly var_name: string;
  readonly tokenizer_var: string;
  readonly id: string;
  readonly revision: string;
  readonly class: string;
  readonly device: string;
  readonly dtype: string;
  readonly parameters: number;
  readonly layers: number | null;
  readonly hidden_size: number | null;
  readonly vocab_size: number | null;
  readonly adapters: readonly string[];
}

export interface ExecCodeOptions extends CallOptions {
  /** No cell, no execution number, no history. The variables are those of the session. Default: false. */
  readonly hidden?: boolean;
  /** Interrupt the code after that. Default: never. */
  readonly timeoutSeconds?: number;
  /** Throw `code/failed` when it does not end well. Default: false. */
  readonly check?: boolean;
}

/** One output as a notebook stores it (nbformat 4). */
export type Output = Readonly<Record<string, unknown>> & { readonly output_type: string };

/** How code ended. */
export interface CodeResult {
  readonly runId: string;
  /**
   * - `ok`, `error` (an exception of its own), `interrupted`: it ended so.
   * - `aborted`, `cancelled`, `not_started`: nothing of it was executed.
   * - `lost`: its kernel ended while it ran. `output_unknown`: it ended, and how was not seen.
   */
  readonly state: string;
  /** All outputs as text, as a reader of the notebook sees them. */
  readonly text: string;
  readonly outputs: readonly Output[];
  readonly error?: { readonly name: string; readonly value: string; readonly traceback: string };
  /** Why, when the state alone does not say it. */
  readonly explanation?: string;
  /** Its cell in the notebook; absent for hidden code. */
  readonly cellId?: string;
  readonly executionCount: number | null;
}

export interface SnapshotOptions extends CallOptions {
  /** What is in it, for whoever looks later. */
  readonly description: string;
  /** Days until the provider deletes it. Default: 30. */
  readonly ttlDays?: number;
}

export interface SnapshotInfo {
  /** For `Sandbox.fromSnapshot`. */
  readonly snapshotId: string;
  readonly expiresAt?: Date;
  /** Sentences: what is not in it. */
  readonly remarks: readonly string[];
}

export interface ReplaceOptions extends CallOptions {
  /** Do not replace it when the new one could cost more. */
  readonly maxCostUsd?: number;
  /** Also where the back end cannot keep its disk, and what was written there is lost. Default: false. */
  readonly withoutFiles?: boolean;
}

export interface ListOptions extends CallOptions {
  readonly backend?: string;
  /** Also those of other projects. Default: false. */
  readonly allProjects?: boolean;
  /** Also those that have ended lately. Default: false. */
  readonly includeEnded?: boolean;
  /** Only those that were asked for with all of these. */
  readonly tags?: Readonly<Record<string, string>>;
}
