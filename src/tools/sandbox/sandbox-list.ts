/** sandbox_list: what runs, or one of them in detail. */
import * as z from 'zod';
import { BACKEND_IDS } from '#sandbox/backend.ts';
import { sessionLine } from '../answers.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { parseTags, sandboxLine, sandboxMeta, sandboxSummary } from '../sandbox-answers.ts';

const LOG_LINES = 20;

export const sandboxList = defineTool({
  name: 'sandbox_list',
  toolset: 'sandbox',
  title: 'List sandboxes',
  description: 'Lists sandboxes of this project, or one in detail with sessions and log.',
  input: z.strictObject({
    sandbox_id: z.string().optional().describe('This one in detail.'),
    backend: z.enum(BACKEND_IDS).optional().describe('Only these.'),
    tags: z.array(z.string()).optional().describe('All of: name=value.'),
    all_projects: z.boolean().optional().describe('Of other projects too.'),
    include_ended: z.boolean().optional().describe('Ended ones too.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(input, { sandboxes, sessions, interfaces, projectDir, spend, signal }) {
    if (input.sandbox_id !== undefined) {
      const view = await sandboxes.get(input.sandbox_id, signal);
      const own = (await sessions.list(false)).filter(({ sandboxId }) => sandboxId === view.id);
      const served = (await interfaces.list()).filter(({ sandboxId }) => sandboxId === view.id);
      const log = await sandboxes.logs(view.id, LOG_LINES, signal);
      return textResult(
        [
          sandboxSummary(view, Date.now()),
          own.length === 0 ? 'sessions: none' : `sessions:\n${own.map(sessionLine).join('\n')}`,
          ...served.map(
            ({ name, functions }) =>
              `interface ${name}: ${functions.map((one) => one.name).join(', ')}`,
          ),
          ...(log.length === 0 ? [] : ['log:', ...log]),
        ].join('\n'),
        sandboxMeta(view),
      );
    }
    // What another machine of the same account started for this project is found at its provider only.
    const searched = input.backend === undefined ? await sandboxes.rentedInUse() : [input.backend];
    await sandboxes.adopt(
      projectDir,
      signal,
      searched.filter((id) => id !== 'local'),
    );
    const views = await sandboxes.list(
      {
        ...(input.all_projects !== true && { projectDir }),
        ...(input.backend !== undefined && { backend: input.backend }),
        includeEnded: input.include_ended ?? false,
        tags: parseTags(input.tags ?? []),
      },
      signal,
    );
    const lines = views.map((view) => sandboxLine(view, Date.now()));
    const spent = await spend.line();
    const answer = [
      ...(lines.length === 0 ? ['No sandbox is running.'] : lines),
      ...(spent === undefined ? [] : [spent]),
    ];
    return textResult(answer.join('\n'), {
      sandboxes: views.map((view) => sandboxMeta(view)),
    });
  },
});
