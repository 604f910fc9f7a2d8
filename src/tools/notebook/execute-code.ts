/** execute_code: a new cell with its outputs. */
import * as z from 'zod';
import { defineSessionTool } from '../define-session-tool.ts';
import { withLines } from '../define-tool.ts';
import { at, timeoutS, toPosition, waitS } from '../parameters.ts';
import { followRun, runResult } from '../render-run.ts';
import { trainingAdvice } from '../training-advice.ts';

export const executeCode = defineSessionTool({
  name: 'execute_code',
  toolset: 'notebook',
  title: 'Execute code in a new cell',
  alwaysLoad: true,
  description:
    'Adds a code cell to the notebook, runs it in the live kernel and returns text, errors and images. Variables persist between calls. ' +
    'Answers when the code is done, or after wait_s with the partial output and a run_id: the code then goes on, and get_run follows it. ' +
    'Code is never run twice: do not send it again while a run is in flight. An exception in the code is a normal result.',
  input: {
    code: z
      .string()
      .describe('Code in the language of the kernel. Magics and shell lines work as in Jupyter.'),
    at,
    wait_s: waitS,
    timeout_s: timeoutS,
  },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const { session } = context;
    const advice = await trainingAdvice(session, input.code, context);
    const run = await session.execute({
      code: input.code,
      position: toPosition(input.at),
      ...(input.timeout_s !== undefined && { timeoutMs: input.timeout_s * 1000 }),
    });
    await followRun(run, input.wait_s, context, () =>
      context.sessions.cancelAfterCall(session, run),
    );
    return withLines(await runResult(run.view(), context), advice);
  },
});
