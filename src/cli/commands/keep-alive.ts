/** `glovebox keep-alive`: says what a time limit is and what it costs, and puts a new sandbox in the place of the one that ends. */
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { MICRO_PER_USD, parseUsd } from '#core/money.ts';
import { renderDuration } from '#core/units.ts';
import type { Person } from '#policy/contract.ts';
import { costOfQuote } from '#policy/quote-cost.ts';
import type { Replaced } from '#session/replace-sandbox.ts';
import type { ReplacementPlan } from '#session/replacement.ts';
import { admitWith } from '#tools/sandbox-admission.ts';
import { costWords, quoteLines } from '#tools/sandbox-answers.ts';
import { WITHOUT_LIMIT_MS, type CliCommand, type CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { mayStop } from '../person.ts';
import { chooseSandbox, noSandbox, sandboxJson } from '../sandbox-choice.ts';

interface KeepAliveOptions {
  readonly yes?: boolean;
  readonly withoutFiles?: boolean;
  readonly maxCostUsd?: string;
}

export const keepAlive: CliCommand = {
  usage: 'keep-alive [sandbox]',
  about:
    'Say when a sandbox ends and what it costs, and replace it by a new one with its files, its models and its notebooks. The old one ends once the new one is ready.',
  configure: (command) =>
    command
      .option('--yes', 'replace it without a question; for an agent its budget still decides')
      .option('--max-cost-usd <dollars>', 'do not replace it when the new one could cost more')
      .option('--without-files', 'also where its disk cannot come along and is lost'),
  async run(context, command) {
    const given = command.opts<KeepAliveOptions>();
    const services = await context.services();
    const found = await chooseSandbox(services, command.args[0], context.signal);
    if (found === undefined) throw noSandbox('Nothing is running.');
    context.report({ message: 'looking at prices' });
    const request = { sandboxId: found.id, maxCostUsd: dollars(given.maxCostUsd) };
    const plan = await services.replacements.plan(request, context.signal);
    context.progress.clear();
    const { old } = plan;
    if (!context.json) context.print(explain(plan, context.host.clock.now()).join('\n'));
    const hasSaid = given.yes === true;
    if (!hasSaid && !(await isConfirmed(plan, context))) {
      if (context.json) context.printJson(planJson(plan));
      else context.say('Nothing was done. --yes replaces it without a question.');
      return EXIT.done;
    }
    const person = agreedTo(plan, context);
    await mayStop(old.id, services, person, context);
    context.onInterruptSay(`${old.id} stays unless its replacement was ready; glovebox status.`);
    const admit = admitWith(person, services.policy, (note) => {
      if (note !== undefined) context.say(note);
    });
    // Who was asked has read what is lost.
    const withoutFiles = given.withoutFiles === true || !hasSaid;
    const wait = context.wait(WITHOUT_LIMIT_MS);
    const replaced = await services.replacements.replace(plan, { admit, withoutFiles }, wait);
    context.progress.clear();
    if (context.json) context.printJson({ ...planJson(plan), ...replacedJson(replaced) });
    else context.print(replacedLines(plan, replaced).join('\n'));
    return EXIT.done;
  },
};

/** @throws `input/invalid`. */
function dollars(text: string | undefined): number | undefined {
  const micro = text === undefined ? undefined : parseUsd(text);
  if (text !== undefined && (micro === undefined || micro === 0))
    throw new GloveboxError('input/invalid', `--max-cost-usd is "${text}".`, {
      hint: 'Give an amount of US dollars, such as 3 or 2.50.',
    });
  return micro === undefined ? undefined : micro / MICRO_PER_USD;
}

/** Agreeing to the plan as it was shown is agreeing to its price, and to nothing above it; an agent agrees to no price. */
function agreedTo({ quote }: ReplacementPlan, { host, signal }: CommandContext): Person {
  const { amountMicroUsd } = costOfQuote(quote);
  const person: Person = { ask: host.ask, signal };
  const hasAgreed = !host.isRunByAgent && amountMicroUsd !== null;
  return hasAgreed ? { ...person, approvedMaxMicroUsd: amountMicroUsd } : person;
}

/** @throws `policy/refused` for another answer than yes. */
async function isConfirmed(
  { old }: ReplacementPlan,
  { host, json, signal }: CommandContext,
): Promise<boolean> {
  if (json) return false;
  const typed = await host.prompt(`Replace ${old.id}? Type yes: `, signal);
  if (typed === undefined) return false;
  if (typed.trim().toLowerCase() === 'yes') return true;
  throw new GloveboxError('policy/refused', 'Nothing was done.', {
    hint: 'type yes to replace it.',
  });
}

function explain(plan: ReplacementPlan, nowMs: number): readonly string[] {
  const { old, quote, sessions } = plan;
  const { deadlineMs, usdPerHour } = old.status;
  const end =
    deadlineMs === undefined
      ? `Sandbox ${old.id} has no time limit that is known here.`
      : `Sandbox ${old.id} ends at ${new Date(deadlineMs).toISOString()}, in ${renderDuration(Math.max(0, deadlineMs - nowMs))}. ${old.backend} itself ends it, and this limit cannot be moved: it is what makes sure that no sandbox costs more.`;
  const running = sessions.flatMap(({ notebookPath, runs, state }) =>
    runs.length > 0 || state === 'busy' ? [notebookPath] : [],
  );
  return [
    end,
    ...(usdPerHour === undefined ? [] : [`cost: ${costWords(old, nowMs)}`]),
    'It can be replaced by a new one with the same options:',
    ...(quote === undefined ? [] : quoteLines(quote)).map((line) => `  ${line}`),
    `  files: ${filesWords(plan)}`,
    `  notebooks that go on, in fresh kernels: ${sessions.map(({ notebookPath }) => notebookPath).join(', ') || 'none'}`,
    ...(running.length === 0 ? [] : [`  cells that run now end with it: ${running.join(', ')}`]),
    '  models are loaded again; variables, functions that were exposed and ports in use are not taken along',
    `  ${old.id} ends once the new one is ready; until then both run`,
  ];
}

function filesWords({ files, old }: ReplacementPlan): string {
  if (files === 'snapshot')
    return 'a snapshot of its disk, taken first and kept for 30 days: what is written there after it is lost; volumes are the same';
  if (files === 'shared') return 'stay where they are, and the new one sees them';
  return `NOT taken along: ${old.backend} cannot keep a disk. outputs come home first, volumes are the same, and the rest is lost`;
}

const planJson = ({ old, quote, files, sessions }: ReplacementPlan): JsonObject => ({
  sandbox: sandboxJson(old),
  replacement: {
    files,
    notebooks: sessions.map(({ notebookPath }) => notebookPath),
    ...(quote?.usdPerHour !== undefined && { usd_per_hour: quote.usdPerHour }),
    ...(quote?.ceilingUsd !== undefined && { ceiling_usd: quote.ceilingUsd }),
    remarks: [...(quote?.remarks ?? [])],
  },
});

const replacedJson = ({ sandbox, sessions, notes, snapshotId }: Replaced): JsonObject => ({
  replaced_by: sandboxJson(sandbox),
  ...(snapshotId !== undefined && { snapshot_id: snapshotId }),
  sessions: sessions.map(({ id, notebookPath, before }) => ({
    session_id: id,
    notebook_path: notebookPath,
    before,
  })),
  notes: [...notes],
});

const replacedLines = (
  { old }: ReplacementPlan,
  { sandbox, sessions, notes }: Replaced,
): readonly string[] => [
  ...notes,
  `Sandbox ${sandbox.id} has taken the place of ${old.id}, which is gone.`,
  ...sessions.map(
    ({ id, notebookPath }) =>
      `session ${id} goes on with ${notebookPath}; restore_notebook runs its cells again for their variables`,
  ),
];
