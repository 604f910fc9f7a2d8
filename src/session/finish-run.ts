/** What happens when a run has ended: its last outputs, its state, its cell, its record, in that order. */
import { isRecord } from '#core/json.ts';
import type { ExecuteReply } from '#jupyter/contract.ts';
import type { Clock } from '#platform/clock.ts';
import type { RunRecord, RunState } from './contract.ts';
import type { OutputKeeper } from './output-keeper.ts';
import type { Outcome } from './outcome.ts';
import type { Run } from './run.ts';

/** The run is final, and what can be on disk is, when this resolves. */
export async function finishRun(options: {
  readonly run: Run;
  readonly outcome: Outcome;
  readonly outputs: OutputKeeper;
  readonly clock: Clock;
}): Promise<void> {
  const { run, outcome, outputs, clock } = options;
  if (outcome.kind === 'replied') takePayload(run, outcome.reply);
  run.endOutput();
  noteLostOutput(run, outcome);
  const ending: Partial<RunRecord> = {
    ...(outcome.kind === 'replied' ? endingOf(run, outcome.reply) : settledEnding(outcome)),
    endedMs: clock.now(),
  };
  run.note({ executionCount: ending.executionCount ?? run.record.executionCount ?? null });
  run.flush();
  outputs.keep(run);
  // A cell that is new has run only once.
  if (!run.record.insertedCell) await run.removeOlderSpill();
  const saved = await outputs.settle(run);
  run.update({ ...ending, saved });
  outputs.markSavedLater(run);
}

/** Output that never reached us is missing in the notebook too: the reader has to know. */
function noteLostOutput(run: Run, outcome: Outcome): void {
  if (outcome.kind === 'replied' && outcome.reply.beginLost === true) {
    run.notices.push(
      'The news that the kernel began with it did not arrive, as happens around a restart of the kernel; what it printed may be missing.',
    );
  } else if (outcome.kind === 'replied' && outcome.reply.outputLost === true) {
    run.notices.push(
      'The kernel printed faster than its server could read, and some output was lost on the way. Write so much to a file instead.',
    );
  }
  const isDropped = run.collector.outputs.some(
    (output) =>
      output.output_type === 'stream' &&
      output.name === 'stderr' &&
      /IOPub (data|message) rate exceeded/.test(output.text),
  );
  if (isDropped) {
    run.notices.push(
      'The Jupyter server dropped output because it exceeded its rate limit (dropped_by_server).',
    );
  }
}

function endingOf(run: Run, reply: ExecuteReply): Partial<RunRecord> {
  const error = reply.error;
  return {
    state: stateOf(run, reply),
    executionCount: reply.executionCount,
    ...(error !== undefined && {
      error: { name: run.masked(error.name), value: run.masked(error.value).slice(0, 2000) },
    }),
    ...(reply.status === 'aborted' && {
      explanation:
        'The kernel dropped the request because code before it, of another client, ended in an error. Nothing of it was executed.',
    }),
  };
}

function stateOf(run: Run, reply: ExecuteReply): RunState {
  if (
    reply.status === 'error' &&
    run.interruptRequested &&
    reply.error?.name === 'KeyboardInterrupt'
  ) {
    return 'interrupted';
  }
  return reply.status;
}

function settledEnding(outcome: Extract<Outcome, { kind: 'settled' }>): Partial<RunRecord> {
  return {
    state: outcome.state,
    explanation: outcome.explanation,
    ...(outcome.loss !== undefined && { loss: outcome.loss }),
  };
}

/** O4: `obj?` comes as a pager payload and becomes output; suggested code is reported. */
function takePayload(run: Run, reply: ExecuteReply): void {
  for (const item of reply.payload) {
    const source = item['source'];
    if (source === 'page' && isRecord(item['data']))
      run.receiveLocal('display_data', { data: item['data'], metadata: {} });
    else if (source === 'set_next_input' && typeof item['text'] === 'string')
      run.suggestedCode = run.masked(item['text']);
    else if (source === 'ask_exit' && item['keepkernel'] !== true)
      run.notices.push(
        'exit() ends the process of the kernel: its variables are lost, and Jupyter starts a new, empty one.',
      );
    else if (typeof source === 'string')
      run.notices.push(`The kernel asked its user interface for "${source}", which was not done.`);
  }
}
