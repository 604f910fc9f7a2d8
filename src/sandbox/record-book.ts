/** The records of sandboxes as claims: who may start what, so that of several processes one does, and a dead one's start goes on. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { JsonObject } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { RecordStore } from '#platform/records.ts';
import type { Backend, BackendId, SandboxHandle } from './backend.ts';
import type { SandboxRecord } from './records.ts';
import { onThisHost } from './sandbox-ids.ts';
import type { Starts } from './starts.ts';
import { isAbandoned } from './views.ts';

const KEEP_ENDED_MS = 7 * 24 * 3_600_000;

export interface RecordBookOptions {
  readonly records: RecordStore<SandboxRecord>;
  readonly starts: Starts;
  readonly clock: Clock;
  /** The host's session, which is put on record. */
  readonly session?: (() => string) | undefined;
}

/** What a sandbox is put on record with, besides what every one has. */
export interface NewSandbox {
  readonly id: string;
  /** Real path. */
  readonly projectDir: string;
  /** Absent: its id. */
  readonly name?: string | undefined;
  /** Checked. */
  readonly options?: JsonObject | undefined;
}

export class RecordBook {
  readonly #options: RecordBookOptions;

  constructor(options: RecordBookOptions) {
    this.#options = options;
  }

  /** @throws `sandbox/unknown` naming the known ids. */
  async read(id: string): Promise<SandboxRecord> {
    const { records } = this.#options;
    const record = await records.read(id);
    if (record !== undefined) return record;
    const known = (await records.list()).map((entry) => entry.id);
    throw new GloveboxError('sandbox/unknown', `There is no sandbox "${id}".`, {
      hint:
        known.length === 0
          ? 'There is none at all; sandbox_create, or glovebox start in a terminal, starts one.'
          : `Known: ${known.join(', ')}.`,
    });
  }

  find(id: string): Promise<SandboxRecord | undefined> {
    return this.#options.records.read(id);
  }

  /** Newest first. */
  async all(): Promise<readonly SandboxRecord[]> {
    const stored = await this.#options.records.list();
    return stored.map(({ value }) => value).toSorted((a, b) => b.createdMs - a.createdMs);
  }

  /** The newest that is not known to have ended, also when it was made for a set of options. */
  async living(
    backend: BackendId,
    projectDir: string,
    name: string | undefined,
  ): Promise<string | undefined> {
    return (await this.all())
      .filter((record) => record.backend === backend && record.projectDir === projectDir)
      .filter((record) => record.name === (name ?? record.id))
      .find((record) => record.isStarting || record.state !== 'ended')?.id;
  }

  /** On a shared home folder the plain id may belong to a sandbox of another host; then this host has its own. */
  async ofThisHost(
    backend: Backend,
    plainId: string,
  ): Promise<{ readonly id: string; readonly record: SandboxRecord | undefined }> {
    const record = await this.find(plainId);
    const isElsewhere =
      backend.sharesHost && record !== undefined && lifeOf(record.starter) === 'elsewhere';
    const id = isElsewhere ? onThisHost(plainId) : plainId;
    return { id, record: isElsewhere ? await this.find(id) : record };
  }

  /** A record whose start is this process's to begin; not stored yet. */
  newRecord(backend: Backend, { id, projectDir, name, options }: NewSandbox): SandboxRecord {
    const now = this.#options.clock.now();
    const session = this.#options.session?.();
    return {
      id,
      ...(session !== undefined && { session }),
      name: name ?? id,
      backend: backend.id,
      projectDir,
      createdMs: now,
      options: options ?? {},
      state: 'preparing',
      generation: 0,
      data: {},
      starter: currentIdentity(),
      isStarting: true,
      claim: newUuid(),
      changedMs: now,
    };
  }

  /** @throws `record/exists`. */
  create(record: SandboxRecord): Promise<SandboxRecord> {
    return this.#options.records.create(record.id, record);
  }

  /** As `create`; undefined where somebody else was faster. */
  async createOrNothing(record: SandboxRecord): Promise<SandboxRecord | undefined> {
    try {
      return await this.create(record);
    } catch (error) {
      if (isGloveboxError(error, 'record/exists')) return undefined;
      throw error;
    }
  }

  /** Takes the right to start it. `undefined`: there is nothing to start, or somebody else was faster. */
  async claim(seen: SandboxRecord, options?: JsonObject): Promise<SandboxRecord | undefined> {
    const { records, starts, clock } = this.#options;
    const claim = newUuid();
    const claimed = await records.update(seen.id, (current) => {
      const isFree = current.state === 'ended' || isAbandoned(current, starts);
      if (current.claim !== seen.claim || !isFree) return current;
      const { end: _end, failure: _failure, detail: _detail, ...rest } = current;
      const session = this.#options.session?.();
      return {
        ...rest,
        ...(options !== undefined && { options }),
        ...(session !== undefined && { session }),
        claim,
        isStarting: true,
        state: 'preparing',
        starter: currentIdentity(),
        changedMs: clock.now(),
      };
    });
    return claimed.claim === claim ? claimed : undefined;
  }

  /** What was said to have ended and is found running; undefined for every other one, and where somebody was faster. */
  async revive(seen: SandboxRecord, found: SandboxHandle): Promise<SandboxRecord | undefined> {
    const isOver = (record: SandboxRecord): boolean =>
      record.state === 'ended' && !record.isStarting && record.claim === seen.claim;
    if (!isOver(seen)) return undefined;
    const { records, clock } = this.#options;
    const claim = newUuid();
    const revived = await records.update(seen.id, (current) => {
      if (!isOver(current)) return current;
      const { end: _end, failure: _failure, detail: _detail, ...rest } = current;
      const { generation, data } = found;
      const now = { generation, data: { ...rest.data, ...data }, changedMs: clock.now() };
      return { ...rest, ...now, claim, state: 'unknown' };
    });
    return revived.claim === claim ? revived : undefined;
  }

  /** Removes what ended a week ago. */
  async forgetOld(): Promise<void> {
    const { records, clock } = this.#options;
    const limitMs = clock.now() - KEEP_ENDED_MS;
    for (const { id, value } of await records.list()) {
      const isOld = value.state === 'ended' && !value.isStarting && value.changedMs < limitMs;
      if (isOld) await records.remove(id);
    }
  }
}
