/** The one record that a back end keeps of one sandbox in the sandbox's own folder, so that any process can follow, reach and end it. No secrets. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { sandboxFolder } from './records.ts';

/** What every such record says about the start it stands for. */
interface Claimed {
  readonly phase: string;
  /** Counts starts under one id, from 1. */
  readonly generation: number;
  /** New with each start; whoever finds another one here has lost the right to go on. */
  readonly claim: string;
}

export interface OwnRecordPlace<T> {
  /** Glovebox's folder. */
  readonly dir: string;
  /** The sandbox. */
  readonly id: string;
  /** The name of the file. */
  readonly name: string;
  readonly parse: (raw: unknown) => T;
  readonly clock: Clock;
}

export class OwnRecord<T extends Claimed> {
  readonly #records: RecordStore<T>;
  readonly #name: string;

  constructor({ dir, id, name, parse, clock }: OwnRecordPlace<T>) {
    this.#name = name;
    this.#records = new RecordStore({ folder: sandboxFolder(dir, id), name, parse, clock });
  }

  /** @throws `record/damaged`, `storage/failed`. */
  read(): Promise<T | undefined> {
    return this.#records.read(this.#name);
  }

  /** @throws `record/exists`, `storage/failed`, `lock/timeout`. */
  create(record: T): Promise<T> {
    return this.#records.create(this.#name, record);
  }

  /** @throws `record/missing`, `record/damaged`, or what `change` throws; nothing is written then. */
  update(change: (current: T) => T): Promise<T> {
    return this.#records.update(this.#name, change);
  }

  /**
   * Writes the record of a new start where there is none or the last one has ended. What has not ended may be taken over: by
   * default it is not.
   *
   * @returns undefined when somebody else was faster, or has the right to it.
   */
  async claim(
    fresh: T,
    takeOver: (current: T) => T = (current) => current,
  ): Promise<T | undefined> {
    try {
      if ((await this.read()) === undefined) return await this.create(fresh);
      const next = await this.update((current) =>
        current.phase === 'ended'
          ? { ...fresh, generation: current.generation + 1 }
          : takeOver(current),
      );
      return next.claim === fresh.claim ? next : undefined;
    } catch (error) {
      if (isGloveboxError(error, 'record/exists') || isGloveboxError(error, 'record/missing'))
        return undefined;
      throw error;
    }
  }

  /** A change by whoever claimed it. @throws `cancelled` when somebody stopped the sandbox, or started it anew, meanwhile. */
  changeAs(claim: string, how: (current: T) => T): Promise<T> {
    return this.update((current) => {
      if (current.claim === claim) return how(current);
      throw new GloveboxError('cancelled', 'The sandbox was stopped while it was starting.');
    });
  }
}
