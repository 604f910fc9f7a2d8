/** What is kept on disk about a sandbox, so that any later process finds it again. */
import path from 'node:path';
import * as z from 'zod';
import type { JsonObject, JsonValue } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { BACKEND_IDS, SANDBOX_STATES, type SandboxHandle, type SandboxStatus } from './backend.ts';
import { recordedEnd, recordedProcess } from './recorded.ts';

const jsonValue: z.ZodType<JsonValue> = z.json();
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), jsonValue);

const sandboxEnd = recordedEnd.extend({
  atMs: z.number().exactOptional(),
  logTail: z.array(z.string()).readonly().exactOptional(),
});

const sandboxRecord = z.object({
  id: z.string(),
  name: z.string(),
  backend: z.enum(BACKEND_IDS),
  /** Real path. */
  projectDir: z.string(),
  createdMs: z.number(),
  /** Of the host, that of whoever started it last. */
  session: z.string().exactOptional(),
  /** As they were asked for; every start uses them again. */
  options: jsonObject,
  /** The last state somebody saw; only `ended`, and what the starter reports, is taken from here without asking. */
  state: z.enum(SANDBOX_STATES),
  detail: z.string().exactOptional(),
  generation: z.number(),
  /** What the back end needs to find it again; no secrets. */
  data: jsonObject,
  end: sandboxEnd.exactOptional(),
  deadlineMs: z.number().exactOptional(),
  hostName: z.string().exactOptional(),
  usdPerHour: z.number().exactOptional(),
  paidSinceMs: z.number().exactOptional(),
  /** Who starts it, or started it last. */
  starter: recordedProcess,
  /** True from the claim of a start until its end, whatever that is. */
  isStarting: z.boolean(),
  /** New with every claim; whoever finds another one here has lost the right to change the record. */
  claim: z.string(),
  /** Why the last start failed, as the starter threw it. */
  failure: z
    .object({ code: z.string(), message: z.string(), hint: z.string().exactOptional() })
    .exactOptional(),
  changedMs: z.number(),
});

export type SandboxRecord = Readonly<z.output<typeof sandboxRecord>>;

export const sandboxesFolder = (dir: string): string => path.join(dir, 'sandboxes');

/** Private to one sandbox: token, log, configuration. Made by whoever needs it. */
export const sandboxFolder = (dir: string, id: string): string =>
  path.join(sandboxesFolder(dir), id);

export function sandboxRecords(
  dir: string,
  clock: Clock,
  onDamaged: (message: string) => void,
): RecordStore<SandboxRecord> {
  return new RecordStore({
    folder: sandboxesFolder(dir),
    name: 'sandbox',
    parse: (raw) => sandboxRecord.parse(raw),
    clock,
    onDamaged,
  });
}

export function toHandle(record: SandboxRecord): SandboxHandle {
  const { id, projectDir, generation, data } = record;
  return { id, projectDir, generation, data };
}

/** The record after somebody learnt the sandbox's state from its back end. */
export function withStatus(record: SandboxRecord, status: SandboxStatus): SandboxRecord {
  const {
    detail: _detail,
    end: _end,
    deadlineMs: _deadline,
    hostName: _host,
    usdPerHour: _price,
    paidSinceMs: _since,
    failure: _failure,
    ...rest
  } = record;
  const { state, generation, detail, end, deadlineMs, host, rootDir } = status;
  const { usdPerHour, paidSinceMs } = status;
  return {
    ...rest,
    ...(rootDir !== undefined && { data: { ...rest.data, rootDir } }),
    isStarting: false,
    state,
    generation,
    ...(detail !== undefined && { detail }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(host !== undefined && { hostName: host }),
    ...(usdPerHour !== undefined && { usdPerHour }),
    ...(paidSinceMs !== undefined && { paidSinceMs }),
    ...(end !== undefined && { end }),
  };
}
