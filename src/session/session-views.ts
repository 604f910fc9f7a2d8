/** What is told of all sessions of the project, open here or not, and of kernels that are nobody's session. */
import { isFree, isSelf } from './lease.ts';
import type { Session } from './session.ts';
import { isFinal, type SessionRecord, type SessionView } from './contract.ts';
import type { SessionPool } from './pool.ts';
import { sandboxesToSearch } from './ready-sandbox.ts';

/** A kernel that runs in one of our sandboxes and that no session of ours has. */
export interface ForeignKernel {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly executionState: string;
  readonly notebook: string | undefined;
}

export async function listSessionViews(
  pool: SessionPool,
  includeEnded: boolean,
): Promise<readonly SessionView[]> {
  const records = await pool.records(includeEnded);
  return Promise.all(
    records.map(async (record) => {
      const open = await pool.peek(record.id);
      return open === undefined ? viewOfRecord(pool, record) : viewOfOpen(pool, open, record);
    }),
  );
}

/** What is open here, with the runs that other living processes have in the same kernel. */
async function viewOfOpen(
  pool: SessionPool,
  session: Session,
  record: SessionRecord,
): Promise<SessionView> {
  const view = session.view();
  if (record.endedMs !== undefined) return { ...view, state: 'ended' };
  if (isSelf(record.owner)) return view;
  const own = new Set(view.runs.map(({ id }) => id));
  const others = (await viewOfRecord(pool, record)).runs.filter(({ id }) => !own.has(id));
  return { ...view, runs: [...others, ...view.runs] };
}

async function viewOfRecord(pool: SessionPool, record: SessionRecord): Promise<SessionView> {
  const nowMs = pool.options.clock.now();
  const runs = (await pool.journal.ofSession(record.id)).filter(({ state }) => !isFinal(state));
  const { owner } = record;
  const isHeld = record.endedMs === undefined && !isFree(owner);
  const detail =
    record.loss?.message ??
    record.endReason ??
    (isHeld
      ? `Open in another Glovebox process (pid ${owner.pid} on ${owner.host}); it can be used from here too.`
      : undefined);
  return {
    id: record.id,
    sandboxId: record.sandboxId,
    notebookPath: record.notebookPath,
    kernelName: record.kernel.display_name,
    kernelId: record.kernelId,
    generation: record.generation,
    state: stateOfRecord(record),
    ...(detail !== undefined && { detail }),
    ownsKernel: record.ownsKernel,
    runs: runs.map(({ id, state, sentMs, createdMs }) => ({
      id,
      state,
      elapsedMs: nowMs - (sentMs ?? createdMs),
    })),
    ...(record.copyPath !== undefined && { copyPath: record.copyPath }),
    ...(record.browserUrl !== undefined && { browserUrl: record.browserUrl }),
  };
}

function stateOfRecord({ endedMs, loss }: SessionRecord): SessionView['state'] {
  if (endedMs !== undefined) return 'ended';
  return loss === null ? 'not-attached' : 'lost';
}

/** Silent about servers that do not answer. */
export async function listForeignKernels(
  pool: SessionPool,
  own: readonly SessionView[],
  signal: AbortSignal,
): Promise<readonly ForeignKernel[]> {
  // What runs in kernels of our own that no notebook has is told by its run.
  const hidden = (await pool.options.records.list()).filter(({ value }) => value.scratch === true);
  const known = new Set([
    ...own.map(({ kernelId }) => kernelId),
    ...hidden.map(({ value }) => value.kernelId),
  ]);
  const { ready } = await sandboxesToSearch(pool.options, undefined, signal).catch(() => ({
    ready: [],
  }));
  const found = await Promise.all(
    ready.map(({ id }) => kernelsOf(pool, id, known, signal).catch(() => [])),
  );
  return found.flat();
}

async function kernelsOf(
  pool: SessionPool,
  sandboxId: string,
  known: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly ForeignKernel[]> {
  const server = pool.server(sandboxId);
  const [kernels, sessions] = await Promise.all([
    server.listKernels(signal),
    server.listSessions(signal),
  ]);
  return kernels
    .filter(({ id }) => !known.has(id))
    .map(({ id, name, executionState }) => ({
      id,
      sandboxId,
      name,
      executionState,
      notebook: sessions.find(({ kernel }) => kernel.id === id)?.path,
    }));
}
