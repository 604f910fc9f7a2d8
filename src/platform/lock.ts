/** A lock between processes: one file, made exclusively, with its owner's identity and a heartbeat. No flock. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { constants, copyFile, link, open, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { abandonOn, cancelled } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { newFileMark, newUuid } from '#core/ids.ts';
import { isRecord } from '#core/json.ts';
import { sleep, type Clock } from './clock.ts';
import { ensurePrivateFolder, errnoOf } from './files.ts';
import { currentIdentity, isIdentity, lifeOf, type ProcessIdentity } from './process-identity.ts';

const HEARTBEAT_MS = 5_000;
const STALE_MS = 30_000;
/** Longer than STALE_MS, so that one wait outlives an owner nobody can ask about. */
const DEFAULT_TIMEOUT_MS = 35_000;
const LONGEST_PAUSE_MS = 100;

export interface LockOptions {
  readonly clock: Clock;
  /** How long to wait for the lock; no limit of the work. Default 35 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /**
   * The lock file is on a disk of this machine: the first try is made by direct system calls, microseconds each, and not by
   * way of the thread pool, which costs ten times as much. Never for a network file system, which can hang.
   */
  readonly isQuick?: boolean;
}

/** What a waiter sees of a lock that somebody holds. */
interface Holder {
  readonly fingerprint: string;
  /** Changes with each heartbeat. */
  readonly beat: string;
  readonly owner: ProcessIdentity | undefined;
}

/** The last turn asked for in this process, per lock file, so that waiters here are served in order. */
const turns = new Map<string, Promise<void>>();

/**
 * Does `work` while no other process and no other call in this process holds `lockFile`. Not re-entrant.
 *
 * Meant for work of milliseconds: never hold it during an execution or a network call. A lock is taken over when its
 * owner is gone, or when its heartbeat stood still for 30 s as measured here, so that no clock of another host matters.
 *
 * @throws GloveboxError `lock/timeout`, `cancelled` or `storage/failed` while waiting; afterwards whatever `work` throws.
 */
export async function withFileLock<T>(
  lockFile: string,
  work: () => Promise<T>,
  options: LockOptions,
): Promise<T> {
  const key = path.resolve(lockFile);
  const before = turns.get(key) ?? Promise.resolve();
  const turn = gate();
  const tail = before.then(() => turn.opened);
  turns.set(key, tail);
  try {
    const release = await waitFor(lockFile, before, options);
    try {
      return await work();
    } finally {
      await release();
    }
  } finally {
    turn.open();
    if (turns.get(key) === tail) turns.delete(key);
  }
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let resolve: (() => void) | undefined;
  const opened = new Promise<void>((done) => {
    resolve = done;
  });
  return { opened, open: () => resolve?.() };
}

async function waitFor(
  lockFile: string,
  before: Promise<void>,
  { clock, timeoutMs = DEFAULT_TIMEOUT_MS, signal, isQuick = false }: LockOptions,
): Promise<() => Promise<void>> {
  const giveUp = new AbortController();
  const onAbort = (): void => giveUp.abort();
  const cancelTimer = clock.after(timeoutMs, onAbort);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    await abandonOn(before, giveUp.signal);
    return await acquire(lockFile, clock, giveUp.signal, isQuick);
  } catch (error) {
    if (!giveUp.signal.aborted) throw error;
    if (signal?.aborted === true) throw cancelled(signal);
    throw await lockTimeout(lockFile, timeoutMs);
  } finally {
    cancelTimer();
    signal?.removeEventListener('abort', onAbort);
  }
}

async function acquire(
  lockFile: string,
  clock: Clock,
  giveUp: AbortSignal,
  isQuick: boolean,
): Promise<() => Promise<void>> {
  const content = JSON.stringify({
    token: newUuid(),
    owner: currentIdentity(),
  });
  const descriptor = isQuick ? lockAtOnce(lockFile, content) : undefined;
  if (descriptor === undefined) {
    const claim = await writeClaim(lockFile, content);
    try {
      await untilLinked(claim, lockFile, clock, giveUp);
    } finally {
      await unlink(claim).catch(() => undefined);
    }
  }
  const stopBeating = beat(lockFile, clock);
  return async () => {
    stopBeating();
    if (descriptor !== undefined) return unlockAtOnce(lockFile, descriptor);
    const holder = await look(lockFile).catch(() => undefined);
    if (holder?.fingerprint === fingerprint(content)) await unlink(lockFile).catch(() => undefined);
  };
}

/**
 * One new file and nothing else: the way by a claim and a link costs three times as much. Who looks in between sees an owner he
 * cannot read, and looks again; a process killed in between leaves a lock that is taken over after 30 s.
 *
 * @returns the open file, for `unlockAtOnce`; undefined, without a trace, when it is held or when there is any trouble
 */
function lockAtOnce(lockFile: string, content: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(lockFile, 'wx', 0o600);
  } catch {
    return undefined;
  }
  try {
    writeFileSync(descriptor, content);
    return descriptor;
  } catch {
    unlinkSync(lockFile);
    closeSync(descriptor);
    return undefined;
  }
}

/** As long as the file is open, no other one can be taken for it: whoever took the lock over has unlinked this one. */
function unlockAtOnce(lockFile: string, descriptor: number): void {
  try {
    if (fstatSync(descriptor).nlink > 0) unlinkSync(lockFile);
  } catch {
    // Gone already; or it stays and is taken over like that of a process that died.
  } finally {
    closeSync(descriptor);
  }
}

async function untilLinked(
  claim: string,
  lockFile: string,
  clock: Clock,
  giveUp: AbortSignal,
): Promise<void> {
  let seen = { beat: '', since: 0 };
  let pause = 1;
  while (!(await tryLink(claim, lockFile))) {
    const holder = await look(lockFile);
    if (holder !== undefined) {
      if (holder.beat !== seen.beat) seen = { beat: holder.beat, since: clock.monotonic() };
      const stale = isGone(holder) || clock.monotonic() - seen.since >= STALE_MS;
      if (stale && (await takeOver(lockFile, holder, clock))) continue;
    }
    await sleep(clock, pause * (0.5 + Math.random()), giveUp);
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
  }
}

/** The lock with its content under a name of its own. Linked into place, it is never seen half made, whoever dies when. */
async function writeClaim(lockFile: string, content: string): Promise<string> {
  const claim = `${lockFile}.${process.pid}-${newFileMark()}`;
  const write = (): Promise<void> => writeFile(claim, content, { flag: 'wx', mode: 0o600 });
  try {
    await write().catch(async (error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
      await ensurePrivateFolder(path.dirname(lockFile));
      await write();
    });
    return claim;
  } catch (error) {
    throw storageFailed(lockFile, error);
  }
}

const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

async function tryLink(claim: string, lockFile: string): Promise<boolean> {
  try {
    await link(claim, lockFile);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    if (!NO_LINKS.has(errnoOf(error))) throw storageFailed(lockFile, error);
  }
  try {
    await copyFile(claim, lockFile, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw storageFailed(lockFile, error);
  }
}

/** Opens instead of stating by path: only an open makes a network file system ask its server. */
async function look(lockFile: string): Promise<Holder | undefined> {
  try {
    const handle = await open(lockFile, 'r');
    try {
      const text = await handle.readFile('utf8');
      const { mtimeMs, ino } = await handle.stat();
      const id = fingerprint(text);
      return { fingerprint: id, beat: `${id} ${ino} ${mtimeMs}`, owner: ownerIn(text) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw storageFailed(lockFile, error);
  }
}

const isGone = ({ owner }: Holder): boolean => owner !== undefined && lifeOf(owner) === 'gone';

/**
 * Removes a stale lock, but only the one that was seen: a second waiter that came to the same conclusion a moment later
 * must not remove the lock of the first. So whoever makes the marker named after the stale lock may remove it.
 */
async function takeOver(lockFile: string, stale: Holder, clock: Clock): Promise<boolean> {
  const marker = `${lockFile}.${stale.fingerprint}`;
  try {
    await (await open(marker, 'wx', 0o600)).close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw storageFailed(marker, error);
    const made = await stat(marker).catch(() => undefined);
    if (made !== undefined && clock.now() - made.mtimeMs > STALE_MS)
      await unlink(marker).catch(() => undefined);
    return false;
  }
  try {
    const now = await look(lockFile);
    if (now?.beat === stale.beat) await unlink(lockFile);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw storageFailed(lockFile, error);
  } finally {
    await unlink(marker).catch(() => undefined);
  }
}

function beat(lockFile: string, clock: Clock): () => void {
  const touch = (): void => {
    const now = clock.now() / 1000;
    utimes(lockFile, now, now).catch(() => undefined);
    cancel = clock.after(HEARTBEAT_MS, touch, { background: true });
  };
  let cancel = clock.after(HEARTBEAT_MS, touch, { background: true });
  return () => cancel();
}

function ownerIn(text: string): ProcessIdentity | undefined {
  try {
    const content: unknown = JSON.parse(text);
    const owner = isRecord(content) ? content['owner'] : undefined;
    return isIdentity(owner) ? owner : undefined;
  } catch {
    // Killed between making and filling the file; the heartbeat decides.
    return undefined;
  }
}

const fingerprint = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

async function lockTimeout(lockFile: string, timeoutMs: number): Promise<GloveboxError> {
  const owner = (await look(lockFile).catch(() => undefined))?.owner;
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new GloveboxError(
    'lock/timeout',
    `The lock ${lockFile} was held by ${who} for ${timeoutMs / 1000} s.`,
    {
      hint: 'Call again. If that process hangs, end it: the lock is then free at once.',
    },
  );
}

const storageFailed = (file: string, error: unknown): GloveboxError =>
  new GloveboxError('storage/failed', `Cannot use the lock ${file}: ${messageOf(error)}`, {
    cause: error,
  });
