/** Finds a sandbox to work in, ready, or says in the caller's terms why there is none. */
import { GloveboxError } from '#core/errors.ts';
import { modeOf } from '#sandbox/common-options.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionRecord } from './contract.ts';
import { ownSandbox } from './own-sandbox.ts';
import type { PoolOptions } from './pool.ts';

type Places = Pick<PoolOptions, 'sandboxes' | 'projectDir' | 'isClosed' | 'startsUnasked'>;

/**
 * The named sandbox, or the project's own (`ownSandbox`).
 *
 * @throws `sandbox/pending` when it is not ready after the wait: the same call continues. `sandbox/ended`, `server/unreachable`,
 *   `sandbox/closed`; as `ownSandbox`.
 */
export async function readySandbox(
  places: Places,
  sandboxId: string | undefined,
  wait: SandboxWait,
): Promise<SandboxView> {
  const view =
    sandboxId === undefined
      ? await ownSandbox(places, wait)
      : await places.sandboxes.wait(sandboxId, wait);
  return checkReady(places, view);
}

async function checkReady(places: Places, view: SandboxView): Promise<SandboxView> {
  if (view.status.state !== 'ready') throw notReady(view);
  await refuseClosed(places, view.id);
  return view;
}

/** @throws `sandbox/closed`. */
export async function refuseClosed(
  { isClosed }: Pick<PoolOptions, 'isClosed'>,
  sandboxId: string,
): Promise<void> {
  if (!(await isClosed(sandboxId))) return;
  throw new GloveboxError(
    'sandbox/closed',
    `Sandbox ${sandboxId} was handed over with exposed functions only: it runs no other code and shows no files.`,
    { hint: 'Call its functions, or work in another sandbox.' },
  );
}

/** @throws `sandbox/no-notebooks`. */
export function refuseWithoutNotebooks({ id, options }: SandboxView): void {
  if (modeOf(options) !== 'shell') return;
  throw new GloveboxError(
    'sandbox/no-notebooks',
    `Sandbox ${id} was started with mode = "shell": it runs commands and keeps files, and has no notebooks.`,
    { hint: 'sandbox_bash works in it; for notebooks start a sandbox without that mode.' },
  );
}

function notReady({ id, status }: SandboxView): GloveboxError {
  const { state, end } = status;
  const detail = status.detail === undefined ? '' : ` (${status.detail})`;
  if (state === 'ended') {
    const why = [
      `Sandbox ${id} has ended: ${end?.message ?? 'no reason known'}`,
      ...(end?.logTail ?? []),
    ];
    return new GloveboxError('sandbox/ended', why.join('\n'), {
      hint: 'sandbox_create starts a new one.',
    });
  }
  if (state === 'unreachable' || state === 'unknown') {
    return new GloveboxError(
      'server/unreachable',
      `Sandbox ${id} is ${state}${detail}. Whether its variables survive is not known.`,
      { hint: `Do not start another one; ping() and sandbox_wait(sandbox_id="${id}") ask again.` },
    );
  }
  return new GloveboxError('sandbox/pending', `Sandbox ${id} is ${state}${detail}.`, {
    hint: `Nothing is lost: call the same tool again, or sandbox_wait(sandbox_id="${id}").`,
  });
}

const openElsewhere = ({ notebookPath }: SessionRecord): string =>
  `start_notebook(notebook_path="${notebookPath}") opens the notebook with a fresh kernel in the project's own sandbox, with sandbox_id in another one that lives.`;

/** The sandbox of a session, brought up again when it is the project's local one. @throws as `readySandbox`. */
export async function sandboxOfSession(
  places: Places,
  record: SessionRecord,
  wait: SandboxWait,
): Promise<SandboxView> {
  const view = await places.sandboxes.get(record.sandboxId, wait.signal);
  const canComeBack = view.status.state === 'ended' && view.backend === 'local';
  if (view.status.state === 'ended' && !canComeBack) {
    throw new GloveboxError(
      'sandbox/ended',
      `Sandbox ${view.id} has ended: ${view.status.end?.message ?? 'no reason known'}`,
      { hint: openElsewhere(record) },
    );
  }
  if (!canComeBack) return readySandbox(places, record.sandboxId, wait);
  const { sandboxes, projectDir } = places;
  const local = await checkReady(places, await sandboxes.ensureLocal(projectDir, wait));
  if (local.id === record.sandboxId) return local;
  throw new GloveboxError('sandbox/ended', `Sandbox ${record.sandboxId} has ended.`, {
    hint: `start_notebook(notebook_path="${record.notebookPath}") opens the notebook in sandbox ${local.id}.`,
  });
}

/** Sandboxes that answer now, and those that may be alive and do not: the named one, or all of the project. Starts nothing. */
export async function sandboxesToSearch(
  { sandboxes, projectDir, isClosed }: Places,
  sandboxId: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly ready: readonly SandboxView[]; readonly silent: readonly SandboxView[] }> {
  const views =
    sandboxId === undefined
      ? await sandboxes.list({ projectDir }, signal)
      : [await sandboxes.get(sandboxId, signal)];
  const closed = await Promise.all(views.map(({ id }) => isClosed(id)));
  const open = views.filter((_, index) => closed[index] !== true);
  return {
    ready: open.filter(({ status }) => status.state === 'ready'),
    silent: open.filter(({ status }) => ['unreachable', 'unknown'].includes(status.state)),
  };
}
