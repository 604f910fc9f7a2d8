/** start_new_notebook: a new notebook with a fresh kernel. */
import * as z from 'zod';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { sessionSummary } from '../answers.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { sandboxId, waitS } from '../parameters.ts';
import { preloadLines } from '../render-models.ts';
import { waitOf } from '../render-run.ts';
import { workspaceLines } from '../workspace-answers.ts';

export const startNewNotebook = defineTool({
  name: 'start_new_notebook',
  toolset: 'notebook',
  title: 'Start a new notebook',
  alwaysLoad: true,
  description:
    'Creates a new Jupyter notebook in the project, starts a kernel for it and returns a session_id for all other calls. ' +
    "Without sandbox_id it runs on this machine (or where GLOVEBOX_BACKEND says), in the project's own Python if any. The first start on a machine sets up Jupyter and may take a minute: " +
    'when the answer says pending, call again with the same arguments. An existing file is never overwritten. Never end sessions unless the user asks.',
  input: z.strictObject({
    experiment_name: z
      .string()
      .min(1)
      .describe(
        'Names the file, e.g. "probe layer 12". The notebook is <name>.ipynb in the notebooks folder.',
      ),
    sandbox_id: sandboxId,
    kernel: z
      .string()
      .optional()
      .describe('Kernel name, e.g. python3 or ir. Default: the one of the sandbox.'),
    preload: z
      .boolean()
      .optional()
      .describe('Load the models of the sandbox into the kernel. Default: true.'),
    wait_s: waitS,
  }),
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: true },
  async run(input, context) {
    const wait = waitOf(input.wait_s, context);
    const started = performance.now();
    const { workspace } = context;
    const spec = await workspace.ofProject();
    const libraries = await workspace.install(spec.libraries, input.sandbox_id, wait);
    const session = await context.sessions.startNew(
      { folder: context.settings.notebookDir(), name: input.experiment_name },
      { sandboxId: input.sandbox_id, kernelName: input.kernel },
      wait,
    );
    const rest = (): SandboxWait => ({
      ...wait,
      waitMs: Math.max(0, wait.waitMs - (performance.now() - started)),
    });
    const preloaded =
      input.preload === false ? undefined : await context.sessions.preload(session, rest());
    const models = preloaded === undefined ? [] : preloadLines(preloaded);
    const begun = await workspace.begin(session, spec, rest());
    const summary = sessionSummary(session, 'New notebook, fresh kernel.');
    const text = [summary, ...models, ...workspaceLines(libraries, begun)].join('\n');
    return textResult(text, {
      session_id: session.id,
      notebook_path: session.record.notebookPath,
      sandbox_id: session.record.sandboxId,
    });
  },
});
