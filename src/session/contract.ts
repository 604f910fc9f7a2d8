/** The words of sessions and runs: their states, what is stored of them, and what a reader is told. */
import type { CellOutput, KernelSpecMetadata } from '#notebook/contract.ts';
import type { LoadedModel } from './loaded-models.ts';
import type { ProcessIdentity } from '#platform/process-identity.ts';

/**
 * The life of a run.
 *
 * `queued` waits for its turn here. `sending` is written to disk before the bytes leave. `sent` is in the kernel, which gave no sign
 * yet. `running` and `waiting_input` are certain. The rest is final; `not_started` is certain that nothing was executed, `lost` that
 * the kernel process ended, `output_unknown` that the code ended and that its result was not seen.
 */
export const RUN_STATES = [
  'queued',
  'sending',
  'sent',
  'running',
  'waiting_input',
  'ok',
  'error',
  'aborted',
  'cancelled',
  'interrupted',
  'not_started',
  'lost',
  'output_unknown',
] as const;
export type RunState = (typeof RUN_STATES)[number];

const UNFINISHED: ReadonlySet<RunState> = new Set([
  'queued',
  'sending',
  'sent',
  'running',
  'waiting_input',
]);
export const isFinal = (state: RunState): boolean => !UNFINISHED.has(state);

/** Why the kernel of a session is not what it was. */
export type LossClass = 'server_gone' | 'kernel_dead' | 'kernel_gone' | 'kernel_restarted';

/** One run on disk: `runs/<run_id>.jsonl`. Written by the process that owns it, read by all. */
export interface RunRecord {
  readonly version: 1;
  readonly id: string;
  readonly sessionId: string;
  /** `msg_id` of the execute_request: the run's identity in the kernel. */
  readonly msgId: string;
  readonly code: string;
  /** Absent for scratch code, which has no cell. */
  readonly cellId?: string;
  /** The cell that stood before ours when it was inserted; lets a recovery put it back in its place. */
  readonly afterCellId?: string;
  /** The run made the cell itself, so a recovery may have to insert it. */
  readonly insertedCell: boolean;
  readonly storeHistory: boolean;
  /** Generation of the session's kernel that the code was meant for. */
  readonly generation: number;
  readonly owner: ProcessIdentity;
  readonly state: RunState;
  readonly createdMs: number;
  readonly sentMs?: number;
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly executionCount?: number | null;
  readonly error?: { readonly name: string; readonly value: string };
  readonly loss?: LossClass;
  /** One or two sentences about how it ended, when the state alone does not say it. */
  readonly explanation?: string;
  /** What happened around it, as `RunView.notices`; kept so that a later process tells it too. */
  readonly notices?: readonly string[];
  /** The notebook on disk holds the cell with its final outputs. */
  readonly saved: boolean;
  /** Runs of one call that stop at the first error. */
  readonly group?: string;
  /** Part of a restore, which stops at an exception or goes on after it. Its cell is on disk before the next one is sent. */
  readonly restore?: 'stop' | 'continue';
  /** Our own look at the kernel: it counts nothing and shows nothing to other clients. */
  readonly silent?: boolean;
}

/** What a reader is told of a run at one moment. */
export interface RunView {
  readonly id: string;
  readonly sessionId: string;
  readonly state: RunState;
  readonly cell?: { readonly id: string; readonly index: number | undefined };
  readonly executionCount: number | null;
  readonly outputs: readonly CellOutput[];
  /** Text that was dropped because one cell printed more than the notebook takes; it is in the run's output file. */
  readonly droppedBytes: number;
  /** Since it was sent, in milliseconds; up to its end when it has ended. */
  readonly elapsedMs: number;
  /** How many runs of the same session go first; 0 when it is its turn. */
  readonly queuePosition: number;
  readonly error?: { readonly name: string; readonly value: string };
  readonly loss?: LossClass;
  readonly explanation?: string;
  /** What a queued run waits for, when it is not the runs before it: another client's cell, a lost connection. */
  readonly obstacle?: string;
  /** The prompt of the open `input()`. */
  readonly inputPrompt?: string;
  /** Code that the cell suggests for the next one (`%load`, `%recall`). */
  readonly suggestedCode?: string;
  /** What happened around it: connection trouble, changes on disk, an edited source. */
  readonly notices: readonly string[];
}

/** What a kernel does before anybody uses it. */
export interface SessionBeginning {
  /** Modules that are imported into the namespace. */
  readonly imports: readonly string[];
  /** Python that runs hidden after models and imports. */
  readonly initCode?: string;
  /** Variables for the environment of the kernel. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One session on disk: `sessions/<session_id>.json`. Changed only by compare-and-swap. */
export interface SessionRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly projectDir: string;
  /** Real path of the notebook; empty for a scratch kernel. */
  readonly notebookPath: string;
  readonly kernelId: string;
  readonly kernel: KernelSpecMetadata;
  readonly interruptMode: 'signal' | 'message';
  /** Jupyter's own session, which shows notebook and kernel as a pair in its user interface. */
  readonly jupyterSessionId?: string;
  /** The connection's identity at the server; only the owner uses it. */
  readonly connectionId: string;
  /** `header.session` of the kernel process when it was last seen. */
  readonly process: string | null;
  /** Counts kernel processes, from 1. A new number means that all variables are lost. */
  readonly generation: number;
  /** Generation of the sandbox's server in which the kernel lives. */
  readonly serverGeneration: number;
  /** False for a kernel that somebody else started; it is never deleted or restarted unasked. */
  readonly ownsKernel: boolean;
  readonly owner: ProcessIdentity;
  readonly createdMs: number;
  /** Why there is no kernel, until `restart_kernel` makes a new one. A kernel that Jupyter restarted is one, so it is not told here. */
  readonly loss: {
    readonly class: LossClass;
    readonly message: string;
    readonly atMs: number;
  } | null;
  /** A loss that no answer has told of yet; whoever carries the session on tells it. */
  readonly news?: string | null;
  /** Where the notebook's copy lies below the root of the sandbox's server, which does not see the notebook itself (D12). */
  readonly copyPath?: string;
  /** Address of the notebook in JupyterLab, without credentials. */
  readonly browserUrl?: string;
  /** What each new kernel of the session does first, besides loading models. */
  readonly beginning?: SessionBeginning;
  /** Set when the session was shut down. */
  readonly endedMs?: number;
  readonly endReason?: string;
  /** A kernel without notebook that must not outlive its runs. */
  readonly scratch?: boolean;
  /** A scratch kernel for programs of ours: what runs in it is carried on by the next process, and not ended with this one. */
  readonly helper?: boolean;
  /** What was loaded into its kernel of that generation before anybody used it; `modelsIn` reads it. */
  readonly models?: { readonly generation: number; readonly loaded: readonly LoadedModel[] };
}

/** What a reader is told of a session. */
export interface SessionView {
  readonly id: string;
  readonly sandboxId: string;
  readonly notebookPath: string;
  readonly kernelName: string;
  readonly kernelId: string;
  readonly generation: number;
  readonly state:
    | 'idle'
    | 'busy'
    | 'foreign-busy'
    | 'disconnected'
    | 'lost'
    | 'not-attached'
    | 'ended';
  /** Sentence for a person about the state. */
  readonly detail?: string;
  readonly ownsKernel: boolean;
  readonly runs: readonly {
    readonly id: string;
    readonly state: RunState;
    readonly elapsedMs: number;
  }[];
  /** As in `SessionRecord`. */
  readonly copyPath?: string;
  /** Address of the notebook in JupyterLab, without credentials. */
  readonly browserUrl?: string;
}
