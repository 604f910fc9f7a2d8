/** The contract that every back end fulfils. `test/contract/backend-contract.ts` holds each of its sentences as a test. */
import type * as z from 'zod';
import type { Endpoint } from '#core/endpoint.ts';
import type { JsonObject } from '#core/json.ts';
import type { Beforehand } from './beforehand.ts';
import { checkOptions, refusal } from './check-options.ts';

export const BACKEND_IDS = ['local', 'slurm', 'modal', 'huggingface'] as const;
export type BackendId = (typeof BACKEND_IDS)[number];

/**
 * Where a sandbox stands, in words that hold for every back end. A back end's own word goes into `detail`.
 *
 * - `preparing`: something is made before the machine is asked for (a Python environment, an image, weights).
 * - `queued`: asked for, waiting for hardware. Not an error, however long it takes.
 * - `starting`: the machine is there, its Jupyter server does not answer yet.
 * - `ready`: the Jupyter server answered with our credentials.
 * - `unreachable`: it was ready, does not answer now, and nothing proves that it is gone. Variables may be intact.
 * - `suspended`: the engine stopped its processes without ending them.
 * - `stopping`: asked to end, not yet seen to be gone.
 * - `ended`: proven to be gone; `end` says why. Final.
 * - `unknown`: nobody could be asked. Never a reason to start a second one or to forget this one.
 */
export const SANDBOX_STATES = [
  'preparing',
  'queued',
  'starting',
  'ready',
  'unreachable',
  'suspended',
  'stopping',
  'ended',
  'unknown',
] as const;
export type SandboxState = (typeof SANDBOX_STATES)[number];

export const SANDBOX_END_CAUSES = [
  'stopped',
  'start-failed',
  'time-limit',
  'idle',
  'out-of-memory',
  'node-failure',
  'preempted',
  'cancelled',
  'failed',
  'unknown',
] as const;

/** Why a sandbox is gone. */
export interface SandboxEnd {
  readonly cause: (typeof SANDBOX_END_CAUSES)[number];
  /** One sentence for a person, with exit code or signal where there is one. */
  readonly message: string;
  /** Milliseconds since the epoch, when known. */
  readonly atMs?: number;
  /** The last lines of the log, at most 40; always there for a failed start. */
  readonly logTail?: readonly string[];
}

/** What is known about a sandbox at one moment. */
export interface SandboxStatus {
  readonly id: string;
  readonly state: SandboxState;
  /** The back end's own words: a step of preparation, a pending reason, an estimated start. */
  readonly detail?: string;
  /** Counts starts of the Jupyter server under the same id, from 1. A new number means that all variables are lost. */
  readonly generation: number;
  /** Present when, and only when, `state` is `ended`. */
  readonly end?: SandboxEnd;
  /** When the engine will end it, in milliseconds since the epoch; absent without a limit. */
  readonly deadlineMs?: number;
  /** What it runs on, for a person: host name, node, GPU. */
  readonly host?: string;
  /** The folder that is the root of its server, where that folder lies on this machine under the same path. */
  readonly rootDir?: string;
  /** US dollars per hour of a paid one, as an estimate; absent is free or unknown. */
  readonly usdPerHour?: number;
  /** Since when that is paid, in milliseconds since the epoch; absent as long as it is not known. */
  readonly paidSinceMs?: number;
  /** US dollars that machines rented on the way to it have cost at most; absent is not known, or none. */
  readonly beforehandUsd?: number;
}

/** One kind of hardware that can be asked for now. */
export interface Offer {
  /** The value to put into the options, e.g. a flavour, a GPU name or a partition. */
  readonly name: string;
  readonly description: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly gpus?: readonly {
    readonly name: string;
    readonly count: number;
    readonly memoryMiB?: number;
  }[];
  /** US dollars per hour; 0 is free, absent is unknown and never counts as free. */
  readonly usdPerHour?: number;
  /** Where the price comes from. */
  readonly priceSource?: string;
  /** What is free at this moment, in the back end's words. */
  readonly availability?: string;
}

/** What a start would cost, and what there is to know before it. */
export interface Quote {
  /** US dollars per hour; absent is unknown and never counts as free. */
  readonly usdPerHour?: number;
  /** The most that it can cost: price times the limit that the engine enforces, `beforehand` included. Absent when the price is unknown. */
  readonly ceilingUsd?: number;
  /** What is rented before it, at the expense of the same start; absent is nothing. */
  readonly beforehand?: Beforehand;
  readonly priceSource?: string;
  /** The limit that the engine enforces. */
  readonly limitS?: number;
  /** What it runs on, for a person. */
  readonly hardware?: string;
  /** False: the price is good for showing and not for spending without a person. Default: true. */
  readonly isPriceFresh?: boolean;
  /** Whose account pays, as far as that is known. */
  readonly account?: string;
  /** Sentences for a person: what is there already, what would be fetched, what to be careful with. */
  readonly remarks: readonly string[];
}

/** A file that a sandbox wrote for keeps. */
export interface KeptFile {
  /** Relative to the folder that the option `outputs` names, with `/`; comes from the sandbox and is not trusted. */
  readonly name: string;
  readonly size: number;
}

/** What a sandbox wrote for keeps, at its provider, where it outlives the machine. */
export interface KeptOutputs {
  readonly files: readonly KeptFile[];
  /** For a person: where it lies, and how it is fetched by hand. */
  readonly place: string;
  read(this: void, file: KeptFile, signal: AbortSignal): Promise<Uint8Array>;
  /** Deletes it there. Done again it does nothing. */
  discard(this: void, signal: AbortSignal): Promise<void>;
}

/** What a file system was kept as. */
export interface Snapshot {
  /** For the option that starts another sandbox from it. */
  readonly snapshotId: string;
  /** When the provider deletes it, in milliseconds since the epoch; absent: never. */
  readonly expiresMs?: number;
  /** Sentences: what is not in it, and how it is used. */
  readonly remarks: readonly string[];
}

/** One step of a start, for a progress line. */
export interface Progress {
  /** At most 200 characters; changes when something changes. */
  readonly message: string;
  /** Finished and total, when they are known. */
  readonly done?: number;
  readonly total?: number;
}

export interface StartContext {
  /** The sandbox id. Remote names are derived from it, so that any later process finds the same thing. */
  readonly id: string;
  /** The project the sandbox belongs to, an absolute path on this machine. */
  readonly projectDir: string;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
  /**
   * Merges what is needed to find the sandbox again (process identity, job id, remote name; no secrets) into its record.
   * Resolves when it is on disk. A back end calls it BEFORE the step that creates something, and again after.
   */
  remember(data: JsonObject): Promise<void>;
}

/** What a back end gets back of its own `remember` calls. */
export interface SandboxHandle {
  readonly id: string;
  readonly projectDir: string;
  readonly generation: number;
  readonly data: JsonObject;
}

/** What a sandbox's host has and uses at one moment, as far as it can be asked without a kernel. */
export interface Resources {
  readonly host: string;
  readonly cpus: number;
  /** Load averages of 1, 5 and 15 minutes; empty where there are none. */
  readonly load: readonly number[];
  /** `limitBytes` is what holds for the sandbox: a control group's limit where there is one, else the machine's memory. */
  readonly memory: {
    readonly usedBytes: number;
    readonly limitBytes: number;
    readonly limitSource?: string;
  };
  readonly disk: readonly {
    readonly path: string;
    readonly freeBytes: number;
    readonly totalBytes: number;
  }[];
  readonly gpus: readonly {
    readonly index: number;
    readonly name: string;
    readonly usedBytes: number;
    readonly totalBytes: number;
    readonly utilizationPercent?: number;
    readonly temperatureC?: number;
  }[];
  /** Sentences, e.g. that a tool for GPUs is missing. */
  readonly remarks: readonly string[];
}

/** What must be on this machine for a back end to work; `doctor` checks and prints it. */
export interface BackendNeeds {
  /** Programs that must be on the PATH. */
  readonly commands?: readonly string[];
  /** Any one of these programs is enough. */
  readonly anyCommand?: readonly string[];
}

/**
 * A provider of sandboxes. Constructing one does no I/O.
 *
 * Every method takes an AbortSignal: when it fires, the method rejects with `cancelled` soon, and what already exists at
 * the provider stays findable through the record. Foreign errors are translated inside the back end, once.
 */
export interface Backend {
  readonly id: BackendId;
  /** One line for a person. */
  readonly summary: string;
  readonly needs: BackendNeeds;
  /** A strict object schema; its `.describe()` texts become the docs, the CLI's flags and the error texts. */
  readonly optionsSchema: z.ZodObject;
  /** True when the sandbox gives no isolation from the user's account. */
  readonly sharesHost: boolean;

  /** The hardware that can be asked for, with price and availability now. @throws `backend/unavailable`. */
  offers(signal: AbortSignal): Promise<readonly Offer[]>;

  /**
   * Checks everything that can be checked for nothing, as `start` does before it rents anything, and says what it would cost.
   * Starts nothing. Absence means that there is nothing to say beyond `offers`.
   *
   * @throws what `start` would throw before it makes something.
   */
  quote?(
    options: unknown,
    context: { readonly projectDir: string; readonly signal: AbortSignal },
  ): Promise<Quote>;

  /**
   * Asks for a sandbox. Resolves as soon as the request is accepted and recorded: the status may be `queued` or `starting`,
   * and `state()` follows it from there. Called again with the same id after a crash it resumes or finds what the first
   * call made; it never makes a second one.
   *
   * @throws `config/invalid` for options it does not know, before anything is made. `sandbox/start-failed` (or a more
   *   precise code) when it is certain that nothing runs; what was made on the way has been removed.
   */
  start(options: unknown, context: StartContext): Promise<SandboxStatus>;

  /**
   * Asks the engine, within 20 s. Trouble on the way to the engine is `unknown`, trouble on the way to the Jupyter server
   * is `unreachable`; neither is ever `ended`. @throws nothing but `cancelled`.
   */
  state(handle: SandboxHandle, signal: AbortSignal): Promise<SandboxStatus>;

  /** How to reach the Jupyter server, opening a tunnel if it takes one. @throws `sandbox/ended`, `sandbox/pending`, `server/unreachable`. */
  endpoint(handle: SandboxHandle, signal: AbortSignal): Promise<Endpoint>;

  /** The last `lines` lines of what the sandbox wrote to its log, oldest first; empty when there is none. */
  logs(handle: SandboxHandle, lines: number, signal: AbortSignal): Promise<readonly string[]>;

  /**
   * Ends the sandbox and resolves when it is seen to be gone. Idempotent: of a sandbox that has ended, or that never came to
   * be, it resolves too. @throws `sandbox/stop-failed` when it cannot be seen to be gone; the record is kept then.
   */
  stop(handle: SandboxHandle, signal: AbortSignal): Promise<void>;

  /**
   * Sandboxes that run for this project, whatever was thought of them here, e.g. after the state folder was lost. The caller puts on
   * record those that no record names, and those that one says have ended: each is asked how it stands after that. Absence of the
   * method means that the back end cannot look.
   */
  discover?(projectDir: string, signal: AbortSignal): Promise<readonly SandboxHandle[]>;

  /**
   * Of one that rents machines: whether somebody here uses it, as far as that can be told without asking anybody. Then it is searched
   * unasked. Absence means no.
   */
  isInUse?(): Promise<boolean>;

  /**
   * What a sandbox that has ended wrote for keeps, where the provider still has it; undefined where it has nothing. Absence means that
   * nothing outlives a machine there. @throws what asking fails with.
   */
  kept?(handle: SandboxHandle, signal: AbortSignal): Promise<KeptOutputs | undefined>;

  /** Lets go of what this process holds for its sandboxes, such as tunnels; the sandboxes live on. Idempotent. */
  close?(): void;

  /**
   * Keeps the file system of a running sandbox, without its memory: no variables, no loaded models. `ttlMs` null keeps it until
   * somebody deletes it. Absence means that the provider cannot. @throws `sandbox/ended`, `sandbox/pending`, `timeout`.
   */
  snapshot?(
    handle: SandboxHandle,
    options: { readonly ttlMs: number | null },
    signal: AbortSignal,
  ): Promise<Snapshot>;

  /** What the sandbox's host has and uses now; of this machine where the sandbox shares it. Absence means that it cannot be asked. */
  resources?(handle: SandboxHandle | undefined, signal: AbortSignal): Promise<Resources>;
}

interface BackendSpec<Schema extends z.ZodObject> extends Omit<
  Backend,
  'optionsSchema' | 'start' | 'quote'
> {
  readonly options: Schema;
  readonly quote?: (
    options: z.output<Schema>,
    context: Parameters<NonNullable<Backend['quote']>>[1],
  ) => Promise<Quote>;
  readonly start: (options: z.output<Schema>, context: StartContext) => Promise<SandboxStatus>;
}

/** Declares a back end. Options are parsed here, so that the registry holds a plain `Backend` and no type parameter leaks. */
export function defineBackend<Schema extends z.ZodObject>(spec: BackendSpec<Schema>): Backend {
  const { options, start, quote, ...rest } = spec;
  return {
    ...rest,
    optionsSchema: options,
    ...(quote !== undefined && {
      quote: async (raw: unknown, context: Parameters<NonNullable<Backend['quote']>>[1]) =>
        quote(parseBackendOptions(spec.id, options, raw), context),
    }),
    start: async (raw, context) => start(parseBackendOptions(spec.id, options, raw), context),
  };
}

/** @throws `config/invalid` with every mistake. */
export function parseBackendOptions<Schema extends z.ZodObject>(
  id: BackendId,
  schema: Schema,
  raw: unknown,
): z.output<Schema> {
  const checked = checkOptions(schema, raw);
  if (checked.mistakes === undefined) return checked.data;
  throw refusal(id, checked.mistakes, Object.keys(schema.shape));
}
