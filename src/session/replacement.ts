/** What it takes to put a new sandbox in the place of one whose time limit comes: what comes along, what is lost, what it costs. */
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Backend, BackendId, Quote } from '#sandbox/backend.ts';
import { replacementId } from '#sandbox/sandbox-ids.ts';
import type { Sandboxes, SandboxView } from '#sandbox/sandboxes.ts';
import type { SessionView } from './contract.ts';
import type { Sessions } from './sessions.ts';

/** `snapshot`: the new one starts from it. `shared`: both see the same files. `lost`: what was written to its own disk stays behind. */
export type FilesFate = 'snapshot' | 'shared' | 'lost';

export interface ReplacementPlan {
  readonly old: SandboxView;
  readonly backend: Backend;
  /** The id that the new one will have. */
  readonly id: string;
  /** What the new one is asked for with; the snapshot that it starts from comes on top. */
  readonly options: JsonObject;
  readonly files: FilesFate;
  /** Of the new one; absent where a back end tells none. */
  readonly quote?: Quote;
  /** Sessions whose notebooks go on in the new one. */
  readonly sessions: readonly SessionView[];
}

export interface PlanRequest {
  readonly sandboxId: string;
  /** Takes the place of the option `max_cost_usd`. */
  readonly maxCostUsd?: number | undefined;
}

export interface ReplacementParts {
  readonly sandboxes: Pick<
    Sandboxes,
    'get' | 'backend' | 'checkOptions' | 'create' | 'snapshot' | 'stop'
  >;
  readonly sessions: Pick<
    Sessions,
    | 'list'
    | 'recordsIn'
    | 'endAllIn'
    | 'openInTurn'
    | 'startFor'
    | 'reopen'
    | 'preload'
    | 'shutdown'
  >;
}

/** Their jobs run in a folder of the cluster, which the next job sees too. */
const SHARED_FILES: ReadonlySet<BackendId> = new Set(['slurm']);

/** The option of a back end that names the snapshot to start from. */
export const FROM_SNAPSHOT = 'from_snapshot';

/**
 * Checks everything that can be checked for nothing, as a start does, and makes nothing.
 *
 * @throws `sandbox/ended`, `sandbox/pending`, `server/unreachable` for one that is not ready; `input/invalid` for one that has no
 *   need of it or has one already; what the quote of the new one fails with.
 */
export async function planReplacement(
  { sandboxId, maxCostUsd }: PlanRequest,
  { sandboxes, sessions }: ReplacementParts,
  signal: AbortSignal,
): Promise<ReplacementPlan> {
  const old = await sandboxes.get(sandboxId, signal);
  refuseUnready(old);
  const backend = await sandboxes.backend(old.backend);
  if (backend.sharesHost)
    throw new GloveboxError(
      'input/invalid',
      `Sandbox ${old.id} runs on this machine: no engine ends it at a time limit, and nothing has to replace it.`,
      { hint: 'restart_kernel gives a session a fresh kernel.' },
    );
  const id = replacementId(old.backend, old.projectDir, nameOf(old), old.id);
  await refuseSecond(id, old, sandboxes, signal);
  const files = filesFate(backend);
  const options = await sandboxes.checkOptions(old.backend, {
    ...old.options,
    // What was uploaded then is in the snapshot as it is now.
    ...(files === 'snapshot' && 'files' in old.options && { files: [] }),
    ...(maxCostUsd !== undefined && { max_cost_usd: maxCostUsd }),
  });
  const quote = await backend.quote?.(options, { projectDir: old.projectDir, signal });
  const own = (await sessions.list(false)).filter(
    (view) => view.sandboxId === old.id && view.notebookPath !== '',
  );
  const plan = { old, backend, id, options, files, sessions: own };
  return quote === undefined ? plan : { ...plan, quote };
}

const filesFate = (backend: Backend): FilesFate => {
  if (backend.snapshot !== undefined && FROM_SNAPSHOT in backend.optionsSchema.shape)
    return 'snapshot';
  return SHARED_FILES.has(backend.id) ? 'shared' : 'lost';
};

/** Without one it goes by its id, which the new one must not have. */
export const nameOf = ({ id, name }: SandboxView): string | undefined =>
  name === id ? undefined : name;

function refuseUnready({ id, status }: SandboxView): void {
  const { state, end } = status;
  if (state === 'ready') return;
  if (state === 'ended')
    throw new GloveboxError(
      'sandbox/ended',
      `Sandbox ${id} has ended: ${end?.message ?? 'no reason known'}`,
      { hint: 'Start a new one; its notebooks are in the project.' },
    );
  const isOnItsWay = state === 'preparing' || state === 'queued' || state === 'starting';
  throw new GloveboxError(
    isOnItsWay ? 'sandbox/pending' : 'server/unreachable',
    `Sandbox ${id} is ${state}: what is in it can be neither kept nor moved now. Nothing was done.`,
    { hint: `glovebox status ${id} tells when it is ready.` },
  );
}

/** One that an earlier call left may hold what nobody has seen yet: neither of the two is ended unasked. */
async function refuseSecond(
  id: string,
  old: SandboxView,
  sandboxes: ReplacementParts['sandboxes'],
  signal: AbortSignal,
): Promise<void> {
  const other = await sandboxes.get(id, signal).catch(() => undefined);
  if (other === undefined || other.status.state === 'ended') return;
  throw new GloveboxError(
    'input/invalid',
    `Sandbox ${id} was started in the place of ${old.id} before, and is ${other.status.state}. Nothing was done.`,
    { hint: `glovebox stop ${old.id} ends the old one, glovebox stop ${id} the new one.` },
  );
}
