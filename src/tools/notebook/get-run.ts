/** get_run: how a run stands, its output from any point, and the answer to its input(). */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { pageTranscript, renderTranscript } from '#notebook/render/transcript.ts';
import { isFinal } from '#session/contract.ts';
import { defineTool, type ToolContext } from '../define-tool.ts';
import { withNotices } from '../define-session-tool.ts';
import { waitS } from '../parameters.ts';
import { followRun, headline, runMeta, runResult } from '../render-run.ts';

const MAX_CHARS = 100_000;

export const getRun = defineTool({
  name: 'get_run',
  toolset: 'notebook',
  title: 'Follow a run',
  alwaysLoad: true,
  description:
    'Says how a run stands and shows its output. With wait_s it waits for the end first; waiting never disturbs the run, and any number may wait. ' +
    'With offset it pages through the whole text of the output. Works for finished runs too, also after a restart, for 7 days.',
  input: z.strictObject({
    run_id: z.string().describe('Run id, as an earlier answer gave it (r-...).'),
    wait_s: waitS.describe('Seconds to wait for the end first. Default: 0.'),
    offset: z
      .int32()
      .min(0)
      .optional()
      .describe('Show the text of the output from this character on.'),
    max_chars: z
      .int32()
      .min(100)
      .max(MAX_CHARS)
      .optional()
      .describe('How many characters of text at most, up to 100000.'),
    stdin: z.string().optional().describe('Answers the input() that the run waits for.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  async run(input, context) {
    const found = await context.sessions.run(input.run_id, context.signal);
    if ('live' in found) {
      if (input.stdin !== undefined) await context.sessions.answerInput(found.live, input.stdin);
      // The end of this call ends only the waiting.
      await followRun(found.live, input.wait_s ?? 0, context, () => undefined);
    } else if (input.stdin !== undefined) {
      throw new GloveboxError('input/invalid', `Run ${input.run_id} does not wait for input.`, {
        hint: `It is ${found.record.state}.`,
      });
    }
    const view =
      'live' in found
        ? found.live.view()
        : await followElsewhere(input.run_id, input.wait_s ?? 0, context);
    if (input.offset === undefined && input.max_chars === undefined) {
      const result = await runResult(view, context);
      return withNotices(result, []);
    }
    const page = pageTranscript(
      renderTranscript(view.outputs),
      input.offset ?? 0,
      input.max_chars ?? context.settings.outputChars(),
    );
    const more =
      page.nextOffset === undefined
        ? isFinal(view.state)
          ? '(end of the output)'
          : '(end of the output so far)'
        : `(${page.totalChars - page.nextOffset} characters follow: offset=${page.nextOffset})`;
    return {
      blocks: [{ type: 'text', text: `${headline(view)}\n${page.text}\n${more}` }],
      meta: runMeta(view),
    };
  },
});

/** A run that another living process owns is followed through its record. */
async function followElsewhere(runId: string, waitSeconds: number, context: ToolContext) {
  const endMs = performance.now() + waitSeconds * 1000;
  for (;;) {
    const found = await context.sessions.run(runId, context.signal);
    if ('live' in found) return found.live.view();
    if (isFinal(found.record.state) || performance.now() >= endMs)
      return context.sessions.readRun(found.record);
    context.report({
      message: `run ${runId} is ${found.record.state} in another Glovebox process`,
    });
    await context.sessions.pause(500, context.signal);
  }
}
