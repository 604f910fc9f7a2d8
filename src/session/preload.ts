/** Loads the models of a sandbox into a new kernel, as a run that leaves no cell, no number and no history, before anybody uses it. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { isFinal } from './contract.ts';
import { loadedModel } from './loaded-models.ts';
import { publishedBy } from './published.ts';
import type { Run } from './run.ts';
import type { Session } from './session.ts';

/** The type under which `python/glovebox_models.py` publishes its answer. */
const MIME = 'application/vnd.glovebox.models+json';
/** One statement, the same for everybody: which models there are stands in a file of the sandbox. */
const CODE = '__import__("glovebox_models").publish(globals())';

const answer = z.object({
  models: z.array(loadedModel),
  gpus: z.array(
    z.object({
      index: z.number(),
      name: z.string(),
      used_bytes: z.number(),
      total_bytes: z.number(),
    }),
  ),
});
export type LoadedModels = z.output<typeof answer>;

/** What was loaded, or the run that is still loading it; code that is sent meanwhile waits for it. */
export type Preloaded = { readonly loaded: LoadedModels } | { readonly loading: Run };

/**
 * @param limitMs when a loader that hangs is interrupted
 * @throws `kernel/preload-failed` with the Python error; the session stays, without the models.
 */
export async function preloadModels(
  session: Session,
  limitMs: number,
  wait: SandboxWait,
): Promise<Preloaded> {
  const run = session.scratch(CODE, limitMs, true);
  wait.report({ message: 'loading models into the kernel' });
  // The end of the wait ends no loading.
  await run.wait({ ...wait, report: () => undefined });
  if (!isFinal(run.state)) return { loading: run };
  const published = publishedBy(run, MIME);
  if (run.state === 'ok' && published !== undefined) {
    const loaded = answer.parse(published);
    const { generation } = session.record;
    // For whoever attaches to the session later.
    await session.updateRecord({ models: { generation, loaded: loaded.models } });
    return { loaded };
  }
  const { error, explanation } = run.record;
  const why = error === undefined ? explanation : `${error.name}: ${error.value}`;
  throw new GloveboxError(
    'kernel/preload-failed',
    `The models could not be loaded into the kernel of session ${session.id}: ${why ?? run.state}`,
    {
      hint: `The session is there without them: execute_code(session_id="${session.id}", code="import glovebox_models; glovebox_models.preload(globals())") tries again, check_resources shows memory, shutdown_session ends it.`,
    },
  );
}
