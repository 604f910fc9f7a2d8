/** What one session is made of: what it may do, and whom it works with. */
import type { JupyterServer } from '#jupyter/contract.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { SandboxStatus } from '#sandbox/backend.ts';
import type { SessionRecord } from './contract.ts';
import type { RunJournal } from './journal.ts';
import type { SessionLimits } from './limits.ts';
import type { SecretForms } from './output-mask.ts';

export interface SessionSettings {
  readonly kernelReadyMs: number;
  readonly maxOutputBytes: number;
  readonly allowStdin: boolean;
  /** What the client's cancelling of a call does to its run. */
  readonly onCancel: 'interrupt' | 'detach';
  /** Run in idle kernels 5 minutes before the time limit of their sandbox. */
  readonly onExpire?: string | undefined;
  readonly limits?: SessionLimits;
}

export interface SessionOptions {
  readonly record: SessionRecord;
  /** Undefined for a scratch kernel. */
  readonly notebook: OpenNotebook | undefined;
  readonly server: JupyterServer;
  readonly journal: RunJournal;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: SessionSettings;
  /** The Python that tells how the last execution of a kernel ended; without it nothing is recalled. */
  readonly recallSource?: (() => Promise<string>) | undefined;
  /** The Python that does what a session begins with; without it a process that Jupyter starts by itself begins empty. */
  readonly beginSource?: (() => Promise<string>) | undefined;
  readonly sandboxStatus: (signal: AbortSignal) => Promise<SandboxStatus>;
  /** Of its sandbox, as far as they are known here; read before the first output. */
  readonly secrets?: (() => Promise<SecretForms | undefined>) | undefined;
  /** Changes the record on disk and answers it as it is then. */
  updateRecord(change: Partial<SessionRecord>): Promise<SessionRecord>;
}
