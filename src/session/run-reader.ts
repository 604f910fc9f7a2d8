/** Reads a run from the journal: of an earlier process, or of another one that works right now. */
import { createOutputCollector } from '#notebook/output-collector.ts';
import type { Clock } from '#platform/clock.ts';
import type { RunRecord, RunView } from './contract.ts';
import type { RunJournal } from './journal.ts';

export async function readRunView(
  journal: RunJournal,
  record: RunRecord,
  options: { readonly clock: Clock; readonly maxOutputBytes: number },
): Promise<RunView> {
  const collector = createOutputCollector({ maxBytes: options.maxOutputBytes });
  for await (const message of journal.messages(record.id)) collector.add(message);
  const { createdMs, sentMs, endedMs } = record;
  return {
    id: record.id,
    sessionId: record.sessionId,
    state: record.state,
    ...(record.cellId !== undefined && { cell: { id: record.cellId, index: undefined } }),
    executionCount: record.executionCount ?? null,
    outputs: collector.outputs,
    droppedBytes: collector.droppedBytes,
    elapsedMs: Math.max(0, (endedMs ?? options.clock.now()) - (sentMs ?? createdMs)),
    queuePosition: 0,
    ...(record.error !== undefined && { error: record.error }),
    ...(record.loss !== undefined && { loss: record.loss }),
    ...(record.explanation !== undefined && { explanation: record.explanation }),
    notices: record.notices ?? [],
  };
}
