/** Session records on disk: parsing what was stored, leniently enough that a later version's fields survive. */
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import path from 'node:path';
import type { SessionRecord } from './contract.ts';
import { loadedModel } from './loaded-models.ts';

const KEEP_ENDED_MS = 30 * 24 * 3_600_000;

const identity = z.looseObject({
  host: z.string(),
  bootId: z.string(),
  pid: z.number(),
  startTime: z.string(),
  uid: z.number(),
});

const sessionRecord = z.looseObject({
  id: z.string(),
  sandboxId: z.string(),
  projectDir: z.string(),
  notebookPath: z.string(),
  kernelId: z.string(),
  kernel: z.object({ name: z.string(), display_name: z.string(), language: z.string() }),
  interruptMode: z.enum(['signal', 'message']),
  jupyterSessionId: z.string().exactOptional(),
  connectionId: z.string(),
  process: z.string().nullable(),
  generation: z.number(),
  serverGeneration: z.number(),
  ownsKernel: z.boolean(),
  owner: identity,
  createdMs: z.number(),
  loss: z
    .object({
      class: z.enum(['server_gone', 'kernel_dead', 'kernel_gone', 'kernel_restarted']),
      message: z.string(),
      atMs: z.number(),
    })
    .nullable(),
  news: z.string().nullable().exactOptional(),
  copyPath: z.string().exactOptional(),
  browserUrl: z.string().exactOptional(),
  endedMs: z.number().exactOptional(),
  endReason: z.string().exactOptional(),
  scratch: z.boolean().exactOptional(),
  helper: z.boolean().exactOptional(),
  models: z.object({ generation: z.number(), loaded: z.array(loadedModel) }).exactOptional(),
  beginning: z
    .object({
      imports: z.array(z.string()),
      initCode: z.string().exactOptional(),
      env: z.record(z.string(), z.string()).exactOptional(),
    })
    .exactOptional(),
});

export function createSessionRecords(
  dir: string,
  clock: Clock,
  onDamaged: (message: string) => void,
): RecordStore<SessionRecord> {
  return new RecordStore<SessionRecord>({
    folder: path.join(dir, 'sessions'),
    name: 'session',
    parse: (raw) => sessionRecord.parse(raw),
    clock,
    onDamaged,
  });
}

/** Removes what is on record of sessions that ended more than 30 days ago; their runs are gone by then. */
export async function removeLongEnded(
  records: RecordStore<SessionRecord>,
  nowMs: number,
  isOpen: (sessionId: string) => Promise<boolean>,
): Promise<void> {
  for (const { id, value } of await records.list()) {
    if (value.endedMs === undefined || nowMs - value.endedMs <= KEEP_ENDED_MS) continue;
    // One after the other: there may be thousands, and nothing waits for it.
    // oxlint-disable-next-line no-await-in-loop
    if (!(await isOpen(id))) await records.remove(id);
  }
}
