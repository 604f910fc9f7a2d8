/** Tells a session that its sandbox's time limit comes near, and has everything saved by then. */
import { messageOf } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { SessionRecord, SessionView } from './contract.ts';
import { renderTime } from './loss.ts';

const MINUTE_MS = 60_000;
const MARKS_MS = [15 * MINUTE_MS, 5 * MINUTE_MS, MINUTE_MS];
/** From this notice on everything is saved, at the last one too. */
const SAVE_AT_MS = 5 * MINUTE_MS;
/** Timers of Node take no more than 24 days. */
const MAX_PAUSE_MS = 24 * 60 * MINUTE_MS;

/** What is needed of a session. */
export interface ExpirySession {
  readonly id: string;
  readonly record: Pick<SessionRecord, 'sandboxId'>;
  readonly notebook: { flush(): Promise<unknown> };
  notify(text: string): void;
  flush(): Promise<void>;
  view(): Pick<SessionView, 'state'>;
  scratch(code: string): unknown;
}

export interface ExpiryOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** When the engine will end the sandbox; undefined without a limit. */
  deadlineMs(): Promise<number | undefined>;
  /** Whether this process still has the session open. */
  isOpen(): Promise<boolean>;
  /** Fetches what was written for keeps, and says so. Never fails. */
  bringHome?(): Promise<readonly string[]>;
  /** Code to run in an idle kernel at the second notice, e.g. to save a model. */
  readonly onExpire?: string | undefined;
}

/** Notices 15, 5 and 1 minute before the end, as far as they lie ahead. Never fails; keeps no process alive. */
export function followExpiry(session: ExpirySession, options: ExpiryOptions): void {
  const { clock, log } = options;
  const follow = async (): Promise<void> => {
    const deadline = await options.deadlineMs();
    if (deadline === undefined) return;
    const leftMs = deadline - clock.now();
    const mark = MARKS_MS.find((each) => each < leftMs);
    if (mark === undefined) return;
    const pauseMs = Math.min(leftMs - mark, MAX_PAUSE_MS);
    clock.after(pauseMs, () => void due(mark).catch(note), { background: true });
  };
  const due = async (mark: number): Promise<void> => {
    if (!(await options.isOpen())) return;
    const deadline = await options.deadlineMs();
    const leftMs = (deadline ?? Number.POSITIVE_INFINITY) - clock.now();
    // A limit may have been moved meanwhile.
    if (deadline !== undefined && leftMs <= mark && leftMs > 0) await tell(deadline, mark);
    await follow();
  };
  const tell = async (deadline: number, mark: number): Promise<void> => {
    const { sandboxId } = session.record;
    session.notify(
      `The time limit of sandbox ${sandboxId} comes in ${renderDuration(mark)}, at ${renderTime(deadline)}. Its kernels and variables end then; the notebook is kept. glovebox keep-alive ${sandboxId} puts a new one with its files in its place.`,
    );
    if (mark > SAVE_AT_MS) return;
    await session.flush();
    await session.notebook.flush();
    for (const note of (await options.bringHome?.()) ?? []) session.notify(note);
    if (mark !== SAVE_AT_MS) return;
    if (options.onExpire === undefined || session.view().state !== 'idle') return;
    session.scratch(options.onExpire);
    session.notify('The code of GLOVEBOX_ON_EXPIRE was sent to the kernel, which was idle.');
  };
  const note = (error: unknown): void => log.warn(`session ${session.id}: ${messageOf(error)}`);
  follow().catch(note);
}
