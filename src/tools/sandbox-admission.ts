/** Asks policy before a sandbox is started: what it would run on, the most it can cost, and what goes in. */
import { fact } from '#policy/prompt.ts';
import { costOfQuote, factsOfQuote } from '#policy/quote-cost.ts';
import { givesSecrets } from '#sandbox/secret-scopes.ts';
import type { Admission, Admit, PlannedStart } from '#sandbox/admission.ts';
import type { Person, PlannedOperation } from './authorize.ts';
import type { ToolServices } from './define-tool.ts';

/**
 * `onGrant` gets the line for the answer: who approved it, and what is spent. Where every call makes another sandbox, an approval that
 * was given for the one that did not come to be has to count for the next: `sameAs` is what both have instead of an id.
 */
export function admitWith(
  person: Person,
  { authorize }: Pick<ToolServices, 'authorize'>,
  onGrant: (note: string | undefined) => void = () => undefined,
  sameAs?: string,
): Admit {
  return async (start): Promise<Admission> => {
    const operation = await planOf(start, person.signal, sameAs);
    const grant = await authorize(operation, person);
    onGrant(grant.note);
    return { attach: () => grant.attach(operation.subject), release: () => grant.release() };
  };
}

/** Everything that would make the start fail for nothing does so here, before anybody is asked. */
async function planOf(
  { backend, id, projectDir, options }: PlannedStart,
  signal: AbortSignal,
  sameAs = id,
): Promise<PlannedOperation> {
  const isFree = backend.id === 'local' || backend.id === 'slurm';
  const quote = isFree ? undefined : await backend.quote?.(options, { projectDir, signal });
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
    binding: { backend: backend.id, id: sameAs, options: JSON.stringify(options) },
    about: {
      backend: backend.id,
      givesSecrets: givesSecrets(options),
      ...(typeof options['flavor'] === 'string' && { hardware: options['flavor'] }),
    },
    ...(cost !== undefined && { cost }),
    subject: { kind: 'sandbox', id },
  };
}
