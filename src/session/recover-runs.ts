/** Carries on the runs that an earlier process left: completes their cells, listens for the one still in the kernel, decides the rest. */
import type { OpenNotebook, Position } from '#notebook/contract.ts';
import type { Clock } from '#platform/clock.ts';
import { isFinal, type RunRecord } from './contract.ts';
import type { RunJournal } from './journal.ts';
import { isFree } from './lease.ts';
import { findCell } from './output-keeper.ts';
import type { Run } from './run.ts';
import type { Session } from './session.ts';

/** Runs that had been sent, oldest first. At most one can be in the kernel: the last. */
export type LeftRuns = readonly Run[];

/**
 * Puts what the journal knows into the notebook and ends what was never sent. Called by the owner of the session, once,
 * BEFORE it connects: the server replays what was missed to whoever listens then, and to nobody later (C13).
 */
export async function loadLeftRuns(
  session: Session,
  journal: RunJournal,
  notebook: OpenNotebook | undefined,
  clock: Clock,
  isWanted: (record: RunRecord) => boolean = () => true,
): Promise<LeftRuns> {
  const records = await journal.ofSession(session.id);
  const isLeft = (record: RunRecord): boolean =>
    !(isFinal(record.state) && record.saved) && isFree(record.owner) && isWanted(record);
  const left = await journal.claim(records.filter(isLeft), isLeft, clock);
  session.queue.expectCount(lastCount(records, session.record.generation));
  const sent: Run[] = [];
  for (const record of left) {
    const run = session.createRun(record);
    for await (const message of journal.messages(record.id)) run.replay(message);
    if (record.state === 'queued') {
      run.update({
        state: 'cancelled',
        endedMs: clock.now(),
        explanation: 'It was never sent: Glovebox ended before its turn.',
      });
    }
    putBack(notebook, record);
    session.outputs.keep(run);
    if (isFinal(run.state)) {
      await session.outputs.settle(run);
      session.outputs.markSavedLater(run);
      continue;
    }
    // What lay in the old process's socket went with it.
    run.notices.push(
      'Glovebox was restarted while it ran. A line that was on its way at that moment may be missing.',
    );
    run.update({});
    sent.push(run);
  }
  return sent;
}

/** How far the counter of this kernel process was when its last run ended. */
function lastCount(records: readonly RunRecord[], generation: number): number | undefined {
  const last = records.findLast(
    (record) =>
      record.storeHistory &&
      record.generation === generation &&
      typeof record.executionCount === 'number',
  );
  return last?.executionCount ?? undefined;
}

/** Restores a cell that was acknowledged and had not reached the file. */
function putBack(notebook: OpenNotebook | undefined, record: RunRecord): void {
  if (notebook === undefined || record.cellId === undefined || !record.insertedCell) return;
  if (findCell(notebook, record.cellId) !== undefined) return;
  const anchor = record.afterCellId;
  const isAnchored = anchor !== undefined && findCell(notebook, anchor) !== undefined;
  const position: Position = isAnchored ? { at: 'after', cell: anchor } : { at: 'end' };
  const cell = { type: 'code', source: record.code, id: record.cellId } as const;
  notebook.insertCell(cell, position);
}

/** Decides the left runs once the session is connected, or known to be lost. */
export function decideLeftRuns(session: Session, runs: LeftRuns, nowMs: number): void {
  const { loss, generation } = session.record;
  for (const run of runs) {
    if (run.isFinal) continue;
    if (run === session.queue.current) {
      void session.queue.settleGap(run);
      void announceEnd(session, run);
      continue;
    }
    const isLost = loss !== null || run.record.generation !== generation;
    run.update({
      state: isLost ? 'lost' : 'output_unknown',
      endedMs: nowMs,
      ...(isLost && { loss: loss?.class ?? 'kernel_restarted' }),
      explanation: isLost
        ? `${loss?.message ?? 'The kernel was restarted meanwhile.'} The cell did not finish.`
        : 'Glovebox ended while it ran, and its end was not seen.',
    });
    session.outputs.markSavedLater(run);
  }
}

async function announceEnd(session: Session, run: Run): Promise<void> {
  await run.whenFinal();
  const where = run.record.cellId === undefined ? '' : ` (cell ${run.view().cell?.index ?? '?'})`;
  session.notify(
    `Run ${run.id}${where}, started before Glovebox was restarted, has ended: ${run.state}. get_run shows it.`,
  );
}
