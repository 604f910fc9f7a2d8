/** What is kept on this machine about one sandbox in a Job, so that no crash leaves a Job that nobody knows of. No secrets. */
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
    'cancelled',
    'failed',
    'unknown',
  ]),
  message: z.string(),
  atMs: z.number(),
  logTail: z.array(z.string()),
});
export type JobEnd = z.output<typeof end>;

const jobRecord = z.object({
  projectDir: z.string(),
  /**
   * - `preparing`: nothing is asked for; `starter` checks.
   * - `creating`: `starter` is about to ask, or has asked, for a Job labelled with `op`.
   * - `running`: the Job `jobId` was made, and is not known to have ended.
   * - `stopping`: somebody ends it, or its end could not be confirmed.
   * - `ended`: it is gone; `end` says why.
   */
  phase: z.enum(['preparing', 'creating', 'running', 'stopping', 'ended']),
  generation: z.number(),
  /** New with each start; whoever finds another one here has lost the right to go on. */
  claim: z.string(),
  starter: identity,
  startedMs: z.number(),
  namespace: z.string().exactOptional(),
  /** The label of the request for a Job: whatever carries it is ours. */
  op: z.string().exactOptional(),
  /** From which, with the account's token, the token of the Jupyter server is made. */
  nonce: z.string().exactOptional(),
  jobId: z.string().exactOptional(),
  flavor: z.string().exactOptional(),
  usdPerHour: z.number().exactOptional(),
  lifetimeMs: z.number().exactOptional(),
  deadlineMs: z.number().exactOptional(),
  readyMs: z.number().exactOptional(),
  stoppingMs: z.number().exactOptional(),
  /** True while its starter may still have a request under way that no list shows yet. */
  isAsking: z.boolean().exactOptional(),
  end: end.exactOptional(),
});
export type JobRecord = Readonly<z.output<typeof jobRecord>>;

const NAME = 'huggingface';

export class JobStore {
  readonly #records: RecordStore<JobRecord>;

  constructor(dir: string, id: string, clock: Clock) {
    this.#records = new RecordStore({
      folder: sandboxFolder(dir, id),
      name: NAME,
      parse: (raw) => jobRecord.parse(raw),
      clock,
    });
  }

  read(): Promise<JobRecord | undefined> {
    return this.#records.read(NAME);
  }

  create(record: JobRecord): Promise<JobRecord> {
    return this.#records.create(NAME, record);
  }

  update(change: (current: JobRecord) => JobRecord): Promise<JobRecord> {
    return this.#records.update(NAME, change);
  }
}
