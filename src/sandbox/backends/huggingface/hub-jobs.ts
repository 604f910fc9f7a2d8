/** What the back end needs of the Hugging Face Hub. `main` makes it from the operations in `src/hub/jobs/`. */

import type { KeptFile } from '#sandbox/backend.ts';

/** A Job as the back end sees it. */
export interface HubJob {
  readonly id: string;
  /** Any word. Only those that `isFinal` knows say that it is over. */
  readonly stage: string;
  readonly isFinal: boolean;
  readonly message?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly flavor?: string | undefined;
  /** The addresses of its open ports, as the service tells them: nobody else may make one up. */
  readonly exposeUrls: readonly string[];
  /** Where its SSH server is, of one that was asked for with it. */
  readonly sshUrl?: string | undefined;
  readonly startedMs?: number | undefined;
  /** Who started it, where the service says so. */
  readonly initiator?: string | undefined;
}

export interface HubFlavor {
  readonly name: string;
  /** Processors and memory, in words. */
  readonly machine: string;
  readonly gpu?: { readonly name: string; readonly count: number; readonly memoryGb?: number };
  /** Millionths of a US dollar; absent when it is not known. */
  readonly microUsdPerMinute?: number;
}

export interface HubHardware {
  readonly flavors: readonly HubFlavor[];
  /** False when the Hub does not answer: prices are for display then, and nothing can be said not to exist. */
  readonly isLive: boolean;
  /** Where the prices come from. */
  readonly source: string;
}

export interface HubVolume {
  readonly type: 'model' | 'dataset' | 'space' | 'bucket';
  readonly source: string;
  readonly mountPath: string;
  readonly revision?: string;
  readonly readOnly?: boolean;
}

/** The body of the request for a Job. */
export interface HubJobRequest {
  readonly command: readonly string[];
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly flavor: string;
  readonly dockerImage: string;
  readonly timeoutSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly volumes?: readonly HubVolume[];
  readonly resourceGroupId?: string;
  readonly expose?: { readonly ports: readonly number[] };
  readonly ssh?: { readonly enabled: boolean };
}

export interface JobPlace {
  readonly namespace: string;
  readonly id: string;
}

/** Private storage of an account that Jobs mount and write to, and that outlives them. By `owner/name`. */
export interface HubBuckets {
  /** @throws `remote/forbidden` where the token may not make one, `remote/conflict` for one that is not private. */
  ensure(id: string, signal: AbortSignal): Promise<void>;
  /** Undefined when there is none. */
  list(id: string, signal: AbortSignal): Promise<readonly KeptFile[] | undefined>;
  read(id: string, file: KeptFile, signal: AbortSignal): Promise<Uint8Array>;
  /** With all that is in it; done again it does nothing. */
  remove(id: string, signal: AbortSignal): Promise<void>;
}

/** Every method takes a signal and fails with a `GloveboxError`: `http/failed` or `timeout` say nothing about the Job. */
export interface HubJobs {
  readonly buckets: HubBuckets;
  /** Whose token it is. @throws `remote/auth-required` without one. */
  account(
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly organisations: readonly string[] }>;
  /** @throws `remote/auth-required`. It is a secret. */
  token(): Promise<string>;
  hardware(signal: AbortSignal): Promise<HubHardware>;
  /** Sent once. After a failure a Job may run all the same: the labels tell. */
  create(namespace: string, request: HubJobRequest, signal: AbortSignal): Promise<HubJob>;
  /** @throws `remote/not-found` for one that the Hub does not know. */
  get(place: JobPlace, signal: AbortSignal): Promise<HubJob>;
  /** Those that carry all of the labels, ended ones too. */
  list(
    namespace: string,
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<readonly HubJob[]>;
  cancel(place: JobPlace, signal: AbortSignal): Promise<void>;
  /** The last lines of its log, oldest first. */
  log(place: JobPlace, lines: number, signal: AbortSignal): Promise<readonly string[]>;
}
