/** interrupt_kernel: stops what runs, or takes a queued run out. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';
import { joinTexts, renderRun, runMeta } from '../render-run.ts';

export const interruptKernel = defineSessionTool({
  name: 'interrupt_kernel',
  toolset: 'notebook',
  title: 'Interrupt a run',
  alwaysLoad: true,
  description:
    'Interrupts the code that runs in the session (KeyboardInterrupt); variables are kept. With run_id of a queued run it only takes that one out of the queue. ' +
    'Says truthfully whether the kernel stopped. Use it only when the user wants the code stopped, or it is surely stuck.',
  input: {
    run_id: z
      .string()
      .optional()
      .describe('Only this run; a queued one is removed, a running one interrupted.'),
    force: z.boolean().optional().describe("Also interrupt another client's cell. Default: false."),
  },
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  async run(input, context) {
    const { session } = context;
    const current = session.queue.current;
    const run =
      input.run_id === undefined
        ? current
        : session.queue.runs.find(({ id }) => id === input.run_id);
    if (input.run_id !== undefined && run === undefined) {
      throw new GloveboxError(
        'run/unknown',
        `Run ${input.run_id} is neither queued nor running in this session.`,
        {
          hint: `get_run(run_id="${input.run_id}") says how it ended.`,
        },
      );
    }
    if (run === undefined) {
      const isForeign = session.link?.channel.foreignBusy === true;
      if (!isForeign)
        return textResult('Nothing is running in this session; nothing was interrupted.');
      if (input.force !== true) {
        return textResult(
          "Another client's code is running in this kernel, nothing of this session. It was not interrupted; force=true does that.",
        );
      }
      await session.interrupt(undefined);
      return textResult("The interrupt was sent to the other client's code.");
    }
    const outcome = await session.cancelRun(run);
    const waited = renderDuration(outcome.kind === 'ignored' ? outcome.waitedMs : 0);
    const said = {
      removed: `Run ${run.id} was taken out of the queue; nothing of it was executed.`,
      stopped: 'The code was stopped; the kernel is idle and its variables are kept.',
      behind: `Another client's code runs before run ${run.id} in the kernel, and an interrupt would hit that. None was sent; call again when the run has begun.`,
      sent: 'The interrupt was sent.',
      ignored: `The code ignores interrupts: it still runs ${waited} after the first of two, usually inside one long native call. It goes on; restart_kernel(session_id="${session.id}") would end it and lose all variables. Ask the user first.`,
    }[outcome.kind];
    const view = run.view();
    return {
      blocks: joinTexts([{ type: 'text', text: said }, ...(await renderRun(view, context))]),
      meta: runMeta(view),
    };
  },
});
