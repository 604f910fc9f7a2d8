/** `glovebox approve`: lets a call happen that could not ask anybody, once. */
import { GloveboxError } from '#core/errors.ts';
import { MICRO_PER_USD, parseUsd, renderUsd } from '#core/money.ts';
import { renderDuration } from '#core/units.ts';
import type { PendingApproval } from '#policy/approvals.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { refuseAgents } from '../person.ts';

export const approve: CliCommand = {
  usage: 'approve [id]',
  about:
    'Let a call happen that nobody could be asked about: once, within 15 minutes, exactly as it was. Without an id: list them.',
  async run(context, command) {
    const { policy } = await context.services();
    const [id] = command.args;
    if (id === undefined) {
      const waiting = await policy.approvals.list();
      if (context.json) context.printJson({ approvals: waiting });
      else if (waiting.length === 0) context.print('No call waits for approval.');
      else context.print(waiting.map((one) => lineOf(one, context.host.clock.now())).join('\n'));
      return EXIT.done;
    }
    refuseAgents(context.host, 'glovebox approve');
    const pending = await policy.approvals.read(id);
    await confirm(pending, context);
    await policy.approvals.grant(pending);
    context.print(`Approved, once. The same call within 15 minutes runs: ${pending.question}`);
    return EXIT.done;
  },
};

const lineOf = (
  { id, question, amountMicroUsd, askedMs }: PendingApproval,
  nowMs: number,
): string =>
  `${id}  ${amountMicroUsd === null ? 'price unknown' : renderUsd(amountMicroUsd)}  ${renderDuration(nowMs - askedMs)} ago  ${question}`;

/** What is typed is the amount itself, so that nobody agrees to one that they have not read. @throws `policy/refused`. */
async function confirm(pending: PendingApproval, context: CommandContext): Promise<void> {
  const { text: shown, amountMicroUsd: amount } = pending;
  const isPaid = amount !== 0;
  const wanted = !isPaid ? 'yes' : amount === null ? 'unknown' : wholeCents(amount);
  const text = `${shown}\nType ${wanted} to approve it once: `;
  const answer = await context.host.prompt(text, context.signal);
  if (answer === undefined) {
    throw new GloveboxError('policy/refused', 'Only a person at a terminal can approve.', {
      hint: `run it in a terminal: glovebox approve ${pending.id}`,
    });
  }
  const typed = answer.trim().toLowerCase();
  const isSame =
    typed === wanted || (amount !== null && isPaid && parseUsd(typed) === parseUsd(wanted));
  if (isSame) return;
  throw new GloveboxError('policy/refused', 'Not approved.', {
    hint: `type ${wanted} to approve it.`,
  });
}

/** Never below what it can cost. */
const wholeCents = (micro: number): string =>
  (Math.ceil(micro / (MICRO_PER_USD / 100)) / 100).toFixed(2);
