/** get_run: how a run stands, its output from any point, and the answer to its input(). */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import {
  pageTranscript,
  renderTranscript,
  type TranscriptPage,
} from '#notebook/render/transcript.ts';
import { isFinal, type RunView } from '#session/contract.ts';
import { withNotices } from '../define-session-tool.ts';
import { defineTool, type ToolContext } from '../define-tool.ts';
import { waitS } from '../parameters.ts';
import { restoreLines } from '../render-restore.ts';
import { followRun, headline, joinTexts, runMeta, runResult } from '../render-run.ts';
import { timeLeft } from '../time-left.ts';

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
    images: z
      .int32()
      .min(1)
      .optional()
      .describe('Show the pictures from this number on; an answer holds at most 8.'),
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
      const sandboxId = await context.sessions.sandboxIdOf(view.sessionId);
      const left =
        isFinal(view.state) || sandboxId === undefined ? [] : await timeLeft(sandboxId, context);
      const result = withNotices(await runResult(view, context, input.images), left);
      const restore = await context.sessions.restoreOf(view);
      if (restore === undefined) return result;
      const tally = restoreLines(restore, view.sessionId, context).join('\n');
      return { ...result, blocks: joinTexts([...result.blocks, { type: 'text', text: tally }]) };
    }
    const offset = input.offset ?? 0;
    const maxChars = input.max_chars ?? context.settings.outputChars();
    const page =
      view.droppedBytes > 0
        ? await context.sessions.pageRun(view.id, offset, maxChars)
        : pageTranscript(renderTranscript(view.outputs), offset, maxChars);
    const text = pageText(view, page);
    return { blocks: [{ type: 'text', text }], meta: runMeta(view) };
  },
});

function pageText(view: RunView, page: TranscriptPage): string {
  const { nextOffset, resumeOffset, totalChars } = page;
  const more =
    nextOffset !== undefined
      ? `(${totalChars - nextOffset} characters follow: offset=${nextOffset})`
      : isFinal(view.state)
        ? '(end of the output)'
        : `(end of the output so far; go on with offset=${resumeOffset})`;
  return `${headline(view)}\n${page.text}\n${more}`;
}

/** A run that another living process owns is followed through its record. */
async function followElsewhere(
  runId: string,
  waitSeconds: number,
  context: ToolContext,
): Promise<RunView> {
  const endMs = performance.now() + waitSeconds * 1000;
  for (;;) {
    const found = await context.sessions.run(runId, context.signal);
    if ('live' in found) {
      // The process that had it is gone, and this one has taken it over.
      const leftMs = Math.max(0, endMs - performance.now());
      await followRun(found.live, leftMs / 1000, context, () => undefined);
      return found.live.view();
    }
    if (isFinal(found.record.state) || performance.now() >= endMs)
      return context.sessions.readRun(found.record);
    context.report({
      message: `run ${runId} is ${found.record.state} in another Glovebox process`,
    });
    await context.sessions.pause(500, context.signal);
  }
}
