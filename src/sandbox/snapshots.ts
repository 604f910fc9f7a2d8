/** What is kept on this machine about snapshots: whose file system it was, and what the one who made it said about it. */
import path from 'node:path';
import * as z from 'zod';
import type { JsonObject, JsonValue } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { BACKEND_IDS } from './backend.ts';

const jsonValue: z.ZodType<JsonValue> = z.json();
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), jsonValue);

const snapshotRecord = z.object({
  snapshotId: z.string(),
  backend: z.enum(BACKEND_IDS),
  sandboxId: z.string(),
  description: z.string(),
  /** Of the sandbox, so that another one can be started alike. */
  options: jsonObject,
  createdMs: z.number(),
  expiresMs: z.number().exactOptional(),
});
export type SnapshotRecord = Readonly<z.output<typeof snapshotRecord>>;

export const snapshotRecords = (dir: string, clock: Clock): RecordStore<SnapshotRecord> =>
  new RecordStore({
    folder: path.join(dir, 'snapshots'),
    name: 'snapshot',
    parse: (raw) => snapshotRecord.parse(raw),
    clock,
  });
