/** SessionStart: tells the agent who the user is, what may be spent, and what still runs. Waits for nobody longer than a second. */
import { renderUsd } from '#core/money.ts';
import { loadCaps, type Caps } from '#policy/caps.ts';
import { createLedger, type Ledger } from '#policy/ledger.ts';
import { isOpen, type LedgerEntry } from '#policy/ledger-lines.ts';
import { capWords, spendLine } from '#policy/prompt.ts';
import { settleOpenEntries } from '#policy/settle.ts';
import { settleOpenJobs, type JobFate } from '#policy/settle-jobs.ts';
import type { Hook, HookWorld, HubIdentity } from './contract.ts';
import { uploadLine } from './upload-line.ts';
import { commandLines, oldNameLines, sessionLines } from './what-lives.ts';

const MAX_CHARS = 2000;
const LIMIT_MS = 1200;
const SHOWN_OPEN = 8;
const SHOWN_ORGANISATIONS = 10;

export const sessionStart: Hook = async (input, world) => {
  const { dir, clock, settings } = world;
  const ledger = createLedger({ dir, clock });
  // After a compaction the rest is known still.
  const isRepeat = input?.['source'] === 'compact';
  const [identity] = await Promise.all([
    isRepeat ? [] : identityWithin(world).then((who) => [identityLine(who)]),
    settleWithin(ledger, world),
  ]);
  const caps = await loadCaps(dir, settings);
  const money = await moneyLines(ledger, world, caps);
  const lines = [
    '# Glovebox',
    ...identity,
    ...(isRepeat ? [] : [BACKENDS_LINE]),
    policyLine(world, caps),
    ...money,
    ...(isRepeat ? [] : [await uploadLine(world), ...(await sessionLines(world)), GUIDE]),
    ...(isRepeat ? [] : [...(await commandLines(world)), ...oldNameLines(world)]),
  ];
  const additionalContext = lines.join('\n').slice(0, MAX_CHARS);
  const hookSpecificOutput = { hookEventName: 'SessionStart', additionalContext };
  return { exitCode: 0, stdout: JSON.stringify({ hookSpecificOutput }) };
};

const BACKENDS_LINE =
  'Sandboxes: local (this machine, free), slurm (a cluster), modal and huggingface (rented); sandbox_options tells which work here.';

const GUIDE = 'Before machine-learning code: research first, then try small, then run large.';

function identityLine(identity: HubIdentity): string {
  if ('unknown' in identity) {
    const from = identity.source === undefined ? '' : ` (${identity.source})`;
    const next =
      identity.unknown === 'no token'
        ? '. Public reads work; for the rest the user sets HF_TOKEN or the option of the plugin'
        : identity.unknown === 'token rejected'
          ? `. The user replaces the token${from}`
          : from;
    return `Hugging Face: identity unknown (${identity.unknown})${next}.`;
  }
  const { name, organisations, source, role } = identity;
  const shown = organisations.slice(0, SHOWN_ORGANISATIONS).join(', ');
  const more = organisations.length - SHOWN_ORGANISATIONS;
  const member =
    organisations.length === 0
      ? ''
      : `, organisations: ${shown}${more > 0 ? ` and ${more} more` : ''}`;
  return `Hugging Face: ${name}${member} (token from ${source}${role === undefined ? '' : `, role ${roleWords(role)}`}).`;
}

const roleWords = (role: string): string => (role === 'fineGrained' ? 'fine-grained' : role);

const identityWithin = (world: HookWorld): Promise<HubIdentity> =>
  atOnce(world, (signal) => world.whoAmI(signal), { unknown: 'network' });

/** What the Hub does not tell at once stays reserved until somebody looks again. */
async function settleWithin(ledger: Ledger, world: HookWorld): Promise<void> {
  const { clock, fateOf, fateOfJob } = world;
  const unknown: JobFate = { kind: 'unknown' };
  try {
    await settleOpenEntries(ledger, fateOf, clock.now());
    await settleOpenJobs(
      ledger,
      (entry) => atOnce(world, (signal) => fateOfJob(entry, signal), unknown),
      clock.now(),
    );
  } catch {
    // A ledger that cannot be read is told of with the money.
  }
}

/** Within the time that the start of a conversation may take; `otherwise` also where it fails. */
async function atOnce<T>(
  { clock, signal }: HookWorld,
  ask: (signal: AbortSignal) => Promise<T>,
  otherwise: T,
): Promise<T> {
  const stop = new AbortController();
  const late = new Promise<T>((resolve) => {
    clock.after(LIMIT_MS, () => resolve(otherwise), { background: true });
    signal.addEventListener('abort', () => resolve(otherwise), { once: true });
  });
  const found = await Promise.race([ask(stop.signal).catch(() => otherwise), late]);
  stop.abort();
  return found;
}

function policyLine({ settings }: HookWorld, caps: Caps): string {
  const auto = settings.autoApprove
    ? 'What costs money runs without a question inside the budget'
    : 'What costs money, deletes or publishes is asked of the user first';
  return `Policy: ${auto}. Budget: ${capWords(caps.session)} a session, ${capWords(caps.day)} a day. A refusal is an answer: do not repeat the call unchanged.`;
}

async function moneyLines(
  ledger: Ledger,
  { sessionId }: HookWorld,
  caps: Caps,
): Promise<readonly string[]> {
  try {
    const open = (await ledger.entries()).filter(isOpen);
    const spending = await ledger.spending(sessionId, caps);
    const shown = open.slice(-SHOWN_OPEN).map(openLine);
    const more = open.length - shown.length;
    return [
      `Money: ${spendLine(spending, caps)}.`,
      ...(open.length === 0 ? [] : ['Still running and paid for:', ...shown]),
      ...(more > 0 ? [`(and ${more} older ones)`] : []),
    ];
  } catch {
    return [
      'Money: the ledger cannot be read; glovebox doctor tells why. Nothing is approved by the budget.',
    ];
  }
}

const openLine = ({ subject, tool, hardware, amountMicroUsd, atMs }: LedgerEntry): string =>
  `- ${subject?.id ?? tool}${hardware === undefined ? '' : ` on ${hardware}`}, since ${new Date(atMs).toISOString().slice(0, 16)}Z, ${amountMicroUsd === null ? 'price unknown' : `at most ${renderUsd(amountMicroUsd)}`}`;
