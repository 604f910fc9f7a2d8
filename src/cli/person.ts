/** The person at a command: who is asked about what, and what they agreed to with a flag. */
import { GloveboxError } from '#core/errors.ts';
import { parseUsd } from '#core/money.ts';
import type { Person } from '#policy/contract.ts';
import { authorizeStop } from '#tools/authorize-stop.ts';
import type { CommandContext } from './command.ts';
import type { CliServices } from './host.ts';

export const APPROVE_MAX_HELP =
  'start it without a question when it cannot cost more (for scripts of people; an agent cannot use it)';

/** @throws GloveboxError `input/invalid` for no amount, `policy/refused` when an agent gives one. */
export function personOf(
  { host, signal }: Pick<CommandContext, 'host' | 'signal'>,
  approveMaxUsd: string | undefined,
): Person {
  if (approveMaxUsd === undefined) return { ask: host.ask, signal };
  const approvedMaxMicroUsd = parseUsd(approveMaxUsd);
  if (approvedMaxMicroUsd === undefined) {
    throw new GloveboxError('input/invalid', `--approve-max-usd is "${approveMaxUsd}".`, {
      hint: 'Give an amount of US dollars, such as 3 or 2.50.',
    });
  }
  refuseAgents(host, '--approve-max-usd');
  return { ask: host.ask, signal, approvedMaxMicroUsd };
}

export const YES_HELP = 'do not ask (for scripts of people; an agent cannot use it)';

/** The person at a command that ends something: asked, unless they said yes with the command. @throws as `personOf`. */
export function personSaying(
  isYes: boolean,
  { host, signal }: Pick<CommandContext, 'host' | 'signal'>,
): Person {
  if (!isYes) return { ask: host.ask, signal };
  refuseAgents(host, '--yes');
  return { ask: async () => 'approved', signal };
}

/**
 * Ends a sandbox only where the tool would; to a person, all conversations of the project are their own. @throws as `authorizeStop`.
 *
 * @param force it was named exactly, with `--force`
 */
export const mayStop = (
  id: string,
  services: CliServices,
  person: Person,
  { host, force = false }: Pick<CommandContext, 'host'> & { readonly force?: boolean },
): Promise<void> => {
  const { policy, projectDir, sandboxes, sessions } = services;
  const manner = { force, isPerson: !host.isRunByAgent };
  return authorizeStop(id, { ...policy, projectDir, sandboxes, sessions }, person, manner);
};

/** @throws GloveboxError `policy/refused`: an agent may ask for money, and not grant it. */
export function refuseAgents({ isRunByAgent }: CommandContext['host'], what: string): void {
  if (!isRunByAgent) return;
  throw new GloveboxError(
    'policy/refused',
    `${what} is for people, and the environment says that an agent runs this.`,
    {
      hint: 'the user runs it in a terminal of their own.',
    },
  );
}
