/** start_notebook: an existing notebook, with the kernel it has or a fresh one. */
import { copyNotebook } from '#notebook/copy-notebook.ts';
import { resolveNotebookPath } from '#notebook/paths.ts';
import * as z from 'zod';
import type { Session } from '#session/session.ts';
import type { InstalledLibrary } from '#workspace/install-libraries.ts';
import { outline, sessionSummary } from '../answers.ts';
import { defineTool, textResult, type ToolContext } from '../define-tool.ts';
import { sandboxId, waitS } from '../parameters.ts';
import { checkRestore, continueOnError, restoreAndFollow } from '../render-restore.ts';
import { preloadLines } from '../render-models.ts';
import { joinTexts, waitOf } from '../render-run.ts';
import { workspaceLines } from '../workspace-answers.ts';

export const startNotebook = defineTool({
  name: 'start_notebook',
  toolset: 'notebook',
  title: 'Open an existing notebook',
  alwaysLoad: true,
  description:
    'Opens an existing notebook. If it has a live session, that one is returned with its variables; if a person has it open in Jupyter, their kernel is used; ' +
    'otherwise a fresh kernel starts, without any variables. Nothing is run unless restore=true. Returns session_id and an outline of the cells.',
  input: z.strictObject({
    notebook_path: z
      .string()
      .min(1)
      .describe(
        'Path of the .ipynb file, absolute or relative to the notebooks folder or the project.',
      ),
    sandbox_id: sandboxId,
    kernel: z
      .string()
      .optional()
      .describe('Kernel for a fresh start. Default: the one the notebook names.'),
    fork: z.boolean().optional().describe('Work on a copy named <name>_continued. Default: false.'),
    restore: z
      .boolean()
      .optional()
      .describe(
        'After a fresh start, run all code cells as restore_notebook does. Default: false.',
      ),
    continue_on_error: continueOnError,
    wait_s: waitS,
  }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  async run(input, context) {
    checkRestore(input);
    const file = await resolveNotebookPath({
      requested: input.notebook_path,
      notebookDir: context.settings.notebookDir(),
      projectDir: context.projectDir,
    });
    const path = input.fork === true ? await copyNotebook(file, '_continued') : file;
    const { session, headline, isFresh, libraries } = await context.sessions.openInTurn(
      path,
      () => open(path, input, context),
      context.signal,
    );
    const ignored =
      input.restore === true && !isFresh
        ? ` Nothing was restored, because no kernel was started: ${session.record.loss === null ? 'restore_notebook' : 'restart_kernel(restore=true)'} runs the cells all the same.`
        : '';
    const summary = sessionSummary(session, `${headline}${ignored}`);
    const preloaded = isFresh
      ? await context.sessions.preload(session, waitOf(input.wait_s, context))
      : undefined;
    const models = preloaded === undefined ? [] : preloadLines(preloaded);
    const begun = isFresh ? await beginIn(session, input.wait_s, context) : undefined;
    const found = workspaceLines(libraries, begun);
    const text = [
      summary,
      ...models,
      ...found,
      `cells:\n${outline(session.notebook.cells())}`,
    ].join('\n');
    const meta = {
      session_id: session.id,
      notebook_path: session.record.notebookPath,
      sandbox_id: session.record.sandboxId,
    };
    if (input.restore !== true || !isFresh) return textResult(text, meta);
    const request = { from: undefined, continueOnError: input.continue_on_error === true };
    const restored = await restoreAndFollow(session, request, input.wait_s, context);
    const blocks = joinTexts([{ type: 'text', text }, ...restored.blocks]);
    return { blocks, meta: { ...restored.meta, ...meta } };
  },
});

async function beginIn(
  session: Session,
  seconds: number | undefined,
  context: ToolContext,
): Promise<string | undefined> {
  const { workspace } = context;
  return workspace.begin(session, await workspace.ofProject(), waitOf(seconds, context));
}

async function open(
  path: string,
  input: {
    readonly sandbox_id?: string | undefined;
    readonly kernel?: string | undefined;
    readonly wait_s?: number | undefined;
  },
  context: ToolContext,
): Promise<{
  readonly session: Session;
  readonly headline: string;
  readonly isFresh: boolean;
  readonly libraries: readonly InstalledLibrary[];
}> {
  const { sessions, signal } = context;
  const live = await sessions.ofNotebook(path);
  const known = live === undefined ? undefined : await sessions.get(live.id, signal);
  const end = known === undefined ? undefined : await endOf(known, context);
  // Its sandbox never comes back, so it would only be in the way of a new kernel. Its notebook is this one.
  const isOver = known !== undefined && end?.isForGood === true;
  if (isOver) await sessions.shutdown(known.id, signal);
  else if (live !== undefined && known !== undefined) {
    const session = known;
    await session.notebook.refresh();
    const ignored = [
      ...(input.kernel !== undefined ? ['kernel'] : []),
      ...(input.sandbox_id !== undefined && input.sandbox_id !== live.sandboxId
        ? ['sandbox_id']
        : []),
    ];
    const remark = ignored.length === 0 ? '' : ` ${ignored.join(' and ')} had no effect.`;
    const state =
      end === undefined
        ? 'The notebook has a live session; its variables are kept.'
        : `The notebook has a session whose kernel is lost: ${end.message} Next: restart_kernel(session_id="${session.id}").`;
    return { session, headline: `${state}${remark}`, isFresh: false, libraries: [] };
  }
  const wait = waitOf(input.wait_s, context);
  const adopted = await sessions.adoptBound(path, input.sandbox_id, wait);
  if (adopted !== undefined) {
    return {
      session: adopted,
      isFresh: false,
      libraries: [],
      headline:
        'Jupyter has a kernel for this notebook already, started by somebody else; the session uses it.',
    };
  }
  const { workspace } = context;
  const spec = await workspace.ofProject();
  const libraries = await workspace.install(spec.libraries, input.sandbox_id, wait);
  const { session, isFresh } = await sessions.startFor(
    path,
    { sandboxId: input.sandbox_id, kernelName: input.kernel },
    wait,
  );
  if (!isFresh) {
    const headline = 'Another process opened the notebook at the same moment; this is its session.';
    return { session, headline, isFresh, libraries };
  }
  const before = isOver
    ? ` Session ${known.id} is over: its variables went with sandbox ${known.record.sandboxId}.`
    : '';
  const next = 'Run the cells you need with run_cell, or all with restore_notebook.';
  return {
    session,
    headline: `Fresh kernel: no variables.${before} ${next}`,
    isFresh,
    libraries,
  };
}

/** How the kernel of a session is known to be lost; undefined when nothing speaks against it. */
async function endOf(
  { record }: Session,
  { sandboxes, signal }: ToolContext,
): Promise<{ readonly message: string; readonly isForGood: boolean } | undefined> {
  const { backend, status } = await sandboxes.get(record.sandboxId, signal);
  const hasEnded = status.state === 'ended';
  if (record.loss === null && !hasEnded) return undefined;
  return {
    message: record.loss?.message ?? `Sandbox ${record.sandboxId} has ended.`,
    // A local one is started again under its id; a job or a rented machine is another one next time.
    isForGood: hasEnded && backend !== 'local',
  };
}
