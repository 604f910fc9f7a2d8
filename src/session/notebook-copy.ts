/** The copy of a notebook in a sandbox whose server does not see the project, for people who watch there (D12). */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import type { LiveNotebook } from '#notebook/live-notebook.ts';
import { openStore } from '#notebook/open-store.ts';
import { seeCells, toBase, type PairBase } from '#notebook/pair-base.ts';
import { syncPair } from '#notebook/pair-sync.ts';
import type { NotebookStore } from '#notebook/stores/store.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';

/** How often both are brought together, while that is quick. */
const SYNC_MS = 3_000;
/** Between two times lies this many times what the first took: a large notebook over a slow line. */
const REST_FACTOR = 10;
const LONGEST_PAUSE_MS = 60_000;
/** A copy that cannot be read so often one after the other is made anew: nobody can open it there either. */
const MOST_UNREADABLE = 3;
/** For the last time, when the session ends. */
const LAST_MS = 5_000;

export interface NotebookCopyOptions {
  /** The notebook of record, in the project. */
  readonly record: OpenNotebook;
  readonly store: NotebookStore;
  /** The record's file, byte for byte, for the beginning. */
  readonly readRecord: () => Promise<Buffer>;
  /** What both had in common when another process brought them together last. */
  readonly base: PairBase | undefined;
  /** Called when both are saved with this in common. */
  readonly remember: (base: PairBase) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes sentences for the reader of the next answer. */
  readonly notify: (text: string) => void;
}

/**
 * Works in the background and fails for nobody: a sandbox that is out of reach, or gone for ever, leaves the record whole and is
 * tried again more and more rarely. One process at a time has the copy of a notebook.
 */
export class NotebookCopy {
  readonly #options: NotebookCopyOptions;
  #live: LiveNotebook | undefined;
  #base: PairBase | undefined;
  #working: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;
  #failures = 0;
  #unreadable = 0;
  #isClosed = false;

  constructor(options: NotebookCopyOptions) {
    this.#options = options;
    this.#base = options.base;
  }

  start(): void {
    this.#plan(0);
  }

  /** Brings both together now, and resolves when both are saved. @throws what is in the way; it is tried again later. */
  sync(): Promise<void> {
    const work = (): Promise<void> => (this.#isClosed ? Promise.resolve() : this.#sync());
    const turn = this.#working.then(work, work);
    this.#working = turn;
    return turn;
  }

  /** `isLast`: takes in, within 5 s, what a person did since the last time. Never fails. */
  async close({ isLast }: { readonly isLast: boolean }): Promise<void> {
    this.#cancel?.();
    const { clock, log } = this.#options;
    if (isLast) {
      const last = this.sync().catch((error: unknown) =>
        log.info(`last look at the copy: ${messageOf(error)}`),
      );
      await Promise.race([last, sleep(clock, LAST_MS)]);
    }
    this.#isClosed = true;
    this.#cancel?.();
    this.#live?.stop();
  }

  #plan(delayMs: number): void {
    this.#cancel?.();
    if (this.#isClosed) return;
    const { clock, log } = this.#options;
    const work = async (): Promise<void> => {
      const began = clock.monotonic();
      try {
        await this.sync();
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        log.info(`the copy of a notebook has to wait: ${messageOf(error)}`);
      }
      const pause = Math.max(SYNC_MS, (clock.monotonic() - began) * REST_FACTOR);
      this.#plan(Math.min(LONGEST_PAUSE_MS, pause * 2 ** Math.min(this.#failures, 10)));
    };
    this.#cancel = clock.after(delayMs, () => void work(), { background: true });
  }

  async #sync(): Promise<void> {
    const { record, remember } = this.#options;
    const live = await this.#read();
    await record.refresh();
    const before = JSON.stringify(this.#base);
    const { base, notices } = syncPair(record, live, this.#base);
    this.#base = base;
    for (const notice of notices) this.#options.notify(notice);
    // Also when nothing changed: the copy may have been removed, or an older one written over it.
    await this.#flush(live, false);
    const [mark] = live.saves;
    this.#base = mark === undefined ? base : { ...base, mark };
    if (JSON.stringify(this.#base) === before) return;
    // Another process believes what is remembered, so both have it before.
    await this.#flush(record, true);
    await remember(this.#base);
  }

  /** @param isTold what others did to the record is told; what they did to the copy, `syncPair` has told */
  async #flush(notebook: OpenNotebook, isTold: boolean): Promise<void> {
    const { notify } = this.#options;
    try {
      const { notices } = await notebook.flush();
      if (isTold) for (const notice of notices) notify(notice);
    } catch (error) {
      if (!isGloveboxError(error, 'notebook/conflict')) throw error;
      notify(error.message);
    }
  }

  /** The copy as it is now. */
  async #read(): Promise<LiveNotebook> {
    try {
      this.#live ??= await this.#open();
      await this.#live.refresh();
      this.#unreadable = 0;
      return this.#live;
    } catch (error) {
      if (!isGloveboxError(error, 'notebook/invalid')) throw error;
      this.#unreadable += 1;
      if (this.#unreadable < MOST_UNREADABLE) throw error;
      this.#options.notify(
        `The copy of the notebook in the sandbox could not be read any more (${error.message}) and was made anew.`,
      );
      this.#live?.stop();
      await this.#write();
      this.#live = await this.#open();
      return this.#live;
    }
  }

  /** Gives the copy what the record has, whatever it is now. */
  async #write(): Promise<void> {
    const { record, store, readRecord } = this.#options;
    await this.#flush(record, true);
    const bytes = await readRecord();
    await store.exclusively(async () => store.write([bytes], await store.version()));
  }

  async #open(): Promise<LiveNotebook> {
    const { store, clock, log } = this.#options;
    if ((await store.version()) === undefined) await this.#write();
    const live = await openStore(store, { clock, log });
    // An older copy, as an older state of the sandbox's disk has it: what it lacks nobody removed.
    if (isOlder(live.saves, this.#base)) this.#base = toBase(seeCells(live));
    return live;
  }
}

/** A copy without any mark comes from an editor that drops metadata, and is believed. */
function isOlder(saves: LiveNotebook['saves'], base: PairBase | undefined): boolean {
  const { mark } = base ?? {};
  if (mark === undefined || saves.length === 0) return false;
  return !saves.some(({ writer, count }) => writer === mark.writer && count >= mark.count);
}
