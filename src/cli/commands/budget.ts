/** `glovebox budget`: what may be spent and what has been; sets it for sessions that run already, too. */
import { capOf } from '#config/policy-settings.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderUsd } from '#core/money.ts';
import { isOpen, type LedgerEntry } from '#policy/ledger-lines.ts';
import type { StoredCaps } from '#policy/caps.ts';
import { capWords } from '#policy/prompt.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { refuseAgents } from '../person.ts';

export const budget: CliCommand = {
  usage: 'budget [action] [amount]',
  about:
    'budget show: caps, what was spent, what still runs. budget set AMOUNT: another cap, also for sessions that run. budget set default: as the environment says.',
  configure: (command) =>
    command.option(
      '--day',
      'set: the cap of a UTC day over all sessions, instead of that of a session',
    ),
  async run(context, command) {
    const [action = 'show', amount] = command.args;
    if (action === 'show' && amount === undefined) return show(context);
    if (action !== 'set' || amount === undefined) {
      throw new GloveboxError('input/invalid', `There is no "budget ${command.args.join(' ')}".`, {
        hint: 'glovebox budget show, glovebox budget set 10, glovebox budget set --day 50.',
      });
    }
    return set(context, amount, command.opts<{ readonly day?: boolean }>().day === true);
  },
};

async function show(context: CommandContext): Promise<typeof EXIT.done> {
  const { policy } = await context.services();
  const [line, { caps, stored }, entries] = [
    await policy.spend.line(),
    await policy.loadCaps(),
    await policy.ledger.entries(),
  ];
  const open = entries.filter(isOpen);
  if (context.json) {
    context.printJson({
      session_cap_micro_usd: caps.session ?? null,
      day_cap_micro_usd: caps.day ?? null,
      open: open.map(({ id, subject, amountMicroUsd, atMs }) => ({
        id,
        subject: subject?.id ?? null,
        reserved_micro_usd: amountMicroUsd,
        at_ms: atMs,
      })),
    });
    return EXIT.done;
  }
  const origin =
    stored.session === undefined && stored.day === undefined ? '' : ' (set by glovebox budget)';
  context.print(
    [
      `caps: ${capWords(caps.session)} a session, ${capWords(caps.day)} a day${origin}`,
      line ?? 'nothing was spent today',
      ...open.map(openLine),
    ].join('\n'),
  );
  return EXIT.done;
}

const openLine = ({ tool, subject, amountMicroUsd, atMs, approval }: LedgerEntry): string =>
  `open: ${subject?.id ?? tool}  ${amountMicroUsd === null ? 'price unknown' : `at most ${renderUsd(amountMicroUsd)}`}  since ${new Date(atMs).toISOString().slice(0, 16)}Z  approved by ${approval}`;

async function set(
  context: CommandContext,
  text: string,
  isDay: boolean,
): Promise<typeof EXIT.done> {
  const { host, signal } = context;
  refuseAgents(host, 'glovebox budget set');
  const isDefault = text.trim().toLowerCase() === 'default';
  const cap = capOf(text);
  if (cap === undefined && !isDefault) {
    throw new GloveboxError('input/invalid', `"${text}" is no amount.`, {
      hint: 'Give US dollars such as 10 or 2.50, or unlimited, or default.',
    });
  }
  const shown = cap === undefined ? 'default' : cap === 'unlimited' ? cap : renderUsd(cap);
  const wanted = cap === undefined || cap === 'unlimited' ? shown : text.trim().replace('$', '');
  const what = `the cap of ${isDay ? 'a day' : 'a session'}: ${shown}`;
  const typed = await host.prompt(`Set ${what}. Type ${wanted} to confirm: `, signal);
  if (typed === undefined) {
    throw new GloveboxError('policy/refused', 'Only a person at a terminal can set a budget.', {
      hint: 'run it in a terminal.',
    });
  }
  if (typed.trim().replace('$', '').toLowerCase() !== wanted.toLowerCase())
    throw new GloveboxError('policy/refused', 'Nothing was changed.', { hint: `type ${wanted}.` });
  const { policy } = await context.services();
  const { stored } = await policy.loadCaps();
  const { session, day } = stored;
  const changed: StoredCaps = isDay
    ? { ...(session !== undefined && { session }), ...(cap !== undefined && { day: cap }) }
    : { ...(cap !== undefined && { session: cap }), ...(day !== undefined && { day }) };
  await policy.saveStoredCaps(changed);
  context.print(`Set ${what}.`);
  return EXIT.done;
}
