/** sandbox_create: a place where code runs. */
import * as z from 'zod';
import { BACKEND_IDS } from '#sandbox/backend.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { waitS } from '../parameters.ts';
import { waitOf } from '../render-run.ts';
import { admitWith } from '../sandbox-admission.ts';
import { offerLines, quoteLines, sandboxMeta, sandboxSummary } from '../sandbox-answers.ts';

export const sandboxCreate = defineTool({
  name: 'sandbox_create',
  toolset: 'sandbox',
  title: 'Start a sandbox',
  description:
    'Starts a sandbox: a Jupyter server in which notebooks run. The local back end uses this machine, costs nothing and gives no isolation; it has one sandbox per project, which is reused. Elsewhere a call with the same back end, name and options goes on with the sandbox that lives; for a further one give a name. ' +
    'What costs money is asked of the user first, or carried by their budget; with dry_run it only says what would be started and what it can cost. Answers when ready, or after wait_s with the state: then sandbox_wait follows.',
  input: z.strictObject({
    backend: z.enum(BACKEND_IDS).optional().describe('Default: the configured one, else local.'),
    name: z.string().max(63).optional().describe('A name of your own for the sandbox.'),
    profile: z
      .string()
      .optional()
      .describe('Options from [sandbox.NAME] of glovebox.toml; those given here win.'),
    options: z
      .record(z.string(), z.json())
      .optional()
      .describe(
        'Options of the back end, as sandbox_options lists them; also a whole config of a set-up script.',
      ),
    dry_run: z
      .boolean()
      .optional()
      .describe('Only check and price; start nothing. Default: false.'),
    wait_s: waitS,
  }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  async run(input, context) {
    const { sandboxes, projectDir, signal } = context;
    const { backend: named, name: ownName, profile } = input;
    const wanted = await sandboxes.resolve({
      ...input.options,
      ...(named !== undefined && { backend: named }),
      ...(ownName !== undefined && { name: ownName }),
      ...(profile !== undefined && { profile }),
    });
    const { backend: id, options } = wanted;
    if (input.dry_run === true) {
      const backend = await sandboxes.backend(id);
      const checked = await sandboxes.checkOptions(id, options, wanted.names);
      const quote = await backend.quote?.(options, { projectDir, signal });
      const offers = quote === undefined ? await backend.offers(signal) : [];
      return textResult(
        [
          `Dry run, nothing was started. Back end ${id}: ${backend.summary}`,
          ...offerLines(offers).map((line) => `  ${line}`),
          ...(quote === undefined ? [] : quoteLines(quote)),
          `options are valid; with defaults: ${JSON.stringify(checked)}`,
        ].join('\n'),
      );
    }
    let note: string | undefined;
    const admit = admitWith(context, context, (line) => {
      note = line;
    });
    const view = await sandboxes.create(
      { ...wanted, projectDir, once: 'options', admit },
      waitOf(input.wait_s, context),
    );
    const next =
      view.status.state === 'ready'
        ? `Next: start_new_notebook(experiment_name=..., sandbox_id="${view.id}").`
        : `Next: sandbox_wait(sandbox_id="${view.id}").`;
    const lines = [sandboxSummary(view, Date.now()), next, ...(note === undefined ? [] : [note])];
    return textResult(lines.join('\n'), sandboxMeta(view));
  },
});
