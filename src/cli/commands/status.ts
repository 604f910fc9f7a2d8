/** `glovebox status`: how the project's sandboxes, sessions and runs stand. */
import { sessionLine } from '#tools/answers.ts';
import { burning, burningLine, sandboxSummary } from '#tools/sandbox-answers.ts';
import type { CliCommand } from '../command.ts';
import { EXIT, exitCodeOfState, type ExitCode } from '../exit-codes.ts';
import type { SandboxView } from '../host.ts';
import { sandboxJson } from '../sandbox-choice.ts';
import { sessionJson } from '../session-json.ts';

export const status: CliCommand = {
  usage: 'status [sandbox]',
  about:
    "Show the project's sandboxes with their sessions and runs. The exit code tells how the best of them stands.",
  async run(context, command) {
    const { sandboxes, sessions, projectDir, policy } = await context.services();
    const [id] = command.args;
    const views = id === undefined ? await ofProject() : [await sandboxes.get(id, context.signal)];
    const own = await sessions.list(false);
    const paid = await burning(sandboxes, context.host.clock.now(), context.signal);
    const inside = (view: SandboxView) => own.filter(({ sandboxId }) => sandboxId === view.id);
    if (context.json) {
      context.printJson({
        project_dir: projectDir,
        ...(paid !== undefined && {
          paid: {
            sandbox_ids: [...paid.ids],
            usd_per_hour: paid.usdPerHour,
            spent_usd: paid.spentUsd,
          },
        }),
        sandboxes: views.map((view) => ({
          ...sandboxJson(view),
          sessions: inside(view).map(sessionJson),
        })),
      });
    } else if (views.length === 0)
      context.print('No sandbox in this project. glovebox start starts one.');
    for (const view of context.json ? [] : views) {
      const lines = inside(view).map(sessionLine);
      const summary = sandboxSummary(view, context.host.clock.now());
      context.print(
        [summary, lines.length === 0 ? 'sessions: none' : 'sessions:', ...lines].join('\n'),
      );
    }
    if (paid !== undefined && !context.json) context.print(burningLine(paid));
    const spent = await policy.spend.line();
    if (spent !== undefined && !context.json) context.print(spent);
    return best(views);

    /** Those that live; of those that ended only the newest, and only when none lives. */
    async function ofProject(): Promise<readonly SandboxView[]> {
      const all = await sandboxes.list({ projectDir, includeEnded: true }, context.signal);
      const alive = all.filter((view) => view.status.state !== 'ended');
      return alive.length > 0 ? alive : all.slice(0, 1);
    }
  },
};

const PREFERENCE: readonly ExitCode[] = [EXIT.done, EXIT.pending, EXIT.unreachable, EXIT.failed];

function best(views: readonly SandboxView[]): ExitCode {
  const codes = views.map(({ status: { state, end } }) =>
    // What was stopped on request is no failure: nothing is running.
    end?.cause === 'stopped' ? EXIT.nothing : exitCodeOfState(state),
  );
  return PREFERENCE.find((code) => codes.includes(code)) ?? EXIT.nothing;
}
