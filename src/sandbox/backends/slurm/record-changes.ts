/** How the record of a job changes with what is learnt; pure, and the same object when nothing is new. */
import type { QueueRow } from './parse-squeue.ts';
import type { JobRecord } from './record.ts';
import { nextStep, type LifeEvent } from './state-table.ts';

/** What one look may add to the time a start has used: nobody watched in between. */
const MAX_STEP_MS = 10_000;
/** A difference that is no news. */
const SAME_END_MS = 5000;

/** One step of the table. A new generation knows nothing of the server before. */
export function advance(record: JobRecord, event: LifeEvent): JobRecord {
  const served = record.served === true || record.readyMs !== undefined;
  const { phase, action } = nextStep(record.phase, event, served);
  if (action !== 'count-generation') return phase === record.phase ? record : { ...record, phase };
  const {
    server: _server,
    relay: _relay,
    readyMs: _readyMs,
    start: _start,
    startUsedMs: _used,
    failing: _failing,
    ...rest
  } = record;
  return { ...rest, phase, served, generation: record.generation + 1 };
}

/** Adds the time of RUNNING without an answer since the last look, as far as somebody watched. */
export function withStartTime(record: JobRecord, before: JobRecord): JobRecord {
  const { seen } = record;
  if (record.phase !== 'starting' || seen === undefined || before.seen === undefined) return record;
  const usedMs = Math.min(MAX_STEP_MS, Math.max(0, seen.atMs - before.seen.atMs));
  return { ...record, startUsedMs: (before.startUsedMs ?? 0) + usedMs };
}

/** The same object when nothing is new, so that nothing is written. */
export function withSeen(record: JobRecord, row: QueueRow, atMs: number): JobRecord {
  const { word, reason, batchHost, startMs, leftMs } = row;
  const before = record.seen;
  const endsMs = leftMs === undefined || !Number.isFinite(leftMs) ? undefined : atMs + leftMs;
  const node = batchHost;
  const isSame =
    before !== undefined &&
    record.phase !== 'starting' &&
    before.word === word &&
    before.reason === reason &&
    before.node === node &&
    before.startMs === startMs &&
    Math.abs((before.endsMs ?? 0) - (endsMs ?? 0)) < SAME_END_MS;
  if (isSame) return record;
  return {
    ...record,
    seen: {
      word,
      atMs,
      ...(reason !== undefined && { reason }),
      ...(node !== undefined && { node }),
      ...(startMs !== undefined && { startMs }),
      // Of a pending job it is the limit, counted from nowhere.
      ...(endsMs !== undefined && word !== 'PENDING' && { endsMs }),
    },
  };
}
