/** Carries on the runs that an earlier process left: completes their cells, listens for those still in the kernel, decides the rest. */
import type { OpenNotebook, Position } from '#notebook/contract.ts';
import { isFinal, type RunRecord } from './contract.ts';
import type { RunJournal } from './journal.ts';
import { isFree } from './lease.ts';
import { findCell } from './output-keeper.ts';
import type { Run } from './run.ts';
import type { Session } from './session.ts';

/** Called by the owner of the session only, once, when it is connected or known to be lost. */
export async function recoverRuns(
  session: Session,
  journal: RunJournal,
  notebook: OpenNotebook,
  nowMs: number,
): Promise<void> {
  const records = await journal.ofSession(session.id);
  const left = records.filter(
    (record) => !(isFinal(record.state) && record.saved) && isFree(record.owner),
  );
  const inKernel: Run[] = [];
  for (const record of left) {
    const run = session.createRun(record);
    for await (const message of journal.messages(record.id)) run.replay(message);
    if (record.state === 'queued') {
      run.update({
        state: 'cancelled',
        endedMs: nowMs,
        explanation: 'It was never sent: Glovebox ended before its turn.',
      });
    }
    putBack(notebook, record);
    session.outputs.keep(run);
    if (isFinal(run.state)) await saveRecovered(session, run);
    else inKernel.push(run);
  }
  for (const run of inKernel) decide(session, run, run === inKernel.at(-1), nowMs);
}

/** Restores a cell that was acknowledged and had not reached the file. */
function putBack(notebook: OpenNotebook, record: RunRecord): void {
  if (record.cellId === undefined || !record.insertedCell) return;
  if (findCell(notebook, record.cellId) !== undefined) return;
  const anchor = record.afterCellId;
  const position: Position =
    anchor !== undefined && findCell(notebook, anchor) !== undefined
      ? { at: 'after', cell: anchor }
      : { at: 'end' };
  notebook.insertCell({ type: 'code', source: record.code, id: record.cellId }, position);
}

async function saveRecovered(session: Session, run: Run): Promise<void> {
  await session.outputs.settle(run);
  session.outputs.markSavedLater(run);
}

/** At most one run can be in the kernel; what happened to an older one nobody saw. */
function decide(session: Session, run: Run, isLast: boolean, nowMs: number): void {
  const { loss } = session.record;
  if (loss !== null || run.record.generation !== session.record.generation) {
    run.update({
      state: 'lost',
      endedMs: nowMs,
      loss: loss?.class ?? 'kernel_restarted',
      explanation: `${loss?.message ?? 'The kernel was restarted meanwhile.'} The cell did not finish.`,
    });
    session.outputs.markSavedLater(run);
    return;
  }
  if (!isLast) {
    run.update({
      state: 'output_unknown',
      endedMs: nowMs,
      explanation: 'Glovebox ended while it ran, and its end was not seen.',
    });
    session.outputs.markSavedLater(run);
    return;
  }
  session.adoptRun(run);
  void announceEnd(session, run);
}

async function announceEnd(session: Session, run: Run): Promise<void> {
  await run.whenFinal();
  const where = run.record.cellId === undefined ? '' : ` (cell ${run.view().cell?.index ?? '?'})`;
  session.notify(
    `Run ${run.id}${where}, started before Glovebox was restarted, has ended: ${run.state}. get_run shows it.`,
  );
}
