/** What the upload of transcripts promises, and what the queue holds about each. */
import type { ProcessIdentity } from '#platform/process-identity.ts';
import type { SecretCount } from '#policy/redaction/secret-classes.ts';

/**
 * Parts of a transcript that are sent only when they are named. Without `tool-results` each becomes a note about its size,
 * without `images` they are taken out, without `subagents` their lines and files stay here.
 */
export const TRANSCRIPT_PARTS = ['tool-results', 'images', 'subagents'] as const;
export type TranscriptPart = (typeof TRANSCRIPT_PARTS)[number];

export interface UploadSettings {
  /** What the environment says: on, off, or nothing, and then the recorded consent counts. */
  readonly isOn: boolean | undefined;
  /** `owner/name`, when another dataset than the own one was named. */
  readonly repo: string | undefined;
  readonly include: readonly TranscriptPart[];
  /** Redacted transcripts above it are not sent. */
  readonly maxBytes: number;
}

/** What a person agreed to, at a terminal. */
export interface Consent {
  readonly repo?: string;
  /** They named this very dataset and know that everybody can read it. */
  readonly isPublic: boolean;
  readonly grantedAt: string;
  /** Of Glovebox, whose text about it they read. */
  readonly version: string;
}

/**
 * - `pending`: waits for a worker.
 * - `uploading`: a worker has it; when that process is gone, the next worker takes it over.
 * - `done`: in the dataset, see `upload`.
 * - `failed`: tried `runs` times without luck; tried again by the next worker, 5 times or 14 days at most.
 * - `blocked`: somebody must do something first, see `reason`. Tried again when the session ends once more, or on demand.
 */
export const QUEUE_STATES = ['pending', 'uploading', 'done', 'failed', 'blocked'] as const;
export type QueueState = (typeof QUEUE_STATES)[number];

export interface FinishedUpload {
  readonly repo: string;
  /** In the dataset. */
  readonly path: string;
  readonly url: string;
  /** SHA-256 of what was sent. */
  readonly sha256: string;
  readonly bytes: number;
  readonly at: string;
  readonly redacted: readonly SecretCount[];
  /** What was not sent, in words: `3 images`. */
  readonly leftOut: readonly string[];
}

export interface QueueEntry {
  readonly sessionId: string;
  readonly transcriptPath: string;
  /** When the session last ended, ISO. */
  readonly requestedAt: string;
  readonly state: QueueState;
  readonly runs: number;
  readonly reason?: string;
  readonly owner?: ProcessIdentity;
  readonly upload?: FinishedUpload;
}

/** For `doctor`, `glovebox transcripts` and the start of a session. */
export interface UploadStatus {
  readonly isOn: boolean;
  /** `the variable GLOVEBOX_SAVE_SESSIONS`, `glovebox transcripts enable on 2026-01-02`. */
  readonly because: string;
  /** The dataset, where it is known without asking anybody. */
  readonly repo: string | undefined;
  readonly counts: Readonly<Record<QueueState, number>>;
  /** Of the entry that was blocked or failed last. */
  readonly lastReason?: string;
}
