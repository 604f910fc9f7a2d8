/** What is kept on this machine about one Modal sandbox, so that no crash leaves a machine that nobody knows of. No secrets. */
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { sandboxFolder } from '#sandbox/records.ts';

const identity = z.object({
  host: z.string(),
  bootId: z.string(),
  pid: z.number(),
  startTime: z.string(),
  uid: z.number(),
});

const end = z.object({
  cause: z.enum([
    'stopped',
    'start-failed',
    'time-limit',
    'idle',
    'out-of-memory',
    'cancelled',
    'failed',
    'unknown',
  ]),
  message: z.string(),
  atMs: z.number(),
  logTail: z.array(z.string()),
});
export type ModalEnd = z.output<typeof end>;

const modalRecord = z.object({
  projectDir: z.string(),
  /**
   * - `preparing`: nothing is rented; `starter` checks, builds, fetches.
   * - `creating`: `starter` is about to ask, or has asked, for a machine tagged with `op`.
   * - `running`: `modalId` was created, and is not known to have ended.
   * - `stopping`: somebody ends it, or its end could not be confirmed.
   * - `ended`: it is gone; `end` says why.
   */
  phase: z.enum(['preparing', 'creating', 'running', 'stopping', 'ended']),
  generation: z.number(),
  /** New with each start; whoever finds another one here has lost the right to go on. */
  claim: z.string(),
  starter: identity,
  startedMs: z.number(),
  /** The tag of the request for a machine: whatever carries it is ours. */
  op: z.string().exactOptional(),
  /** From which, with the account's secret, the token of the Jupyter server is made. */
  nonce: z.string().exactOptional(),
  modalId: z.string().exactOptional(),
  port: z.number().exactOptional(),
  gpu: z.string().exactOptional(),
  usdPerHour: z.number().exactOptional(),
  deadlineMs: z.number().exactOptional(),
  /** Until when it must have answered for the first time. */
  startLimitMs: z.number().exactOptional(),
  readyMs: z.number().exactOptional(),
  stoppingMs: z.number().exactOptional(),
  /** True while its starter may still have a request under way that no list shows yet. */
  isAsking: z.boolean().exactOptional(),
  end: end.exactOptional(),
});
export type ModalRecord = Readonly<z.output<typeof modalRecord>>;

const NAME = 'modal';

export class ModalStore {
  readonly #records: RecordStore<ModalRecord>;

  constructor(dir: string, id: string, clock: Clock) {
    this.#records = new RecordStore({
      folder: sandboxFolder(dir, id),
      name: NAME,
      parse: (raw) => modalRecord.parse(raw),
      clock,
    });
  }

  read(): Promise<ModalRecord | undefined> {
    return this.#records.read(NAME);
  }

  create(record: ModalRecord): Promise<ModalRecord> {
    return this.#records.create(NAME, record);
  }

  update(change: (current: ModalRecord) => ModalRecord): Promise<ModalRecord> {
    return this.#records.update(NAME, change);
  }
}
