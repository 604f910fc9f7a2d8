/** What the command line needs of the world. `main` provides it; tests provide a small one. */
import type { Config, Flags } from '#config/config.ts';
import type { RunView, SessionView } from '#session/contract.ts';
import type { RestReader } from '#session/rest-of-output.ts';
import type { Replacements } from '#session/replace-sandbox.ts';
import type { Sessions } from '#session/sessions.ts';
import type { Approvals } from '#policy/approvals.ts';
import type { Caps, StoredCaps } from '#policy/caps.ts';
import type { Ledger } from '#policy/ledger.ts';
import type { Tool, ToolContext, ToolResult, ToolServices } from '#tools/define-tool.ts';
import type { Uploads } from '#transcripts/uploads.ts';

export type Progress = Parameters<ToolContext['report']>[0];
export type Sandboxes = ToolServices['sandboxes'];
export type SandboxView = Awaited<ReturnType<Sandboxes['get']>>;
export type SandboxWait = Parameters<Sandboxes['wait']>[1];
export type RunOutput = RunView['outputs'][number];

export interface CliStream {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
  /** Its reader went away. */
  readonly isClosed?: boolean;
}

export interface CliClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never go back. */
  monotonic(): number;
  /** Calls back once after `ms`; the returned function cancels. A background timer keeps no process alive. */
  after(ms: number, callback: () => void, options?: { readonly background?: boolean }): () => void;
}

/** The parts of a run that commands use. */
export interface CliRun {
  readonly id: string;
  readonly state: RunView['state'];
  readonly isFinal: boolean;
  /** Until it has ended, wants input, or `waitMs` are over. @throws `cancelled` when the signal fires. */
  wait(options: SandboxWait): Promise<void>;
  view(): RunView;
  /** Tells of what the run has no room to keep, from now on. */
  followRest(reader: RestReader): void;
}

/** The parts of a session that commands use. */
export interface CliSession {
  readonly id: string;
  readonly notebook: {
    readonly path: string;
    cells(): readonly CliCell[];
    flush(): Promise<unknown>;
  };
  runCells(
    refs: readonly string[],
  ): Promise<readonly { readonly cell: CliCell; readonly run: CliRun | undefined }[]>;
  execute(options: { readonly code: string; readonly timeoutMs?: number }): Promise<CliRun>;
  scratch(code: string, timeoutMs?: number): CliRun;
  interrupt(run: CliRun | undefined): Promise<unknown>;
}

export interface CliCell {
  readonly id: string;
  readonly index: number;
  readonly type: 'code' | 'markdown' | 'raw';
  readonly source: string;
}

/** The parts of `Sessions` that commands use. */
export interface CliSessions extends Pick<Sessions, 'endAllIn'> {
  list(all: boolean): Promise<readonly SessionView[]>;
  get(id: string, signal: AbortSignal): Promise<CliSession>;
  shutdown(id: string, signal: AbortSignal): Promise<unknown>;
  runScratch(
    request: Parameters<Sessions['runScratch']>[0],
    wait: SandboxWait,
  ): Promise<{ readonly session: CliSession; readonly run: CliRun }>;
}

/** The parts of `Sandboxes` that commands use. */
export type CliSandboxes = Pick<
  Sandboxes,
  | 'backends'
  | 'backend'
  | 'defaultBackend'
  | 'checkOptions'
  | 'resolve'
  | 'create'
  | 'createSeveral'
  | 'list'
  | 'get'
  | 'wait'
  | 'stop'
  | 'logs'
  | 'origin'
> & { readonly waysIn: Pick<Sandboxes['waysIn'], 'openPage' | 'openPort'> };

/** What commands use of policy. */
export interface CliPolicy extends Pick<ToolServices, 'authorize' | 'spend'> {
  readonly approvals: Approvals;
  readonly ledger: Pick<Ledger, 'entries'>;
  /** The caps in force, and where the terminal has set them. */
  loadCaps(): Promise<{ readonly caps: Caps; readonly stored: StoredCaps }>;
  saveStoredCaps(caps: StoredCaps): Promise<void>;
}

/** The upload of transcripts. */
export type CliUploads = Uploads;

/** Everything that works on the user's project. Opened once per command, and only by commands that need it. */
export interface CliServices {
  readonly projectDir: string;
  readonly sessions: CliSessions;
  readonly sandboxes: CliSandboxes;
  readonly interfaces: Pick<ToolServices['interfaces'], 'serve' | 'stop' | 'list' | 'describe'>;
  /** Runs a tool of `CliHost.tools` with services of this project. */
  callTool(
    tool: Tool,
    input: unknown,
    call: Pick<ToolContext, 'signal' | 'report' | 'ask' | 'approvedMaxMicroUsd'>,
  ): Promise<ToolResult>;
  readonly policy: CliPolicy;
  readonly replacements: Pick<Replacements, 'plan' | 'replace'>;
  /** Puts everything on disk and lets go; kernels and sandboxes live on. */
  close(): Promise<void>;
}

/** What the Hub says about Jobs of the user. */
export type HuggingfaceFacts =
  | { readonly kind: 'no-token' }
  | {
      readonly kind: 'failed';
      readonly source: string;
      readonly message: string;
      readonly hint: string;
    }
  | {
      readonly kind: 'account';
      /** The variable, option or file of the token. */
      readonly source: string;
      readonly name: string;
      readonly organisations: readonly string[];
      readonly role: string | undefined;
      /** Where Jobs go when a call does not say it. */
      readonly namespace: string;
      /** Jobs of it that have not ended, whoever started them. */
      readonly openJobs: number;
      readonly flavors: number;
      readonly hasLivePrices: boolean;
    };

/** Facts for `doctor`. Each may take seconds, and throws a GloveboxError that says what is wrong and what to do. */
export interface DoctorProbes {
  readonly nodeVersion: string;
  readonly platform: string;
  /** The state folder; never made by looking. */
  stateFolder(config: Config): Promise<{
    readonly path: string;
    readonly exists: boolean;
    /** Permission bits, where the system has them. */
    readonly mode?: number;
    readonly isWritable: boolean;
    readonly freeBytes?: number;
  }>;
  /** The interpreter kernels run on. @throws `python/missing`. */
  kernelPython(
    config: Config,
    signal: AbortSignal,
  ): Promise<{
    readonly path: string;
    readonly version: string;
    /** Why this one: `GLOVEBOX_PYTHON`, `.venv of the project`. */
    readonly reason: string;
    readonly hasIpykernel: boolean;
  }>;
  /** The environment that Glovebox makes for itself. `absent` is fine: it is made at the first start. */
  managedEnvironment(
    config: Config,
    signal: AbortSignal,
  ): Promise<{
    readonly path: string;
    readonly state: 'absent' | 'ready' | 'broken';
    /** Version of jupyter_server in it, or what is broken. */
    readonly detail?: string;
  }>;
  /** Absolute path of a program on the PATH. */
  findProgram(name: string): Promise<string | undefined>;
  /** What goes along to remote services, by the name of its source and never by its value, and what their answers take on disk. */
  remoteServices(config: Config): Promise<{
    readonly tokens: readonly {
      readonly service: string;
      readonly host: string;
      readonly source: string | undefined;
    }[];
    readonly cacheBytes: number;
  }>;
  /** Whether machines can be had at Modal, from what lies here: nobody is asked. */
  modal(config: Config): Promise<{
    readonly hasToken: boolean;
    /** Who pays, as far as it is known here. */
    readonly account: string | undefined;
  }>;
  /** Whether Jobs can be had on the Hub. Asks it, where there is a token, for some seconds. @throws `cancelled`. */
  huggingface(config: Config, signal: AbortSignal): Promise<HuggingfaceFacts>;
  /** Record files that could not be read and were set aside. */
  damagedRecords(config: Config): Promise<readonly string[]>;
}

/** What a set-up script tells the command that runs it. */
export interface ScriptEvents {
  /** It is about to make this sandbox. */
  readonly onCreated: (sandboxId: string) => void;
  /** The one line that it is run for. */
  readonly onReady: (line: string) => void;
}

export interface CliHost {
  readonly version: string;
  readonly cwd: string;
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly clock: CliClock;
  /** All tools, also of toolsets that are switched off. */
  readonly tools: readonly Tool[];
  readonly probes: DoctorProbes;
  loadConfig(flags: Flags): Promise<Config>;
  openServices(config: Config): Promise<CliServices>;
  openUploads(config: Config): Promise<CliUploads>;
  /** Takes secrets out of a text that is about to be shown; without a configuration only those of a known shape. Never rejects. */
  redact(config: Config | undefined, text: string): Promise<string>;
  /** Puts a question to the person at the terminal; `unavailable` where there is none. Anything but a clear yes is a no. */
  readonly ask: ToolContext['ask'];
  /** What the person at the terminal types; undefined where there is no terminal, and where an agent runs the command. */
  readonly prompt: (text: string, signal: AbortSignal) => Promise<string | undefined>;
  /** An agent runs the command: it can approve nothing. */
  readonly isRunByAgent: boolean;
  /** All of stdin as text. */
  readonly readStdin: () => Promise<string>;
  /** Calls back on every Ctrl-C (and SIGTERM) until the returned function is called. */
  onInterrupt(callback: () => void): () => void;
  /** Opens a file in the user's browser; false where there is none. */
  openInBrowser(file: string): Promise<boolean>;
  /**
   * Opens the shared SSH connection to a destination in this terminal. @throws `host/login-needed`, `host/unreachable`,
   * `config/invalid`, `cancelled`.
   */
  logIn(
    config: Config,
    destination: string,
    signal: AbortSignal,
  ): Promise<{ readonly wasOpen: boolean }>;
  /**
   * Runs a set-up script in a process of its own, whose stdout is our stderr, as it is for its children. Resolves when it has ended.
   * The signal asks it to give up what it is doing; one that has not ended 30 s later is killed. @throws `path/not-found`.
   */
  runScript(
    request: { readonly file: string; readonly args: readonly string[] },
    events: ScriptEvents,
    signal: AbortSignal,
  ): Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Writes a new file, 0600, and returns its path. `folder` is made; the default is one below the state folder. */
  saveFile(
    config: Config,
    name: string,
    data: Uint8Array,
    folder: string | undefined,
  ): Promise<string>;
  /** Serves MCP on stdin and stdout until its client ends it. */
  serveMcp(): Promise<void>;
}
