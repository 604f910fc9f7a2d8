/** Starts a notebook in a sandbox for a program, with the models loaded before anybody has it. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { modelsIn } from '#session/loaded-models.ts';
import type { SessionRecord } from '#session/contract.ts';
import type { Call } from './call.ts';
import type { StartNotebookOptions } from './contract.ts';
import { jupyterUrlOf } from './find-sandbox.ts';
import type { Sandbox } from './sandbox.ts';
import { Session, type SessionFacts } from './session.ts';

export async function startNotebook(
  sandbox: Sandbox,
  options: StartNotebookOptions,
  call: Call,
): Promise<Session> {
  const { engine, wait } = call;
  const { sessions, workspace } = engine;
  await workspace.install(options.libraries ?? [], sandbox.id, wait);
  const session = await sessions.startNew(
    { folder: engine.notebookDir(), name: options.name },
    { sandboxId: sandbox.id, kernelName: options.kernel },
    wait,
  );
  try {
    const preloaded = options.preload === false ? undefined : await sessions.preload(session, wait);
    if (preloaded !== undefined && 'loading' in preloaded)
      throw new GloveboxError('kernel/preload-failed', 'The models are still being loaded.');
    const { imports = [], initCode } = options;
    await workspace.begin(session, { imports, ...(initCode !== undefined && { initCode }) }, wait);
    const jupyterUrl = await jupyterUrlOf(sandbox, call);
    return new Session(sandbox, factsOf(session.record, jupyterUrl), true);
  } catch (error) {
    await sessions.shutdown(session.id, new AbortController().signal).catch(() => undefined);
    throw isGloveboxError(error, 'kernel/preload-failed') ? withoutSession(error) : error;
  }
}

/** Nobody has the session that the hint for agents names. */
const withoutSession = ({ message }: GloveboxError): GloveboxError =>
  new GloveboxError('kernel/preload-failed', message, {
    hint: 'startNotebook({ name, preload: false }) starts one without the models.',
  });

/** Those of a sandbox that live, whoever started them; asked of nobody but the records. */
export async function findSessions(sandbox: Sandbox, call: Call): Promise<readonly Session[]> {
  const records = await call.engine.sessions.recordsIn(sandbox.id);
  if (records.length === 0) return [];
  const jupyterUrl = await jupyterUrlOf(sandbox, call);
  return records.map((record) => new Session(sandbox, factsOf(record, jupyterUrl), false));
}

const factsOf = (record: SessionRecord, jupyterUrl: string): SessionFacts => ({
  id: record.id,
  notebookPath: record.notebookPath,
  jupyterUrl,
  models: modelsIn(record),
});
