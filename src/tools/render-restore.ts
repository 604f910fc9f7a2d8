/** Turns a restore into an answer: the tally, every cell, and the next step; and the parameters of tools that restore. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Restore, RestoredCell, RestoreRequest } from '#session/restore.ts';
import type { Session } from '#session/session.ts';
import { cellName } from './answers.ts';
import { textResult, type ToolContext, type ToolResult } from './define-tool.ts';
import { waitOf } from './render-run.ts';

export const continueOnError = z
  .boolean()
  .optional()
  .describe('Go on after a cell that fails. Default: stop there.');

type Fate = 'executed' | 'failed' | 'skipped' | 'not run' | 'to come';

const FATES: Readonly<Record<RestoredCell['state'], Fate>> = {
  queued: 'to come',
  sending: 'to come',
  sent: 'to come',
  running: 'to come',
  waiting_input: 'to come',
  ok: 'executed',
  error: 'failed',
  interrupted: 'failed',
  lost: 'failed',
  output_unknown: 'failed',
  aborted: 'not run',
  cancelled: 'not run',
  not_started: 'not run',
  skipped: 'skipped',
};

/** @throws `input/invalid` when only `continue_on_error` was given. */
export function checkRestore(input: {
  readonly restore?: boolean | undefined;
  readonly continue_on_error?: boolean | undefined;
}): void {
  if (input.restore === true || input.continue_on_error !== true) return;
  throw new GloveboxError('input/invalid', 'continue_on_error is about a restore.', {
    hint: 'Give restore=true with it, or leave it out.',
  });
}

/** Starts the restore, or joins the one under way, and follows it as the caller asked. */
export async function restoreAndFollow(
  session: Session,
  request: RestoreRequest,
  waitSeconds: number | undefined,
  context: ToolContext,
): Promise<ToolResult> {
  const { restore, isNew } = await context.sessions.startRestore(session, request);
  try {
    await restore.wait(waitOf(waitSeconds, context));
  } catch (error) {
    const { current } = restore;
    if (context.signal.aborted && current !== undefined && isNew)
      context.sessions.cancelAfterCall(session, current);
    throw error;
  }
  const joined = isNew
    ? []
    : ['A restore was under way already: this call followed it and queued nothing.'];
  const text = [...joined, ...restoreLines(restore, session.id, context)].join('\n');
  return textResult(text, { session_id: session.id, ...restoreMeta(restore) });
}

const countOf = (cells: readonly RestoredCell[], fate: Fate): number =>
  cells.filter(({ state }) => FATES[state] === fate).length;

function restoreMeta({ cells, current }: Restore): JsonObject {
  return {
    executed: countOf(cells, 'executed'),
    failed: countOf(cells, 'failed'),
    skipped: countOf(cells, 'skipped'),
    not_run: countOf(cells, 'not run'),
    to_come: countOf(cells, 'to come'),
    ...(current !== undefined && { run_id: current.id }),
  };
}

/** How a restore stands. */
export function restoreLines(
  restore: Restore,
  sessionId: string,
  context: Pick<ToolContext, 'settings'>,
): readonly string[] {
  const { cells, runCount, isOver } = restore;
  if (runCount === 0) return ['Nothing was restored: there is no code cell to run.'];
  const counts = (['executed', 'failed', 'skipped', 'not run', 'to come'] as const)
    .map((fate) => [fate, countOf(cells, fate)] as const)
    .filter(([fate, count]) => count > 0 || fate === 'executed' || fate === 'failed')
    .map(([fate, count]) => `${count} ${fate}`);
  const maxChars = context.settings.outputChars();
  return [
    `${isOver ? 'Restore' : 'Restore, still under way'}: ${counts.join(', ')}.`,
    ...cellLines(cells, maxChars),
    'Side effects of these cells (files written, requests sent, money spent) were repeated.',
    ...nextSteps(restore, sessionId),
  ];
}

/** Neighbours about which there is nothing to say but their state share a line. */
function cellLines(cells: readonly RestoredCell[], maxChars: number): readonly string[] {
  const lines: string[] = [];
  let alike: RestoredCell[] = [];
  const close = (): void => {
    const [first] = alike;
    if (first !== undefined) lines.push(`cell ${namesOf(alike)} · ${stateOf(first)}`);
    alike = [];
  };
  for (const cell of cells) {
    if (alike[0] !== undefined && stateOf(alike[0]) !== stateOf(cell)) close();
    if (cell.error === undefined && cell.state !== 'lost') alike.push(cell);
    else {
      close();
      lines.push(failureLine(cell, maxChars));
    }
  }
  close();
  return lines;
}

function namesOf(cells: readonly RestoredCell[]): string {
  if (cells.length <= 3) return cells.map(cellName).join(', ');
  return cells.map(({ index }) => index).join(', ');
}

function stateOf({ state, explanation }: RestoredCell): string {
  const words = state.replace('_', ' ');
  return explanation === undefined ? words : `${words}: ${explanation}`;
}

function failureLine(cell: RestoredCell, maxChars: number): string {
  const head = `cell ${cellName(cell)} · ${stateOf(cell)} · run ${cell.runId ?? '?'}`;
  if (cell.error === undefined) return head;
  const said = `${cell.error.name}: ${cell.error.value}`;
  const rest = said.length <= maxChars ? '' : ` ... get_run(run_id="${cell.runId ?? '?'}") has all`;
  return `${head}\n${said.slice(0, maxChars)}${rest}`;
}

function nextSteps({ cells, current }: Restore, sessionId: string): readonly string[] {
  const last = cells.findLast(({ runId }) => runId !== undefined)?.runId;
  if (current !== undefined && last !== undefined) {
    const waits =
      current.state === 'waiting_input'
        ? `Run ${current.id} waits for a line of input; its prompt: ${JSON.stringify(current.inputPrompt ?? '')}. Answer with get_run(run_id="${current.id}", stdin="...").`
        : `It goes on by itself, now with run ${current.id}.`;
    return [
      waits,
      `Next: get_run(run_id="${last}", wait_s=45) waits for its last cell and tells the whole tally; interrupt_kernel(session_id="${sessionId}") stops it.`,
    ];
  }
  if (cells.some(({ state }) => state === 'lost'))
    return [
      `Next: a restore begins anew in a fresh kernel: restart_kernel(session_id="${sessionId}"), then the cells you need, without what ended the kernel.`,
    ];
  const failed = cells.find(({ state }) => FATES[state] === 'failed');
  if (failed === undefined) return [];
  return [
    `Next: mend cell ${failed.index} with edit_cell, then restore_notebook(session_id="${sessionId}", from_cell="${failed.id}") goes on from it.`,
  ];
}
