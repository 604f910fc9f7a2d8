/** The queue of transcripts to upload: one record for each session, which any process may add to and one worker empties. */
import path from 'node:path';
import { isGloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { isIdentity } from '#platform/process-identity.ts';
import { RecordStore } from '#platform/records.ts';
import { SECRET_CLASSES, type SecretCount } from '#policy/redaction/secret-classes.ts';
import { QUEUE_STATES, type FinishedUpload, type QueueEntry } from './contract.ts';

export interface TranscriptQueue {
  /** Puts a session into the queue, or back into it when it went on after its last upload. */
  request(sessionId: string, transcriptPath: string): Promise<void>;
  read(sessionId: string): Promise<QueueEntry | undefined>;
  list(): Promise<readonly QueueEntry[]>;
  update(sessionId: string, change: (entry: QueueEntry) => QueueEntry): Promise<QueueEntry>;
  remove(sessionId: string): Promise<void>;
}

export const transcriptsDir = (dir: string): string => path.join(dir, 'transcripts');

export function createTranscriptQueue(
  dir: string,
  clock: Clock,
  onDamaged?: (message: string) => void,
): TranscriptQueue {
  const store = new RecordStore<QueueEntry>({
    folder: path.join(transcriptsDir(dir), 'queue'),
    name: 'transcript',
    parse: parseEntry,
    clock,
    ...(onDamaged !== undefined && { onDamaged }),
  });
  return {
    async request(sessionId, transcriptPath) {
      const requestedAt = new Date(clock.now()).toISOString();
      const fresh: QueueEntry = {
        sessionId,
        transcriptPath,
        requestedAt,
        state: 'pending',
        runs: 0,
      };
      try {
        await store.create(sessionId, fresh);
      } catch (error) {
        if (!isGloveboxError(error, 'record/exists')) throw error;
        await store.update(sessionId, ({ upload, owner, state }) => ({
          ...fresh,
          ...(upload !== undefined && { upload }),
          // A worker that has it in hand sees the new time and puts it back itself.
          ...(state === 'uploading' && owner !== undefined && { state, owner }),
        }));
      }
    },
    read: (sessionId) => store.read(sessionId),
    list: async () => (await store.list()).map(({ value }) => value),
    update: (sessionId, change) => store.update(sessionId, change),
    remove: (sessionId) => store.remove(sessionId),
  };
}

function parseEntry(raw: unknown): QueueEntry {
  const state = isRecord(raw) ? QUEUE_STATES.find((each) => each === raw['state']) : undefined;
  if (!isRecord(raw) || state === undefined) throw new TypeError('no state');
  const { sessionId, transcriptPath, requestedAt, runs, reason, owner, upload } = raw;
  if (typeof sessionId !== 'string' || typeof transcriptPath !== 'string')
    throw new TypeError('no transcript');
  return {
    sessionId,
    transcriptPath,
    requestedAt: typeof requestedAt === 'string' ? requestedAt : '',
    state,
    runs: typeof runs === 'number' ? runs : 0,
    ...(typeof reason === 'string' && { reason }),
    ...(isIdentity(owner) && { owner }),
    ...(isRecord(upload) && { upload: parseUpload(upload) }),
  };
}

function parseUpload(raw: Readonly<Record<string, unknown>>): FinishedUpload {
  const text = (key: string): string => {
    const value = raw[key];
    if (typeof value !== 'string') throw new TypeError(`upload without ${key}`);
    return value;
  };
  const list = (key: string): readonly unknown[] => {
    const value = raw[key];
    return Array.isArray(value) ? value : [];
  };
  return {
    repo: text('repo'),
    path: text('path'),
    url: text('url'),
    sha256: text('sha256'),
    at: text('at'),
    bytes: typeof raw['bytes'] === 'number' ? raw['bytes'] : 0,
    redacted: list('redacted').flatMap(parseCount),
    leftOut: list('leftOut').filter((each) => typeof each === 'string'),
  };
}

function parseCount(raw: unknown): readonly SecretCount[] {
  if (!isRecord(raw)) return [];
  const kind = SECRET_CLASSES.find((each) => each === raw['class']);
  const count = raw['count'];
  return kind === undefined || typeof count !== 'number' ? [] : [{ class: kind, count }];
}
