/** Imports changed Python modules anew in the sessions of a sandbox, after their files were replaced. */
import * as z from 'zod';
import { messageOf } from '#core/errors.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { isFinal } from '#session/contract.ts';
import { publishedBy } from '#session/published.ts';
import { pythonCall } from '#session/python-call.ts';
import type { Sessions } from '#session/sessions.ts';

/** The type under which `python/reload_modules.py` publishes its answer. */
const MIME = 'application/vnd.glovebox.reload+json';
const LIMIT_MS = 600_000;

const answer = z.object({ reloaded: z.array(z.string()), failed: z.array(z.string()) });

export interface Reloaded {
  readonly sessionId: string;
  /** `waiting`: the id of the run that does it when the kernel is free. */
  readonly outcome:
    | z.output<typeof answer>
    | { readonly waiting: string }
    | { readonly error: string };
}

/**
 * In every live Python session of the sandbox: modules whose files are among `files` are reloaded, those that others import
 * first, and names that sessions took out of them (`from module import name`) mean the new ones. Fails for no session.
 *
 * @param source the text of `python/reload_modules.py`
 */
export async function reloadModules(
  sessions: Sessions,
  { sandboxId, files, source }: { sandboxId: string; files: readonly string[]; source: string },
  wait: SandboxWait,
): Promise<readonly Reloaded[]> {
  if (files.length === 0) return [];
  const there = (await sessions.list(false)).filter((view) => view.sandboxId === sandboxId);
  return Promise.all(
    there.map(async ({ id }) => {
      try {
        const session = await sessions.get(id, wait.signal);
        if (session.record.kernel.language.toLowerCase() !== 'python')
          return { sessionId: id, outcome: { reloaded: [], failed: [] } };
        const code = pythonCall(source, { files }, { glovebox_namespace: 'globals()' });
        const run = session.scratch(code, LIMIT_MS, true);
        await run.wait({ ...wait, report: () => undefined });
        if (!isFinal(run.state)) return { sessionId: id, outcome: { waiting: run.id } };
        const published = publishedBy(run, MIME);
        if (published !== undefined) return { sessionId: id, outcome: answer.parse(published) };
        return { sessionId: id, outcome: { error: run.record.error?.value ?? run.state } };
      } catch (error) {
        return { sessionId: id, outcome: { error: messageOf(error) } };
      }
    }),
  );
}
