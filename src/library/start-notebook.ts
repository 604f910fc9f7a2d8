/** Starts a notebook in a sandbox for a program, with the models loaded before anybody has it. */
import { GloveboxError } from '#core/errors.ts';
import type { Call } from './call.ts';
import type { StartNotebookOptions } from './contract.ts';
import { jupyterUrlOf } from './find-sandbox.ts';
import type { Sandbox } from './sandbox.ts';
import { Session } from './session.ts';

export async function startNotebook(
  sandbox: Sandbox,
  options: StartNotebookOptions,
  call: Call,
): Promise<Session> {
  const { engine, wait } = call;
  const { sessions } = engine;
  const session = await sessions.startNew(
    { folder: engine.notebookDir(), name: options.name },
    { sandboxId: sandbox.id, kernelName: options.kernel },
    wait,
  );
  try {
    const preloaded = options.preload === false ? undefined : await sessions.preload(session, wait);
    if (preloaded !== undefined && 'loading' in preloaded)
      throw new GloveboxError('kernel/preload-failed', 'The models are still being loaded.');
    return new Session(sandbox, {
      id: session.id,
      notebookPath: session.record.notebookPath,
      jupyterUrl: await jupyterUrlOf(sandbox, call),
      models: preloaded?.loaded.models ?? [],
    });
  } catch (error) {
    await sessions.shutdown(session.id, new AbortController().signal).catch(() => undefined);
    throw error;
  }
}
