/** What the suite of back ends works with: the rig a back end's test provides, and the caller that stands for the service. */
import { readdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { Endpoint } from '#core/endpoint.ts';
import type { JsonObject } from '#core/json.ts';
import { httpRequest } from '#platform/http.ts';
import type {
  Backend,
  Progress,
  SandboxHandle,
  SandboxState,
  SandboxStatus,
  StartContext,
} from '#sandbox/backend.ts';
import { isWhole } from '../rigs/variables.ts';

/** What a back end's own test provides. Each test gets a rig of its own. */
export interface BackendRig {
  /** A back end as a new process would construct it; no memory is shared with those constructed before. */
  newBackend(): Backend;
  /** One whose every start fails for certain after it has begun. Same state as the others. */
  newFailingBackend(): Backend;
  /** An existing folder. */
  readonly projectDir: string;
  /** Where the back end keeps what it writes; a test asserts that constructing one makes nothing here. */
  readonly stateDir: string;
  /** Options that start the smallest sandbox there is. */
  readonly options: unknown;
  /** How many servers (processes, jobs, machines) of this rig the engine itself knows to be alive. */
  countAtEngine(): Promise<number>;
  /** Makes the Jupyter server not answer, without ending it. The returned function undoes that. */
  makeUnreachable(handle: SandboxHandle): Promise<() => Promise<void>>;
  /** Ends it brutally, as a power cut or another person would. */
  killBehindOurBack(handle: SandboxHandle): Promise<void>;
  /** Ends and removes everything, also after a failed test. */
  dispose(): Promise<void>;
}

export type CallerRig = Pick<BackendRig, 'projectDir' | 'options' | 'countAtEngine'>;

const WAIT_MS = isWhole ? 600_000 : 50_000;

/** Stands for the service that calls a back end: keeps what it is told to remember, as the record does. */
export class Caller {
  readonly id: string;
  readonly reports: Progress[] = [];
  data: JsonObject = {};
  generation = 0;
  aliveAtFirstRemember: number | undefined;
  /** Called with each step of the start, to interfere at that moment. */
  onStep: (step: number) => void = () => undefined;
  #steps = 0;
  readonly #rig: CallerRig;

  constructor(rig: CallerRig, id = 'local-contract-000000000001') {
    this.#rig = rig;
    this.id = id;
  }

  context(signal = never()): StartContext {
    return {
      id: this.id,
      projectDir: this.#rig.projectDir,
      signal,
      report: (progress) => {
        this.reports.push(progress);
        this.#step();
      },
      remember: async (data) => {
        this.aliveAtFirstRemember ??= await this.#rig.countAtEngine();
        // Through text, as a record on disk: what does not survive that is lost for the next process.
        const merged: unknown = JSON.parse(JSON.stringify({ ...this.data, ...data }));
        this.data = toData(merged);
        this.#step();
      },
    };
  }

  async start(backend: Backend, signal?: AbortSignal): Promise<SandboxStatus> {
    const status = await backend.start(this.#rig.options, this.context(signal));
    this.generation = status.generation;
    return status;
  }

  async startAndWait(backend: Backend): Promise<SandboxStatus> {
    const status = await this.start(backend);
    return status.state === 'ready' ? status : this.waitFor(backend, 'ready');
  }

  async waitFor(backend: Backend, ...wanted: readonly SandboxState[]): Promise<SandboxStatus> {
    // Not `expect.poll`, which a hook may not call.
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const status = await backend.state(this.handle(), never());
      if (wanted.includes(status.state)) return status;
      if (performance.now() > deadline)
        return expect.fail(`not ${wanted.join(' or ')}: ${JSON.stringify(status)}`);
      await setTimeout(100);
    }
  }

  handle(): SandboxHandle {
    const { id, data, generation } = this;
    return { id, projectDir: this.#rig.projectDir, generation, data };
  }

  #step(): void {
    this.#steps += 1;
    this.onStep(this.#steps);
  }
}

export const never = (): AbortSignal => new AbortController().signal;
function toData(value: unknown): JsonObject {
  return Object.assign({}, value);
}

/** The error a call fails with; anything that is not ours fails the test. */
export async function failureOf(call: Promise<unknown>): Promise<GloveboxError> {
  const outcome = await call.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  if (outcome instanceof GloveboxError) return outcome;
  throw new Error(`expected a GloveboxError: ${String(outcome)}`, { cause: outcome });
}

export function codeOf(error: unknown): string {
  return error instanceof GloveboxError ? error.code : `foreign error: ${String(error)}`;
}

/** One REST call to a Jupyter server. */
export async function ask(
  endpoint: Endpoint,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: unknown }> {
  const response = await httpRequest({
    method,
    url: `${endpoint.baseUrl}${path}`,
    headers: { ...endpoint.headers, 'content-type': 'application/json' },
    timeoutMs: 30_000,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const isJson = response.status < 300 && response.text !== '';
  return { status: response.status, json: isJson ? JSON.parse(response.text) : undefined };
}

/** Everything below a folder; empty when it is not there. */
export async function listing(folder: string): Promise<readonly string[]> {
  const names: string[] = await readdir(folder, { recursive: true }).catch(() => []);
  return names.toSorted();
}
