/** Asks policy before a sandbox is started: what it would run on, the most it can cost, and what goes in. */
import { fact } from '#policy/prompt.ts';
import { sumOfCosts } from '#policy/cost.ts';
import { costOfQuote, factsOfQuote } from '#policy/quote-cost.ts';
import { givesSecrets } from '#sandbox/secret-scopes.ts';
import type { Admission, Admit, PlannedStart } from '#sandbox/admission.ts';
import type { Quote } from '#sandbox/backend.ts';
import type { AdmitAll } from '#sandbox/joint-admission.ts';
import type { Person, PlannedOperation } from './authorize.ts';
import type { ToolServices } from './define-tool.ts';

/** `onGrant` gets the line for the answer: who approved it, and what is spent. */
export function admitWith(
  person: Person,
  { authorize }: Pick<ToolServices, 'authorize'>,
  onGrant: (note: string | undefined) => void = () => undefined,
): Admit {
  return async (start): Promise<Admission> => {
    const operation = await planOf(start, person.signal);
    const grant = await authorize(operation, person);
    onGrant(grant.note);
    return { attach: () => grant.attach(operation.subject), release: () => grant.release() };
  };
}

/** For several at once: one question, with what they come to together. */
export function admitAllWith(
  person: Person,
  { authorize }: Pick<ToolServices, 'authorize'>,
  onGrant: (note: string | undefined) => void = () => undefined,
): AdmitAll {
  return async (starts) => {
    const plans = await plansOf(starts, person.signal);
    const grant = await authorize(planTogether(plans), person);
    onGrant(grant.note);
    return plans.map(({ subject }, at) => {
      const part = grant.parts?.[at] ?? grant;
      return { attach: () => part.attach(subject), release: () => part.release() };
    });
  };
}

type Quoted = (start: PlannedStart, signal: AbortSignal) => Promise<Quote | undefined>;

const quoteOf: Quoted = async ({ backend, projectDir, options }, signal) =>
  backend.quote?.(options, { projectDir, signal });

/** The same options are priced once. */
async function plansOf(
  starts: readonly PlannedStart[],
  signal: AbortSignal,
): Promise<readonly PlannedOperation[]> {
  const quotes = new Map<string, Promise<Quote | undefined>>();
  const once: Quoted = (start) => {
    const key = JSON.stringify([start.backend.id, start.options]);
    const quote = quotes.get(key) ?? quoteOf(start, signal);
    quotes.set(key, quote);
    return quote;
  };
  return Promise.all(starts.map((start) => planOf(start, signal, once)));
}

function planTogether(plans: readonly PlannedOperation[]): PlannedOperation {
  const [first] = plans;
  if (first === undefined) throw new TypeError('nothing is to be started');
  if (plans.length === 1) return first;
  const cost = sumOfCosts(plans.map((plan) => plan.cost));
  const backends = [...new Set(plans.map(({ about }) => String(about.backend)))].join(' and ');
  const ids = plans.map(({ subject }) => subject?.id ?? '');
  const isOwnFact = (line: string): boolean => ids.some((id) => line === fact('sandbox', id));
  return {
    tool: 'sandbox_create',
    operation: '',
    question: `Start ${plans.length} ${cost === undefined ? '' : 'paid '}sandboxes on ${backends}?`,
    facts: [
      fact('sandboxes', ids.join(', ')),
      // What holds for all of them is said once.
      ...new Set(plans.flatMap(({ facts }) => facts.filter((line) => !isOwnFact(line)))),
    ],
    binding: { all: JSON.stringify(plans.map(({ binding }) => binding)) },
    about: first.about,
    ...(cost !== undefined && { cost }),
    together: plans,
  };
}

/** Everything that would make the start fail for nothing does so here, before anybody is asked. */
async function planOf(
  start: PlannedStart,
  signal: AbortSignal,
  quoted: Quoted = quoteOf,
): Promise<PlannedOperation> {
  const { backend, id, options } = start;
  const isFree = backend.id === 'local' || backend.id === 'slurm';
  const quote = isFree ? undefined : await quoted(start, signal);
  const cost = isFree ? undefined : costOfQuote(quote);
  return {
    tool: 'sandbox_create',
    operation: '',
    question: isFree
      ? `Start a sandbox on ${backend.id}?`
      : `Start a paid sandbox on ${backend.id}?`,
    facts: [
      ...factsOfQuote(backend.id, quote),
      fact('sandbox', id),
      ...(quote?.remarks ?? []).map((remark) => fact('note', remark)),
      fact('options', JSON.stringify(options)),
    ],
    binding: { backend: backend.id, id, options: JSON.stringify(options) },
    about: {
      backend: backend.id,
      givesSecrets: givesSecrets(options),
      ...(typeof options['flavor'] === 'string' && { hardware: options['flavor'] }),
    },
    ...(cost !== undefined && { cost }),
    subject: { kind: 'sandbox', id },
  };
}
