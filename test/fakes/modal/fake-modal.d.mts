/** The types of the fake, as far as tests use it. */
export const ResultStatus: {
  readonly SUCCESS: 1;
  readonly FAILURE: 2;
  readonly TERMINATED: 3;
  readonly TIMEOUT: 4;
};
export const Status: Readonly<Record<string, number>>;

/** What a handler throws to fail a call with a gRPC status. */
export class ServerError extends Error {
  constructor(code: number | undefined, details: string);
}

export interface FakeSandbox {
  readonly id: string;
  readonly name: string;
  /** 1 with a GPU, or with MODAL_SANDBOX_V2=0; else 2. */
  readonly version: 1 | 2;
  /** The folder that stands for its file system. */
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tags: readonly { readonly tagName: string; readonly tagValue: string }[];
  readonly request: unknown;
  /** Gates for connect tokens, by port, with what they let through. */
  readonly gates: ReadonlyMap<
    number,
    { readonly seen: readonly { readonly url: string; readonly cookie: string }[] }
  >;
  readonly result?: { readonly status: number; readonly exitcode: number };
  readonly main?: { readonly pid: number | undefined; readonly output: string };
  /** Numbers of all its processes. */
  processes(): readonly number[];
  /** Ends it, as the service or another person would. */
  kill(status: number): void;
}

/** Each may be changed while the fake runs. */
export interface Faults {
  /** Runs before each call; may wait, or throw a ServerError so that the call fails without effect. */
  before: (method: string, request: unknown) => unknown;
  /** Runs after a call took effect; what it throws replaces the answer, which is lost. */
  after: (method: string, request: unknown, answer: unknown) => unknown;
  /** How long a GPU sandbox waits for a machine, in milliseconds. */
  queueMs: (request: unknown) => number;
  /** Why the image with these Dockerfile commands cannot be built. */
  failBuild: (dockerfileCommands: readonly string[]) => string | undefined;
  /** Whether the tunnels of a sandbox are told. */
  tunnels: (sandbox: FakeSandbox) => boolean;
}

export interface FakeModal {
  /** For MODAL_SERVER_URL, before the SDK's client is constructed. */
  readonly url: string;
  /** Every call so far. */
  readonly calls: readonly { readonly method: string; readonly request: unknown }[];
  readonly faults: Faults;
  readonly sandboxes: ReadonlyMap<string, FakeSandbox>;
  /** Those that have not ended. */
  alive(): readonly FakeSandbox[];
  /** The folder behind a volume; undefined when nobody made it. */
  volumeFolder(name: string): string | undefined;
  addSecret(name: string, contents: Readonly<Record<string, string>>): void;
  lastRequest(method: string): unknown;
  /** Ends every process, closes every port and removes all folders. */
  close(): Promise<void>;
}

export function startFakeModal(
  options: {
    /** Served on encrypted tunnels. */
    readonly certificate: { readonly cert: Buffer; readonly key: Buffer };
    /** Variables that every container has, such as PATH. */
    readonly environment?: Readonly<Record<string, string>>;
  } & Partial<Faults>,
): Promise<FakeModal>;
