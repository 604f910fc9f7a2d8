/** Runs code in a session for a program, and waits for its end. */
import { stripVTControlCharacters } from 'node:util';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { renderTranscript } from '#notebook/render/transcript.ts';
import type { Run } from '#session/run.ts';
import type { Call } from './call.ts';
import type { CodeResult, ExecCodeOptions } from './contract.ts';

/** @throws `code/failed` with `check`, `cancelled`, `session/unknown`, `session/ended`, `input/invalid` for code that asks for input. */
export async function runCode(
  sessionId: string,
  code: string,
  options: ExecCodeOptions,
  { engine, signal, wait }: Call,
): Promise<CodeResult> {
  const session = await engine.sessions.get(sessionId, signal);
  const timeoutMs =
    options.timeoutSeconds === undefined ? undefined : options.timeoutSeconds * 1000;
  const run =
    options.hidden === true
      ? session.scratch(code, timeoutMs)
      : await session.execute({ code, ...(timeoutMs !== undefined && { timeoutMs }) });
  try {
    await run.wait(wait);
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) await session.cancelCall(run);
    throw error;
  }
  if (!run.isFinal) {
    await session.cancelCall(run);
    throw new GloveboxError('input/invalid', 'The code waits for a line of input.', {
      hint: 'Set the value in the code instead of calling input().',
    });
  }
  await session.flush();
  const result = resultOf(run);
  if (options.check !== true || result.state === 'ok') return result;
  const why = result.error?.traceback ?? result.explanation ?? result.state;
  throw new GloveboxError('code/failed', `Run ${run.id} ended with ${result.state}: ${why}`);
}

function resultOf(run: Run): CodeResult {
  const { outputs, error, explanation, cell, executionCount, state } = run.view();
  const raised = outputs.findLast((output) => output.output_type === 'error');
  const traceback = raised?.output_type === 'error' ? raised.traceback.join('\n') : '';
  return {
    runId: run.id,
    state,
    text: renderTranscript(outputs),
    outputs: outputs.map((output) => ({ ...output })),
    // For code without a cell the kernel tells the number of somebody else's.
    executionCount: cell === undefined ? null : executionCount,
    ...(error !== undefined && {
      error: { ...error, traceback: stripVTControlCharacters(traceback) },
    }),
    ...(explanation !== undefined && { explanation }),
    ...(cell !== undefined && { cellId: cell.id }),
  };
}
