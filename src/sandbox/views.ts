/** Says how a sandbox stands now: from its record where that is final or somebody is just starting it, else from its back end. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { RecordStore } from '#platform/records.ts';
import type { BackendId, SandboxStatus } from './backend.ts';
import { toHandle, withStatus, type SandboxRecord } from './records.ts';
import type { BackendRegistry } from './registry.ts';
import type { Starts } from './starts.ts';

/** What a caller sees of a sandbox. Holds no secret. */
export interface SandboxView {
  readonly id: string;
  readonly name: string;
  readonly backend: BackendId;
  /** Real path. */
  readonly projectDir: string;
  readonly createdMs: number;
  readonly options: JsonObject;
  readonly status: SandboxStatus;
  /** Where a browser on this machine reaches the server, with a slash at the end and without token; only while it is ready. */
  readonly jupyterUrl?: string;
  /** The folder on this machine that the server's root is; absent when the server sees another file system. */
  readonly serverRootDir?: string;
  /** Names of options that were asked for in vain, because the sandbox lives already with other values. */
  readonly ignoredOptions?: readonly string[];
  /** Sentences about what was done with it just now. */
  readonly notes?: readonly string[];
}

export interface ViewsOptions {
  readonly registry: BackendRegistry;
  readonly records: RecordStore<SandboxRecord>;
  readonly starts: Starts;
  readonly clock: Clock;
  readonly log: Log;
}

export class Views {
  readonly #options: ViewsOptions;

  constructor(options: ViewsOptions) {
    this.#options = options;
  }

  async look(record: SandboxRecord, signal: AbortSignal): Promise<SandboxView> {
    const { status, record: now } = await this.ask(record, signal);
    const { id, name, backend, projectDir, createdMs, options } = now;
    const jupyterUrl = status.state === 'ready' ? await this.#browserUrl(now, signal) : undefined;
    const serverRootDir = rootDirOf(now);
    const view: SandboxView = { id, name, backend, projectDir, createdMs, options, status };
    return {
      ...view,
      ...(jupyterUrl !== undefined && { jupyterUrl }),
      ...(serverRootDir !== undefined && { serverRootDir }),
    };
  }

  /** The state now, and the record as it is after that. @throws nothing but `cancelled`. */
  async ask(
    record: SandboxRecord,
    signal: AbortSignal,
  ): Promise<{ status: SandboxStatus; record: SandboxRecord }> {
    const { registry, starts } = this.#options;
    if (record.isStarting && !isAbandoned(record, starts)) {
      const detail = starts.running(record.id)?.progress?.message ?? record.detail;
      const { id, state, generation } = record;
      const status = { id, state, generation, ...(detail !== undefined && { detail }) };
      return { record, status };
    }
    if (record.state === 'ended' && !record.isStarting) {
      return { record, status: statusOf(record) };
    }
    try {
      const backend = await registry.load(record.backend);
      const status = await abandonOn(backend.state(toHandle(record), signal), signal);
      return { status, record: await this.#store(record, status) };
    } catch (error) {
      throwIfAborted(signal);
      const { id, generation } = record;
      return { record, status: { id, state: 'unknown', generation, detail: messageOf(error) } };
    }
  }

  async #store(record: SandboxRecord, status: SandboxStatus): Promise<SandboxRecord> {
    const { records, clock, log } = this.#options;
    const next = withStatus(record, status);
    const isNews =
      record.isStarting ||
      rootDirOf(next) !== rootDirOf(record) ||
      JSON.stringify(statusOf(next)) !== JSON.stringify(statusOf(record));
    if (!isNews) return record;
    try {
      return await records.update(record.id, (current) =>
        current.claim === record.claim && current.isStarting === record.isStarting
          ? { ...withStatus(current, status), changedMs: clock.now() }
          : current,
      );
    } catch (error) {
      log.warn(`Record of sandbox ${record.id}: ${messageOf(error)}`);
      return next;
    }
  }

  async #browserUrl(record: SandboxRecord, signal: AbortSignal): Promise<string | undefined> {
    const backend = await this.#options.registry.load(record.backend);
    // Elsewhere the endpoint may open a tunnel, which nobody asked for.
    if (!backend.sharesHost) return undefined;
    const endpoint = await backend.endpoint(toHandle(record), signal).catch(() => undefined);
    return endpoint?.baseUrl;
  }
}

/** True when a start was not brought to its end and the process that carried it on is gone. */
export function isAbandoned(record: SandboxRecord, starts: Starts): boolean {
  return (
    record.isStarting &&
    starts.running(record.id) === undefined &&
    lifeOf(record.starter) === 'gone'
  );
}

/** A back end whose server sees this machine's files remembers its root under this name. */
export function rootDirOf(record: SandboxRecord): string | undefined {
  const { rootDir } = record.data;
  return typeof rootDir === 'string' ? rootDir : undefined;
}

function statusOf(record: SandboxRecord): SandboxStatus {
  const { id, state, generation, detail, end, deadlineMs, hostName } = record;
  const { usdPerHour, paidSinceMs } = record;
  const { beforehandUsd } = record.data;
  const status = { id, state, generation };
  return {
    ...status,
    ...(detail !== undefined && { detail }),
    ...(end !== undefined && { end }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(hostName !== undefined && { host: hostName }),
    ...(usdPerHour !== undefined && { usdPerHour }),
    ...(paidSinceMs !== undefined && { paidSinceMs }),
    ...(typeof beforehandUsd === 'number' && beforehandUsd > 0 && { beforehandUsd }),
  };
}

/** A start that an earlier process did not finish was let in then, as it was asked for then. */
export const isCarriedOn = (
  record: SandboxRecord,
  starts: Starts,
  options: JsonObject | undefined,
): boolean =>
  isAbandoned(record, starts) &&
  (options === undefined || JSON.stringify(options) === JSON.stringify(record.options));
