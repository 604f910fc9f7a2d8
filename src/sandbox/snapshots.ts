/** Keeps file systems of sandboxes, and on this machine whose they were and what the one who kept them said about it. */
import path from 'node:path';
import * as z from 'zod';
import type { JsonObject, JsonValue } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { GloveboxError } from '#core/errors.ts';
import { BACKEND_IDS, type Backend, type Snapshot } from './backend.ts';
import { toHandle, type SandboxRecord } from './records.ts';

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
type SnapshotRecord = Readonly<z.output<typeof snapshotRecord>>;

const snapshotRecords = (dir: string, clock: Clock): RecordStore<SnapshotRecord> =>
  new RecordStore({
    folder: path.join(dir, 'snapshots'),
    name: 'snapshot',
    parse: (raw) => snapshotRecord.parse(raw),
    clock,
  });

/** @throws `backend/unavailable` for a back end that cannot, and what the back end throws. */
export async function keepFiles(
  backend: Backend,
  record: SandboxRecord,
  { dir, clock }: { readonly dir: string; readonly clock: Clock },
  { description, ttlMs }: { readonly description: string; readonly ttlMs: number | null },
  signal: AbortSignal,
): Promise<Snapshot> {
  if (backend.snapshot === undefined) {
    throw new GloveboxError(
      'backend/unavailable',
      `The ${backend.id} back end cannot keep the file system of a sandbox.`,
      { hint: 'Copy the files that matter into the project.' },
    );
  }
  const snapshot = await backend.snapshot(toHandle(record), { ttlMs }, signal);
  const { snapshotId, expiresMs } = snapshot;
  await snapshotRecords(dir, clock).create(snapshotId, {
    snapshotId,
    backend: backend.id,
    sandboxId: record.id,
    description,
    options: record.options,
    createdMs: clock.now(),
    ...(expiresMs !== undefined && { expiresMs }),
  });
  return snapshot;
}

/** The back end and the options of the sandbox that a snapshot was taken of. @throws `sandbox/unknown`. */
export async function readSnapshot(
  snapshotId: string,
  { dir, clock }: { readonly dir: string; readonly clock: Clock },
): Promise<Pick<SnapshotRecord, 'backend' | 'options' | 'description'>> {
  const records = snapshotRecords(dir, clock);
  const record = await records.read(snapshotId);
  if (record !== undefined) return record;
  const known = (await records.list()).map(({ id }) => id);
  throw new GloveboxError('sandbox/unknown', `There is no snapshot "${snapshotId}" on record.`, {
    hint: known.length === 0 ? 'There is none at all.' : `Known: ${known.join(', ')}.`,
  });
}
