/** What has been reserved and spent: a file that all processes of the user share, appended to, and written anew when it is long. */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { MicroUsd } from '#core/money.ts';
import type { Clock } from '#platform/clock.ts';
import { ensurePrivateFolder, writeFileAtomic } from '#platform/files.ts';
import { withFileLock } from '#platform/lock.ts';
import type { Caps } from './caps.ts';
import type { Subject } from './contract.ts';
import { foldEntries } from './ledger-fold.ts';
import {
  linesOf,
  parseLedger,
  reserveLine,
  type LedgerEntry,
  type Reservation,
} from './ledger-lines.ts';
import { ledgerFile } from './policy-dir.ts';
import { readLedger, spendingIn, type Shortage, type Spending } from './spending.ts';

export type Reserved =
  | { readonly id: string; readonly spending: Spending }
  | { readonly refused: Shortage };

export type ReservedAll =
  | { readonly ids: readonly string[]; readonly spending: Spending }
  | { readonly refused: Shortage };

/**
 * Safe for several processes. A reservation is on disk, flushed, before whatever it pays for is asked for; every other change is
 * idempotent, and of an id that nobody knows it has no effect.
 */
export interface Ledger {
  /** Every entry, oldest first. @throws `record/damaged` when nobody can tell what was spent; `storage/failed`. */
  entries(): Promise<readonly LedgerEntry[]>;
  spending(session: string, caps: Caps): Promise<Spending>;
  /**
   * Checks against the caps and reserves, as one step: of two calls at once that fit only one by one, exactly one succeeds. Equal
   * is enough. What cannot be counted (`amountMicroUsd` null) is not checked.
   *
   * @throws `record/damaged`, `storage/failed`, `lock/timeout`; nothing is reserved then.
   */
  reserve(reservation: Reservation, caps: Caps): Promise<Reserved>;
  /** All of one session or none of them, checked by their sum. As `reserve`. */
  reserveAll(reservations: readonly Reservation[], caps: Caps): Promise<ReservedAll>;
  /** It has been asked for. */
  attach(id: string, subject?: Subject): Promise<void>;
  /** It never came to be. */
  release(id: string): Promise<void>;
  /** Its end was seen; it cost so much, and never more than was reserved. */
  settle(id: string, amountMicroUsd: MicroUsd): Promise<void>;
}

export interface LedgerOptions {
  readonly dir: string;
  readonly clock: Clock;
  /** So many entries that are over make it worth to write the file anew. */
  readonly foldAt?: number;
}

const FOLD_AT = 500;

export function createLedger({ dir, clock, foldAt = FOLD_AT }: LedgerOptions): Ledger {
  const file = ledgerFile(dir);

  const entries = (): Promise<readonly LedgerEntry[]> => readLedger(dir);

  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    await ensurePrivateFolder(path.dirname(file));
    return withFileLock(`${file}.lock`, work, { clock });
  };

  const change = (
    line: { readonly id: string } & Readonly<Record<string, unknown>>,
  ): Promise<void> =>
    locked(async () => {
      const entry = (await entries()).find(({ id }) => id === line.id);
      if (entry === undefined || entry.state === 'settled' || entry.state === 'released') return;
      await append(file, `${JSON.stringify(line)}\n`);
    });

  const reserveAll: Ledger['reserveAll'] = (reservations, caps) =>
    locked(async () => {
      const now = clock.now();
      const before = await foldIfLong(file, await entries(), now, foldAt);
      const session = reservations[0]?.session ?? '';
      const { left } = spendingIn(before, session, caps, now);
      const sum = reservations.reduce(
        (most, { amountMicroUsd }) => most + (amountMicroUsd ?? 0),
        0,
      );
      if (left !== undefined && sum > left.leftMicroUsd) return { refused: left };
      const made = reservations.map((reservation) => {
        const id = `l-${randomBytes(8).toString('hex')}`;
        return { id, line: `${JSON.stringify(reserveLine(id, now, reservation))}\n` };
      });
      const text = made.map(({ line }) => line).join('');
      // What could not be read again is not written: it would make the whole ledger worthless.
      const after = parseLedger(text);
      await append(file, text);
      const spending = spendingIn([...before, ...after], session, caps, now);
      return { ids: made.map(({ id }) => id), spending };
    });

  return {
    entries,

    async spending(session, caps) {
      return spendingIn(await entries(), session, caps, clock.now());
    },

    async reserve(reservation, caps) {
      const reserved = await reserveAll([reservation], caps);
      if ('refused' in reserved) return reserved;
      const { ids, spending } = reserved;
      return { id: ids[0] ?? '', spending };
    },

    reserveAll,

    attach: (id, subject) =>
      change({
        event: 'attach',
        id,
        at_ms: clock.now(),
        ...(subject !== undefined && { subject }),
      }),
    release: (id) => change({ event: 'release', id, at_ms: clock.now() }),
    settle: (id, amount) =>
      change({ event: 'settle', id, at_ms: clock.now(), amount: Math.max(0, Math.ceil(amount)) }),
  };
}

/** Under the lock. Whoever reads meanwhile sees the file as it was, or as it is then; both say the same. */
async function foldIfLong(
  file: string,
  entries: readonly LedgerEntry[],
  nowMs: number,
  foldAt: number,
): Promise<readonly LedgerEntry[]> {
  if (entries.length < foldAt) return entries;
  const folded = foldEntries(entries, nowMs);
  if (entries.length - folded.length < foldAt / 2) return entries;
  const lines = folded.flatMap(linesOf).map((line) => `${JSON.stringify(line)}\n`);
  const text = lines.join('');
  // What could not be read again must not take the place of what can.
  parseLedger(text);
  return writeFileAtomic(file, text).then(
    () => folded,
    // It goes on as it was.
    () => entries,
  );
}

/** Under the lock. What an earlier process did not finish writing is cut off first; it was never acknowledged. */
async function append(file: string, lines: string): Promise<void> {
  try {
    const handle = await open(file, 'a+', 0o600);
    try {
      const text = await handle.readFile('utf8');
      const whole = text.lastIndexOf('\n') + 1;
      if (whole < text.length) await handle.truncate(Buffer.byteLength(text.slice(0, whole)));
      await handle.appendFile(lines);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new GloveboxError(
      'storage/failed',
      `Cannot write the ledger ${file}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
