/** Runs the cells of a notebook again, in order, so that a fresh kernel has its variables (D14), and keeps the tally of it. */
import type { CellRef, CellView } from '#notebook/contract.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { RunRecord, RunState } from './contract.ts';
import type { Run } from './run.ts';
import type { Session } from './session.ts';

/** Cells with this tag are left out. */
const SKIP_TAG = 'skip-restore';

export interface RestoreRequest {
  /** The first cell to run; undefined takes all. */
  readonly from: CellRef | undefined;
  readonly continueOnError: boolean;
}

/** One code cell of a restore, as it stands at the moment. */
export interface RestoredCell {
  readonly id: string;
  readonly index: number;
  readonly state: RunState | 'skipped';
  /** Absent for a skipped cell. */
  readonly runId?: string;
  /** The whole message of the exception, however long. */
  readonly error?: RunRecord['error'];
  /** Why it was skipped, or what else there is to say about its end. */
  readonly explanation?: string;
}

/** Calls that are about to queue cells; a second one waits for them and joins. */
const STARTING = new WeakMap<Session, Promise<Restore | undefined>>();

/** A restore that is under way or over. It goes on by itself, whoever waits for it. */
export class Restore {
  readonly #clock: Clock;
  readonly #cells: RestoredCell[];
  /** By the place in `#cells`; a run that has ended is forgotten with its outputs. */
  readonly #open = new Map<number, Run>();
  readonly #runIds: ReadonlySet<string>;
  readonly runCount: number;

  constructor(
    cells: readonly { readonly cell: CellView; readonly run: Run | undefined }[],
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#cells = cells.map(({ cell, run }) =>
      run === undefined ? skipped(cell) : standing(cell, run),
    );
    const runs = cells.flatMap(({ run }) => (run === undefined ? [] : [run]));
    this.#runIds = new Set(runs.map(({ id }) => id));
    this.runCount = runs.length;
    for (const [place, { cell, run }] of cells.entries()) {
      if (run !== undefined) void this.#keepTally(place, cell, run);
    }
  }

  /** All code cells that were considered, in order. */
  get cells(): readonly RestoredCell[] {
    return this.#cells.map((cell, place) => {
      const run = this.#open.get(place);
      return run === undefined ? cell : { ...cell, state: run.state };
    });
  }

  /** The first run that has not ended. */
  get current(): Run | undefined {
    return [...this.#open.values()].find((run) => !run.isFinal);
  }

  get isOver(): boolean {
    return this.current === undefined;
  }

  has(runId: string): boolean {
    return this.#runIds.has(runId);
  }

  /**
   * Waits until all has ended, a cell wants input, or the wait is over. The cells are not touched.
   *
   * @throws GloveboxError `cancelled` when the signal fires.
   */
  async wait(wait: SandboxWait): Promise<void> {
    const endMs = this.#clock.monotonic() + wait.waitMs;
    for (let run = this.current; run !== undefined; run = this.current) {
      const done = this.runCount - this.#openCount();
      const step = `cell ${done + 1}/${this.runCount}`;
      await run.wait({
        waitMs: Math.max(0, endMs - this.#clock.monotonic()),
        signal: wait.signal,
        report: ({ message }) =>
          wait.report({ message: `${step} · ${message}`, done, total: this.runCount }),
      });
      if (!run.isFinal) return;
    }
  }

  #openCount(): number {
    return [...this.#open.values()].filter((run) => !run.isFinal).length;
  }

  async #keepTally(place: number, cell: CellView, run: Run): Promise<void> {
    this.#open.set(place, run);
    await run.whenFinal();
    this.#cells[place] = standing(cell, run);
    this.#open.delete(place);
  }
}

function skipped({ id, index, source }: CellView): RestoredCell {
  const explanation = source.trim() === '' ? 'it is empty' : `it has the tag ${SKIP_TAG}`;
  return { id, index, state: 'skipped', explanation };
}

function standing(cell: CellView, run: Run): RestoredCell {
  const { error, explanation } = run.record;
  const shown = run.collector.outputs.findLast(({ output_type: type }) => type === 'error');
  const value = shown?.output_type === 'error' ? shown.evalue : (error?.value ?? '');
  return {
    id: cell.id,
    index: cell.index,
    state: run.state,
    runId: run.id,
    ...(error !== undefined && { error: { name: error.name, value } }),
    ...(explanation !== undefined && { explanation }),
  };
}

/**
 * Queues the code cells of the session's notebook and returns at once. While a restore is under way, that one is returned and
 * nothing is queued: no cell runs twice because somebody asked again.
 *
 * @throws `cell/unknown` for `from`, `run/queue-full`.
 */
export async function startRestore(
  session: Session,
  request: RestoreRequest,
  clock: Clock,
): Promise<{ readonly restore: Restore; readonly isNew: boolean }> {
  for (let other = STARTING.get(session); other !== undefined; other = STARTING.get(session)) {
    const restore = await other;
    if (restore !== undefined) return { restore, isNew: false };
  }
  const running = session.restore;
  if (running?.isOver === false) return { restore: running, isNew: false };
  const starting = queueCells(session, request, clock);
  STARTING.set(
    session,
    starting.catch(() => undefined),
  );
  try {
    return { restore: await starting, isNew: true };
  } finally {
    STARTING.delete(session);
  }
}

async function queueCells(
  session: Session,
  request: RestoreRequest,
  clock: Clock,
): Promise<Restore> {
  const { notebook } = session;
  await notebook.refresh();
  const first = request.from === undefined ? 0 : notebook.cell(request.from).index;
  const cells = notebook.cells().filter(({ type, index }) => type === 'code' && index >= first);
  const chosen = cells.filter((cell) => !isTagged(cell)).map(({ id }) => id);
  const mode = request.continueOnError ? 'continue' : 'stop';
  const queued = await session.runCells(chosen, undefined, mode);
  const runs = new Map(queued.map(({ cell, run }) => [cell.id, run]));
  const restore = new Restore(
    cells.map((cell) => ({ cell, run: runs.get(cell.id) })),
    clock,
  );
  session.restore = restore;
  return restore;
}

function isTagged({ metadata }: CellView): boolean {
  const tags = metadata['tags'];
  return Array.isArray(tags) && tags.includes(SKIP_TAG);
}
