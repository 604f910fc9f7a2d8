/** How long `glovebox start` waits, and its several at once. */
import { GloveboxError } from '#core/errors.ts';
import type { Person } from '#policy/contract.ts';
import { admitAllWith } from '#tools/sandbox-admission.ts';
import { checkCount, severalLines, severalRequests, type Outcome } from '#tools/several.ts';
import { WITHOUT_LIMIT_MS, type CommandContext } from './command.ts';
import { EXIT, exitCodeOfState, type ExitCode } from './exit-codes.ts';
import type { CliServices, SandboxView } from './host.ts';
import { sandboxJson } from './sandbox-choice.ts';
import type { StartRequest } from './start-request.ts';
import { parseSeconds } from './time.ts';

export interface SeveralFlags {
  readonly count?: string;
  readonly allOrNothing?: boolean;
  readonly waitS?: string;
  /** False with `--no-wait`. */
  readonly wait: boolean;
  readonly foreground?: boolean;
  readonly takeover?: boolean;
}

/** @throws `input/invalid` for a count that is none, and for flags that do not go with it. */
export function countIn(given: SeveralFlags): number {
  const { count: text, allOrNothing, wait, waitS, foreground, takeover } = given;
  const count = text === undefined ? 1 : Number(text);
  checkCount(count, text ?? '');
  if (allOrNothing === true && count === 1) throw invalid('--all-or-nothing goes with --count.');
  if (allOrNothing === true && (!wait || waitS !== undefined))
    throw invalid(
      '--all-or-nothing waits until all are there: --no-wait and --wait-s do not go with it.',
    );
  if (count > 1 && (foreground === true || takeover === true))
    throw invalid('--foreground and --takeover are for one sandbox, not for --count.');
  return count;
}

const invalid = (message: string): GloveboxError => new GloveboxError('input/invalid', message);

/** Until it is there, or the time in its queue is over. */
export function firstWaitMs({ config }: CommandContext, given: SeveralFlags): number {
  if (!given.wait) return 0;
  if (given.waitS !== undefined) return parseSeconds('--wait-s', given.waitS);
  if (given.allOrNothing === true) return WITHOUT_LIMIT_MS;
  return config.getOrDefault('start.queue_s') * 1000;
}

/** What is left to wait for, of one that was asked for. */
export async function followOn(
  context: CommandContext,
  { sandboxes }: Pick<CliServices, 'sandboxes'>,
  asked: SandboxView,
  { wait, waitS }: SeveralFlags,
): Promise<SandboxView> {
  if (wait && waitS !== undefined) return asked;
  if (wait) {
    // Its time in the queue is over, and the back end has a limit of its own for the rest.
    if (asked.status.state !== 'starting') return asked;
    return sandboxes.wait(asked.id, context.wait(WITHOUT_LIMIT_MS));
  }
  // What is being prepared here would be given up at the end of this process; what was asked for goes on by itself.
  let view = asked;
  while (view.status.state === 'preparing') view = await sandboxes.wait(view.id, context.wait(200));
  return view;
}

/** The exit code is that of the one that stands worst. */
export async function startSeveral(
  context: CommandContext,
  services: CliServices,
  { count, ...request }: StartRequest & { readonly count: number },
  given: SeveralFlags,
  person: Person,
): Promise<ExitCode> {
  context.onInterruptSay('What was started is kept. glovebox sandboxes lists it.');
  const asked = await services.sandboxes.createSeveral(
    severalRequests(request, count),
    {
      admitAll: admitAllWith(person, services.policy, (note) => {
        if (note !== undefined) context.say(note);
      }),
      allOrNothing: given.allOrNothing === true,
    },
    context.wait(firstWaitMs(context, given)),
  );
  const outcomes = await Promise.all(
    asked.map(async (each) =>
      'view' in each ? { view: await followOn(context, services, each.view, given) } : each,
    ),
  );
  if (context.json) context.printJson({ sandboxes: outcomes.map(outcomeJson) });
  else context.print(severalLines(outcomes).join('\n'));
  const codes = outcomes.map((each) =>
    'view' in each ? exitCodeOfState(each.view.status.state) : EXIT.failed,
  );
  if (codes.includes(EXIT.failed)) return EXIT.failed;
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

function outcomeJson(outcome: Outcome) {
  if ('view' in outcome) return sandboxJson(outcome.view);
  const { code, message, hint } = outcome.failure;
  return {
    name: outcome.name,
    error: { code, message, ...(hint !== undefined && { hint }) },
  };
}
