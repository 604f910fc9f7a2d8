/** The seam to policy: what a tool says before it changes something, and the one function that lets it. */
import { GloveboxError } from '#core/errors.ts';

/** What an operation does to the world outside. Each tool declares it per operation, as data. */
export const EFFECTS = ['free', 'paid', 'writes', 'destroys', 'publishes'] as const;
export type Effect = (typeof EFFECTS)[number];

/** Everything a person needs to decide, and everything policy needs to recognise the call. */
export interface PlannedOperation {
  readonly tool: string;
  /** The operation as the tool normalised it: the same spelling for every way to write it. */
  readonly operation: string;
  readonly effect: Effect;
  /** What will be done, as a question: `Delete 3 files of the dataset org/name?` */
  readonly question: string;
  /** The facts, one line each: repository and whose it is, branch, count and paths, visibility before and after, bytes. */
  readonly facts: readonly string[];
  /** The arguments as they will be used, with a hash of each content; what was approved is what runs. */
  readonly binding: Readonly<Record<string, string>>;
}

/** How the person at the other end answered. `unavailable`: this client cannot ask anybody. */
export type Consent = 'approved' | 'declined' | 'unavailable';

/** Puts a question to the person, through whatever the caller of the tool has for it. */
export type AskPerson = (operation: PlannedOperation, signal: AbortSignal) => Promise<Consent>;

/**
 * Lets an operation happen by returning, at most once for each call of a tool and before anything is changed.
 *
 * @throws GloveboxError `policy/refused` when a person or a rule says no, `policy/needs-approval` when nobody can be asked,
 * `cancelled`.
 */
export type Authorize = (
  operation: PlannedOperation,
  person: { readonly ask: AskPerson; readonly signal: AbortSignal },
) => Promise<void>;

/** Without further rules: what is free runs, everything else needs a person. */
export const authorizeByAsking: Authorize = async (operation, { ask, signal }) => {
  if (operation.effect === 'free') return;
  const consent = await ask(operation, signal);
  if (consent === 'approved') return;
  const { tool, question } = operation;
  if (consent === 'declined') {
    throw new GloveboxError(
      'policy/refused',
      `The user said no to: ${question} Nothing was changed.`,
      {
        hint: 'do not repeat the call unchanged; ask the user what they want instead.',
      },
    );
  }
  throw new GloveboxError(
    'policy/needs-approval',
    `${question} That needs a person, and this client cannot ask one. Nothing was changed.`,
    {
      hint: `let the user run it in a terminal, where it asks: glovebox tool ${tool}. A client that supports elicitation can ask here.`,
    },
  );
};
