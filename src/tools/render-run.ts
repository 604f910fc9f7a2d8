/** Turns a run into an answer: a headline that says how it stands, its outputs within the budget, and the next step. */
import { renderBytes, renderDuration } from '#core/units.ts';
import type { Block, CellOutput } from '#notebook/contract.ts';
import { renderOutputs, type RenderOptions } from '#notebook/render/render-outputs.ts';
import { isFinal, type RunView } from '#session/contract.ts';
import { lossHint } from '#session/loss.ts';
import type { Run } from '#session/run.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { cellName } from './answers.ts';
import type { ToolContext, ToolResult, ToolServices } from './define-tool.ts';
import { hintForRun } from './error-hints.ts';

/** Outputs as blocks within the answer's budget. */
export async function renderForAgent(
  outputs: readonly CellOutput[],
  context: ToolContext,
  options: Pick<RenderOptions, 'rest' | 'maxChars' | 'imageRef' | 'firstImage'>,
): Promise<readonly Block[]> {
  const { settings, images, signal } = context;
  const { blocks } = await renderOutputs(
    outputs,
    {
      maxChars: settings.outputChars(),
      imageMaxPx: settings.imageMaxPx(),
      renderer: images,
      ...options,
    },
    signal,
  );
  return blocks;
}

/** Where the whole output of a run is, for the place where something was left out. */
export const restOfRun =
  (runId: string) =>
  (offset: number): string =>
    `get_run(run_id="${runId}", offset=${offset})`;

/** `run r-... · cell 3 (id ab12cd34) · ok · 1.2 s` */
export function headline(view: RunView): string {
  const parts = [`run ${view.id}`];
  if (view.cell !== undefined) parts.push(`cell ${cellName(view.cell)}`);
  parts.push(stateWords(view), renderDuration(view.elapsedMs));
  return parts.join(' · ');
}

function stateWords(view: RunView): string {
  if (view.state === 'queued') {
    return view.queuePosition === 0 ? 'queued' : `queued, ${view.queuePosition} before it`;
  }
  if (view.state === 'lost') return `lost (${view.loss ?? 'kernel'})`;
  return isFinal(view.state) || view.state === 'waiting_input'
    ? view.state.replace('_', ' ')
    : 'still running';
}

/** Lines around the outputs that only some runs have. */
function remarks(view: RunView): readonly string[] {
  return [
    ...(view.explanation === undefined ? [] : [view.explanation]),
    ...(view.obstacle === undefined ? [] : [`Not sent yet: ${view.obstacle}.`]),
    ...view.notices.map((notice) => `Note: ${notice}`),
    ...(view.inputPrompt === undefined || isFinal(view.state)
      ? []
      : [
          `The code waits for a line of input; its prompt: ${JSON.stringify(view.inputPrompt)}. Answer with get_run(run_id="${view.id}", stdin="...").`,
        ]),
    ...(view.droppedBytes === 0
      ? []
      : [
          `${renderBytes(view.droppedBytes)} of output are not in the notebook, which takes less for one cell; get_run(run_id="${view.id}", offset=0) pages through all of it.`,
        ]),
    ...(view.suggestedCode === undefined
      ? []
      : [`The cell suggests this code for the next one:\n${view.suggestedCode}`]),
  ];
}

function nextStep(view: RunView): string | undefined {
  if (isFinal(view.state)) {
    if (view.state === 'lost') return `Next: ${lossHint({ id: view.sessionId }, view.loss)}`;
    const hint = hintForRun(view);
    return hint === undefined ? undefined : `Next: ${hint}`;
  }
  return `It goes on by itself. Next: get_run(run_id="${view.id}", wait_s=45) to follow it, interrupt_kernel(session_id="${view.sessionId}") to stop it.`;
}

export async function renderRun(
  view: RunView,
  context: ToolContext,
  firstImage = 1,
): Promise<readonly Block[]> {
  const head = [headline(view), ...remarks(view)].join('\n');
  const isSilent =
    view.outputs.length === 0 && (!isFinal(view.state) || NOTHING_RAN.has(view.state));
  const outputs = isSilent
    ? []
    : await renderForAgent(view.outputs, context, {
        rest: restOfRun(view.id),
        imageRef: (number) => `get_run(run_id="${view.id}", images=${number})`,
        firstImage,
      });
  const next = nextStep(view);
  return joinTexts([
    { type: 'text', text: head },
    ...outputs,
    ...(next === undefined ? [] : [{ type: 'text', text: next } as const]),
  ]);
}

const NOTHING_RAN: ReadonlySet<RunView['state']> = new Set([
  'not_started',
  'cancelled',
  'aborted',
  'lost',
  'output_unknown',
]);

/** Neighbouring texts become one block, because some clients put each block into a frame of its own. */
export function joinTexts(blocks: readonly Block[]): readonly Block[] {
  const joined: Block[] = [];
  for (const block of blocks) {
    const last = joined.at(-1);
    if (block.type === 'text' && last?.type === 'text') {
      joined[joined.length - 1] = { type: 'text', text: `${last.text}\n${block.text}` };
    } else joined.push(block);
  }
  return joined;
}

/** Waits for a run as the caller asked, and cancels it when the caller takes the call back (R6). */
export async function followRun(
  run: Run,
  waitS: number | undefined,
  context: ToolContext,
  onCancel: () => void,
): Promise<void> {
  try {
    await run.wait({
      waitMs: waitMsOf(waitS, context),
      signal: context.signal,
      report: context.report,
    });
  } catch (error) {
    if (context.signal.aborted) onCancel();
    throw error;
  }
  run.flush();
}

export const waitMsOf = (waitS: number | undefined, services: ToolServices): number =>
  waitS === undefined ? services.settings.waitMs() : waitS * 1000;

/** How a call waits for something that goes on without it. */
export const waitOf = (waitS: number | undefined, context: ToolContext): SandboxWait => ({
  waitMs: waitMsOf(waitS, context),
  signal: context.signal,
  report: context.report,
});

export async function runResult(
  view: RunView,
  context: ToolContext,
  firstImage?: number,
): Promise<ToolResult> {
  return { blocks: await renderRun(view, context, firstImage), meta: runMeta(view) };
}

/** For programs: what the text says, without parsing. */
export function runMeta(view: RunView): { readonly [key: string]: string | number | null } {
  return {
    run_id: view.id,
    session_id: view.sessionId,
    state: view.state,
    execution_count: view.executionCount,
    elapsed_ms: view.elapsedMs,
    ...(view.cell !== undefined && { cell_id: view.cell.id }),
    ...(view.cell?.index !== undefined && { cell_index: view.cell.index }),
  };
}
