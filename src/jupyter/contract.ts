/** What the wire client promises to the code above it: the REST side, the channel of one kernel, and one execution. */
import type { EndpointSource } from '#core/endpoint.ts';
import type { Clock } from '#platform/clock.ts';

/** Jupyter messaging protocol 5.3, section "General message format". Unknown fields are kept. */
export interface MessageHeader {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username?: string;
  readonly date?: string;
  readonly version?: string;
}

export const CHANNELS = ['shell', 'iopub', 'control', 'stdin'] as const;
export type ChannelName = (typeof CHANNELS)[number];

export interface KernelMessage {
  readonly channel: ChannelName;
  readonly header: MessageHeader;
  /** Empty for a message without parent. */
  readonly parentHeader: Partial<MessageHeader>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, unknown>>;
  /** Binary buffers of widgets; parsed and passed on, never interpreted. */
  readonly buffers: readonly Uint8Array[];
}

/** `kernel_info_reply`, the fields that are used. */
export interface KernelInfo {
  readonly implementation: string;
  readonly languageInfo: Readonly<Record<string, unknown>>;
  readonly banner: string;
}

export interface KernelSpec {
  readonly name: string;
  readonly displayName: string;
  readonly language: string;
  readonly interruptMode: 'signal' | 'message';
}

/** One kernel as `GET /api/kernels` tells it. `executionState` is a hint and never proof of life (C22). */
export interface KernelModel {
  readonly id: string;
  readonly name: string;
  readonly executionState: string;
  readonly connections: number;
  /** ISO 8601. */
  readonly lastActivity: string;
}

/** One Jupyter session: a notebook path bound to a kernel, so that Jupyter's own user interface shows the pair. */
export interface JupyterSessionModel {
  readonly id: string;
  readonly path: string;
  readonly kernel: KernelModel;
}

/**
 * The REST side of one Jupyter server (C1, C2). Stateless; every call asks the endpoint source again.
 *
 * Failures, the same for every method: `server/unreachable` (refused, reset, no answer in time), `server/refused` (401, 403),
 * `server/error` (any other unexpected status, with the server's own message in the text), `cancelled`.
 */
export interface JupyterServer {
  readonly endpoint: EndpointSource;
  /** Whether the server is ours and healthy: `GET /api/status` with the token, 10 s. */
  status(
    signal?: AbortSignal,
  ): Promise<{ readonly started: string; readonly kernels: number; readonly connections: number }>;
  kernelSpecs(
    signal?: AbortSignal,
  ): Promise<{ readonly default: string; readonly specs: readonly KernelSpec[] }>;
  listSessions(signal?: AbortSignal): Promise<readonly JupyterSessionModel[]>;
  /** Starts a kernel and binds it to `path` (relative to the server's root). Returns while it is still starting. 60 s. */
  createSession(
    request: { readonly path: string; readonly name: string; readonly kernelName: string },
    signal?: AbortSignal,
  ): Promise<JupyterSessionModel>;
  /** Binds a session to another kernel, after a new one was started in place of a lost one. */
  rebindSession(
    sessionId: string,
    kernelId: string,
    signal?: AbortSignal,
  ): Promise<JupyterSessionModel>;
  /** Ends the session and its kernel. A session that is not there counts as done. */
  deleteSession(sessionId: string, signal?: AbortSignal): Promise<void>;
  listKernels(signal?: AbortSignal): Promise<readonly KernelModel[]>;
  /**
   * `undefined` means Jupyter's own 404: the kernel is gone. Any other failure, the 404 of a proxy included, throws and proves
   * nothing about the kernel.
   */
  kernel(kernelId: string, signal?: AbortSignal): Promise<KernelModel | undefined>;
  /** A kernel without a notebook; `path` is the folder it starts in, relative to the root. */
  startKernel(
    request: { readonly name: string; readonly path?: string },
    signal?: AbortSignal,
  ): Promise<KernelModel>;
  /** @throws also `kernel/gone`. */
  interruptKernel(kernelId: string, signal?: AbortSignal): Promise<void>;
  /** Resolves when the new process answers; call `ready` before the next run. @throws also `kernel/gone`. */
  restartKernel(kernelId: string, signal?: AbortSignal): Promise<void>;
  /** 404 counts as done. */
  deleteKernel(kernelId: string, signal?: AbortSignal): Promise<void>;
}

/** Something about the connection or the kernel that is not output of a run. Delivered in the order it was learnt. */
export type ChannelEvent =
  /**
   * A socket is open. Whether it is the same process is unknown until the kernel has answered, for which it is asked at once.
   * With `otherClients` above 0 whatever was printed since `disconnected` may be lost (C13).
   */
  | { readonly type: 'connected'; readonly atMs: number; readonly otherClients: number }
  /** The socket is down; the channel reconnects by itself (C14). */
  | { readonly type: 'disconnected'; readonly atMs: number; readonly reason: string }
  /** The server said 404: the kernel is gone. Final. */
  | { readonly type: 'kernel-gone' }
  /** The server said 401 or 403. Final. */
  | { readonly type: 'refused' }
  /** A `status` broadcast without parent: `restarting`, `autorestarting` or `dead` (C24). */
  | {
      readonly type: 'kernel-status';
      readonly state: 'restarting' | 'autorestarting' | 'dead';
      readonly atMs: number;
    }
  /** Messages now carry another `header.session`: this is a new kernel process and all variables are lost (C23). */
  | {
      readonly type: 'process-changed';
      readonly from: string;
      readonly to: string;
      readonly atMs: number;
    }
  /** Another client runs code; `code` is known once its `execute_input` was seen. */
  | { readonly type: 'foreign'; readonly state: 'busy' | 'idle'; readonly code?: string }
  /** An output of a run that is already finished (C19): a thread that still prints. */
  | { readonly type: 'late-output'; readonly parentId: string; readonly message: KernelMessage }
  /** A frame that could not be decoded. It is dropped; nothing else is affected (C10). */
  | { readonly type: 'malformed'; readonly reason: string };

export interface ExecuteRequest {
  /** Minted and stored by the caller BEFORE this call (C16). */
  readonly msgId: string;
  readonly code: string;
  readonly silent?: boolean;
  readonly storeHistory?: boolean;
  readonly allowStdin?: boolean;
}

export interface ExecutionHandlers {
  /** iopub messages of this request in order: stream, display_data, update_display_data, execute_result, error, clear_output, execute_input, status. */
  onMessage(message: KernelMessage): void;
  /** The kernel waits for a line. Answered with `sendInput`. */
  onInputRequest?(request: { readonly prompt: string; readonly password: boolean }): void;
  /**
   * The kernel is done while its last broadcasts, the idle at least, are still on their way. Not called when they were here first.
   */
  onReply?(reply: ExecuteReply): void;
}

/** The `execute_reply`, the fields that are used. */
export interface ExecuteReply {
  readonly status: 'ok' | 'error' | 'aborted';
  readonly executionCount: number | null;
  readonly payload: readonly Readonly<Record<string, unknown>>[];
  readonly error?: {
    readonly name: string;
    readonly value: string;
    readonly traceback: readonly string[];
  };
  /**
   * The idle of this request never came although later broadcasts did: the kernel printed faster than the server could read,
   * so some of its output is lost. Absence proves nothing: only the loss of the idle can be noticed.
   */
  readonly outputLost?: true;
  /**
   * The kernel's word that it begins this request, which precedes all output, never came: the server did not hear the kernel yet,
   * as in the moment of a restart. What was printed first may be lost.
   */
  readonly beginLost?: true;
}

/** One request in the kernel. The channel never sends it twice, and a reconnect does not end it. */
export interface Execution {
  readonly msgId: string;
  /** Resolves when the reply AND idle for this request were seen (C19). Never rejects; stays pending while nobody knows. */
  readonly finished: Promise<ExecuteReply>;
  /** Resolves when the kernel first showed a sign of this request (busy, execute_input, output or reply). */
  readonly started: Promise<void>;
  /** Stops listening. The request in the kernel is not touched. */
  release(): void;
}

export interface KernelChannelOptions {
  readonly server: JupyterServer;
  readonly kernelId: string;
  /** Stable across reconnects and stored with the session (C12). Two live processes never share one. */
  readonly connectionId: string;
  /** `header.session` of the kernel process when it was last seen; lets a restart be noticed (C23). */
  readonly lastProcess?: string;
  readonly clock: Clock;
  onEvent(event: ChannelEvent): void;
}

/** The one socket of this process to one kernel (C11), kept open and reopened as long as it is not closed. */
export interface KernelChannel {
  readonly kernelId: string;
  readonly connected: boolean;
  /** `header.session` of the kernel process that answers now; `undefined` before its first message. */
  readonly process: string | undefined;
  /** Another client's code is running, as far as the broadcasts tell. */
  readonly foreignBusy: boolean;

  /** Opens the socket. @throws `kernel/gone`, `server/refused`, `server/unreachable`, `cancelled`. */
  connect(signal?: AbortSignal): Promise<void>;

  /**
   * Resolves when the control channel answered a `kernel_info_request` and iopub showed its `status` (C15). A busy kernel answers.
   * Always asks anew. Call it after `connect`, `connected` and a restart, before the next `execute`: until iopub is proven, the
   * server may drop output.
   *
   * @throws `kernel/start-failed` after `timeoutMs`, `kernel/gone`, `kernel/dead`, `server/refused`, `cancelled`.
   */
  ready(timeoutMs: number, signal?: AbortSignal): Promise<KernelInfo>;

  /**
   * Sends one execute_request on shell, at once and exactly once.
   *
   * @throws `input/too-large` over 8 MiB of code, before anything is sent. `server/unreachable` when there is no open socket,
   *   again before anything is sent. After a successful return the request counts as sent for ever.
   */
  execute(request: ExecuteRequest, handlers: ExecutionHandlers): Execution;

  /** Listens again for a request that an earlier process sent; what the server replays is delivered. Sends nothing. */
  adopt(msgId: string, handlers: ExecutionHandlers): Execution;

  /** Whether the kernel answers on control within `timeoutMs`; `false` proves nothing else. */
  pingControl(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;

  /** Asks the kernel process for its pid and memory (`usage_request` on control); `undefined` where it is not supported. */
  usage(
    timeoutMs: number,
  ): Promise<{ readonly pid?: number; readonly memoryBytes?: number } | undefined>;

  /** For kernels with `interrupt_mode: message`. */
  interruptByMessage(): void;

  /** Answers the open input request of that execution. */
  sendInput(msgId: string, value: string): void;

  /** Closes the socket properly and stops reconnecting; abandoned after 5 s. The kernel lives on. Idempotent. */
  close(): Promise<void>;
}
