/** Lets one worker at a time empty the queue; one that died gives its turn to the next. */
import { isGloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import {
  currentIdentity,
  isIdentity,
  lifeOf,
  type ProcessIdentity,
} from '#platform/process-identity.ts';
import { RecordStore } from '#platform/records.ts';
import { transcriptsDir } from './queue.ts';

/** Of a worker on another host that shares the folder: nobody can ask whether it lives. */
const SILENCE_MS = 15 * 60_000;

interface Turn {
  readonly owner: ProcessIdentity;
  readonly seenMs: number;
}

export interface WorkerTurn {
  /** For hosts that share the folder: this worker still lives. */
  keep(): Promise<void>;
  end(): Promise<void>;
}

/** @returns undefined when another worker has the turn. */
export async function takeWorkerTurn(dir: string, clock: Clock): Promise<WorkerTurn | undefined> {
  const store = new RecordStore<Turn>({
    folder: transcriptsDir(dir),
    name: 'upload worker',
    parse: parseTurn,
    clock,
    durable: false,
  });
  const mine = (): Turn => ({ owner: currentIdentity(), seenMs: clock.now() });
  const isMine = ({ owner }: Turn): boolean => isSame(owner, currentIdentity());
  try {
    await store.create('worker', mine());
  } catch (error) {
    if (!isGloveboxError(error, 'record/exists')) throw error;
    const taken = await store.update('worker', (held) => (isFree(held, clock) ? mine() : held));
    if (!isMine(taken)) return undefined;
  }
  return {
    keep: async () => {
      await store.update('worker', (held) => (isMine(held) ? mine() : held));
    },
    end: () => store.remove('worker'),
  };
}

/** Whether nobody works on what that process had in hand. */
export const isAbandoned = (owner: ProcessIdentity | undefined): boolean =>
  owner === undefined || lifeOf(owner) === 'gone';

function isFree({ owner, seenMs }: Turn, clock: Clock): boolean {
  const life = lifeOf(owner);
  return life === 'gone' || (life === 'elsewhere' && clock.now() - seenMs > SILENCE_MS);
}

const isSame = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.host === b.host && a.bootId === b.bootId && a.pid === b.pid && a.startTime === b.startTime;

function parseTurn(raw: unknown): Turn {
  if (!isRecord(raw) || !isIdentity(raw['owner'])) throw new TypeError('no owner');
  return { owner: raw['owner'], seenMs: typeof raw['seenMs'] === 'number' ? raw['seenMs'] : 0 };
}
