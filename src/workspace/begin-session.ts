/** What a new kernel does before anybody uses it, besides loading models: imports, and hidden code of the user. */
import { stripVTControlCharacters } from 'node:util';
import { GloveboxError } from '#core/errors.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { isFinal, type SessionBeginning } from '#session/contract.ts';
import { beginningCode } from '#session/begin-again.ts';
import type { Session } from '#session/session.ts';

/** For code that hangs. */
const LIMIT_MS = 3_600_000;

/**
 * Runs it as a run that leaves no cell, no number and no history, after what is queued in the session.
 *
 * @param source the text of `python/begin_session.py`
 * @returns the id of the run when the wait ended before it; cells wait for it.
 * @throws `kernel/library-failed` with the Python error; the session stays.
 */
export async function beginSession(
  session: Session,
  { imports, initCode, env = {} }: SessionBeginning,
  source: string,
  wait: SandboxWait,
): Promise<string | undefined> {
  if (imports.length === 0 && initCode === undefined && Object.keys(env).length === 0)
    return undefined;
  const code = beginningCode(source, { imports, ...(initCode !== undefined && { initCode }), env });
  const run = session.scratch(code, LIMIT_MS, true);
  wait.report({ message: 'running the beginning of the session' });
  await run.wait({ ...wait, report: () => undefined });
  if (!isFinal(run.state)) return run.id;
  if (run.state === 'ok') return undefined;
  const { error, explanation } = run.record;
  const traceback = run.collector.outputs.flatMap((output) =>
    output.output_type === 'error' ? output.traceback.map(stripVTControlCharacters) : [],
  );
  const why = error === undefined ? (explanation ?? run.state) : `${error.name}: ${error.value}`;
  throw new GloveboxError(
    'kernel/library-failed',
    [`The beginning of session ${session.id} (imports, init_code) failed: ${why}`, ...traceback]
      .join('\n')
      .slice(0, 8000),
    {
      hint: `The session is there without it: mend it and restart_kernel(session_id="${session.id}"), or shutdown_session ends it.`,
    },
  );
}
