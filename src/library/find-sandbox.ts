/** Finds sandboxes and snapshots for a program, and says how they stand. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { SandboxView } from '#sandbox/sandboxes.ts';
import { inProgramNames } from '#sandbox/spelling.ts';
import type { Call } from './call.ts';
import type { SandboxInfo } from './contract.ts';

/** @throws `sandbox/ended`, with when and why. */
export function alive(view: SandboxView): SandboxView {
  const { state, end } = view.status;
  if (state !== 'ended') return view;
  const when = end?.atMs === undefined ? '' : ` at ${new Date(end.atMs).toISOString()}`;
  throw new GloveboxError(
    'sandbox/ended',
    `Sandbox ${view.id} ended${when}: ${end?.message ?? 'why is not known.'}`,
    { hint: 'Sandbox.create makes another one; its notebooks are in the project.' },
  );
}

/** The one that lives, else the last that did. @throws `sandbox/unknown`. */
export async function findByName(
  name: string,
  backend: string | undefined,
  { engine, signal }: Call,
): Promise<SandboxView> {
  const { sandboxes } = engine;
  const wanted = backend === undefined ? undefined : (await sandboxes.backend(backend)).id;
  const filter = { includeEnded: true, ...(wanted !== undefined && { backend: wanted }) };
  const views = await sandboxes.list(filter, signal);
  const named = views.filter((view) => view.name === name);
  const found = named.find(({ status }) => status.state !== 'ended') ?? named[0];
  if (found !== undefined) return found;
  const known = views.filter(({ status }) => status.state !== 'ended').map((view) => view.name);
  throw new GloveboxError('sandbox/unknown', `There is no sandbox with the name "${name}".`, {
    hint:
      known.length === 0
        ? 'None is alive; Sandbox.create makes one.'
        : `Alive: ${known.join(', ')}.`,
  });
}

export async function infoOf(view: SandboxView, call: Call): Promise<SandboxInfo> {
  const { engine } = call;
  const { status } = view;
  const sessions = (await engine.sessions.list(false)).filter(
    ({ sandboxId }) => sandboxId === view.id,
  );
  const jupyterUrl = status.state === 'ready' ? await jupyterUrlOf(view, call) : undefined;
  const { optionsSchema } = await engine.sandboxes.backend(view.backend);
  const config = inProgramNames(optionsSchema, view.options);
  const { detail, end, deadlineMs, usdPerHour, host } = status;
  return {
    id: view.id,
    name: view.name,
    backend: view.backend,
    state: status.state,
    createdAt: new Date(view.createdMs),
    config: isRecord(config) ? config : {},
    sessions: sessions.map(({ id, notebookPath }) => ({ id, notebookPath })),
    ...(detail !== undefined && { detail }),
    ...(end !== undefined && {
      end: {
        cause: end.cause,
        message: end.message,
        ...(end.atMs !== undefined && { at: new Date(end.atMs) }),
      },
    }),
    ...(jupyterUrl !== undefined && { jupyterUrl }),
    ...(deadlineMs !== undefined && { deadline: new Date(deadlineMs) }),
    ...(usdPerHour !== undefined && { usdPerHour }),
    ...(host !== undefined && { host }),
  };
}

/** As its back end reports it; opens a tunnel where it takes one. @throws `server/unreachable`, `sandbox/ended`. */
export async function jupyterUrlOf(
  { id }: Pick<SandboxView, 'id'>,
  { engine, signal }: Call,
): Promise<string> {
  return (await engine.sandboxes.endpointSource(id)(signal)).baseUrl;
}

/** What a sandbox from a snapshot is asked for with. @throws `sandbox/unknown`. */
export async function snapshotConfig(
  snapshotId: string,
  config: object,
  { engine }: Call,
): Promise<object> {
  const { backend, options } = await engine.sandboxes.snapshotOf(snapshotId);
  const { optionsSchema } = await engine.sandboxes.backend(backend);
  // What was uploaded then is in the snapshot, as it was when that was taken.
  const { files: _uploaded, ...rest } = options;
  const before = inProgramNames(optionsSchema, rest);
  return { ...(isRecord(before) && before), ...config, backend, fromSnapshot: snapshotId };
}
