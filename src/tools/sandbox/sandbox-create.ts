/** sandbox_create: a place where code runs. */
import * as z from 'zod';
import { BACKEND_IDS } from '#sandbox/backend.ts';
import { MAX_SEVERAL } from '#sandbox/names-of-several.ts';
import { defineTool, textResult, type ToolResult } from '../define-tool.ts';
import { waitS } from '../parameters.ts';
import { waitOf } from '../render-run.ts';
import { admitAllWith, admitWith } from '../sandbox-admission.ts';
import { offerLines, quoteLines, sandboxMeta, sandboxSummary } from '../sandbox-answers.ts';
import { severalLines, severalRequests, type Outcome } from '../several.ts';

export const sandboxCreate = defineTool({
  name: 'sandbox_create',
  toolset: 'sandbox',
  title: 'Start a sandbox',
  description:
    'Starts a sandbox: a Jupyter server in which notebooks run. The local back end uses this machine, costs nothing and gives no isolation; it has one sandbox per project, which is reused. Elsewhere the same back end, name and options go on with the one that lives; for a further one give a name. ' +
    'What costs money is asked of the user first, or carried by their budget; dry_run only says what would be started and what it can cost. Answers when ready, or after wait_s with the state: then sandbox_wait follows.',
  input: z.strictObject({
    backend: z.enum(BACKEND_IDS).optional().describe('Default: the configured one, else local.'),
    name: z.string().max(63).optional().describe('Its name.'),
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
    count: z
      .int32()
      .min(1)
      .max(MAX_SEVERAL)
      .optional()
      .describe('So many at once, names numbered. Default: 1.'),
    all_or_nothing: z
      .boolean()
      .optional()
      .describe('With count: when one fails, end the others. Default: false.'),
    dry_run: z.boolean().optional().describe('Only check and price. Default: false.'),
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
    const { count = 1 } = input;
    const request = { ...wanted, projectDir, once: 'options' as const };
    const requests = count === 1 ? [] : severalRequests(request, count);
    if (input.dry_run === true) {
      const backend = await sandboxes.backend(id);
      const checked = await sandboxes.checkOptions(id, options, wanted.names);
      const quote = await backend.quote?.(options, { projectDir, signal });
      const offers = quote === undefined ? await backend.offers(signal) : [];
      return textResult(
        [
          `Dry run, nothing was started. Back end ${id}: ${backend.summary}`,
          ...offerLines(offers).map((line) => `  ${line}`),
          ...(quote === undefined ? [] : quoteLines(quote, count)),
          ...(count === 1 ? [] : [`names: ${requests.map(({ name }) => name).join(', ')}`]),
          `options are valid; with defaults: ${JSON.stringify(checked)}`,
        ].join('\n'),
      );
    }
    let note: string | undefined;
    const onGrant = (line: string | undefined): void => {
      note = line;
    };
    const wait = waitOf(input.wait_s, context);
    if (count > 1) {
      const outcomes = await sandboxes.createSeveral(
        requests,
        {
          admitAll: admitAllWith(context, context, onGrant),
          allOrNothing: input.all_or_nothing === true,
        },
        wait,
      );
      return severalResult(outcomes, input.all_or_nothing === true, note);
    }
    const view = await sandboxes.create(
      { ...request, admit: admitWith(context, context, onGrant) },
      wait,
    );
    const next =
      view.status.state === 'ready'
        ? `Next: start_new_notebook(experiment_name=..., sandbox_id="${view.id}").`
        : `Next: sandbox_wait(sandbox_id="${view.id}").`;
    const lines = [sandboxSummary(view, Date.now()), next, ...(note === undefined ? [] : [note])];
    return textResult(lines.join('\n'), sandboxMeta(view));
  },
});

function severalResult(
  outcomes: readonly Outcome[],
  allOrNothing: boolean,
  note: string | undefined,
): ToolResult {
  const views = outcomes.flatMap((each) => ('view' in each ? [each.view] : []));
  const isWaiting = views.some(({ status }) => status.state !== 'ready');
  const lines = [
    ...severalLines(outcomes),
    'Next, for each: start_new_notebook(experiment_name=..., sandbox_id=...).',
    ...(isWaiting
      ? ['Before that, for each that is not ready: sandbox_wait(sandbox_id=...).']
      : []),
    ...(isWaiting && allOrNothing
      ? ['All or nothing: as long as this server runs, the failure of one ends the others.']
      : []),
    ...(views.length < outcomes.length
      ? ['The same call again goes on with those that live, and tries the others once more.']
      : []),
    ...(note === undefined ? [] : [note]),
  ];
  return textResult(lines.join('\n'), { sandboxes: views.map(sandboxMeta) });
}
