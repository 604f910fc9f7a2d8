/** Looks at the variables of a session's kernel, when it has nothing else to do, without leaving a trace in it. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import { isFinal } from './contract.ts';
import { lossHint } from './loss.ts';
import { publishedBy } from './published.ts';
import { pythonCall } from './python-call.ts';
import type { Session } from './session.ts';

/** The type under which `python/inspect_variables.py` publishes its answer. */
const MIME = 'application/vnd.glovebox.variables+json';
const MAX_PARTS = 100;

const inspection = z.object({
  variables: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      shape: z.array(z.number()).optional(),
      dtype: z.string().optional(),
      device: z.string().optional(),
      bytes: z.number().optional(),
      preview: z.string(),
    }),
  ),
  /** Variables there are, shown or not. */
  count: z.number(),
  /** Modules, functions and classes, which are listed only by name. */
  definitions: z.number(),
  /** Variables that were not looked at, because it took too long. */
  unseen: z.number(),
  /** Names that were asked for and are not there. */
  missing: z.array(z.string()),
});
export type Inspection = z.output<typeof inspection>;

export interface InspectRequest {
  readonly names: readonly string[] | undefined;
  readonly limit: number;
}

/** What occupies the kernel, in words, or what was found. */
export type Inspected = { readonly busy: string } | { readonly found: Inspection };

/**
 * Queues nothing behind other code: a kernel that is busy is reported as busy.
 *
 * @param source the text of `python/inspect_variables.py`.
 * @throws `input/invalid` for a kernel of another language, `kernel/dead`, `kernel/unresponsive` when it took too long or ended without an answer.
 */
export async function inspectVariables(
  session: Session,
  source: string,
  request: InspectRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<Inspected> {
  const { language } = session.record.kernel;
  if (language.toLowerCase() !== 'python') {
    throw new GloveboxError(
      'input/invalid',
      `inspect_variables works for Python kernels; this one runs ${language}.`,
      { hint: 'execute_scratch runs code of that language that lists its variables.' },
    );
  }
  const { loss } = session.record;
  if (loss !== null) {
    throw new GloveboxError('kernel/dead', loss.message, {
      hint: lossHint(session.record, loss.class),
    });
  }
  const busy = occupation(session);
  if (busy !== undefined) return { busy };
  const run = session.scratch(codeOf(source, request), session.limits.inspectMs, true);
  const stopMs = clock.monotonic() + session.limits.inspectMs + 2000;
  try {
    await run.wait({ waitMs: stopMs - clock.monotonic(), signal, report: () => undefined });
  } catch (error) {
    await session.cancelRun(run);
    throw error;
  }
  const answer = publishedBy(run, MIME);
  if (run.state === 'ok' && answer !== undefined) return { found: inspection.parse(answer) };
  if (!isFinal(run.state)) void session.cancelRun(run).catch(() => undefined);
  const why = run.record.explanation ?? run.record.error?.value ?? [...run.notices].join(' ');
  throw new GloveboxError(
    'kernel/unresponsive',
    `The look at the variables ended without an answer (${run.state.replace('_', ' ')}). ${why}`,
    {
      hint: `inspect_variables(session_id="${session.id}", names=[...]) looks at single ones; ping(session_id="${session.id}") tells how the kernel is.`,
    },
  );
}

function occupation(session: Session): string | undefined {
  const { current } = session.queue;
  if (current !== undefined) return `run ${current.id} is ${current.state.replace('_', ' ')}`;
  const { state, detail } = session.view();
  if (state === 'idle') return undefined;
  if (state === 'foreign-busy') return "another client's code is running";
  return detail ?? `the session is ${state.replace('-', ' ')}`;
}

function codeOf(source: string, { names, limit }: InspectRequest): string {
  const request = { names, limit };
  if (JSON.stringify(request).length > MAX_PARTS * 1000) {
    throw new GloveboxError('input/too-large', 'Too many names.', { hint: 'Ask for fewer.' });
  }
  return pythonCall(source, request, { glovebox_namespace: 'globals()' });
}
