/** Kernels for programs of ours in a sandbox (shell commands, files): hidden, lent one at a time, kept for a minute, then deleted. */
import { GloveboxError } from '#core/errors.ts';
import type { JupyterServer, KernelSpec } from '#jupyter/contract.ts';
import { sleep } from '#platform/clock.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionPool } from './pool.ts';
import { readySandbox } from './ready-sandbox.ts';
import { endScratchSession, startScratchSession } from './scratch-kernel.ts';
import type { Session } from './session.ts';

/** A kernel that idles keeps a server from ending itself, so it goes soon. */
const KEEP_MS = 60_000;
const CLOSE_MS = 3_000;

export interface Loan {
  readonly sandbox: SandboxView;
  /** Nobody else uses its kernel before `release`. */
  readonly session: Session;
  /** Idempotent. The next one may use the kernel at once, so nothing may run in it any more. */
  release(this: void): void;
}

interface Spare {
  readonly session: Session;
  readonly cancelEnd: () => void;
}

export class HelperKernels {
  readonly #pool: SessionPool;
  readonly #spares = new Map<string, Spare[]>();

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  /**
   * A Python kernel of the sandbox that does nothing else: a spare one, or a new one, which takes about a second.
   *
   * @param forInterface for the functions that a sandbox exposes, which may be called where nothing else may be done
   * @throws `shell/unavailable` where the server has no Python kernel; as `readySandbox`; what keeps a kernel from starting.
   */
  async lend(
    sandboxId: string | undefined,
    wait: SandboxWait,
    forInterface = false,
  ): Promise<Loan> {
    const { options } = this.#pool;
    const places = forInterface ? { ...options, isClosed: async () => false } : options;
    const sandbox = await readySandbox(places, sandboxId, wait);
    const session =
      (await this.#spareOf(sandbox, wait.signal)) ?? (await this.#start(sandbox, wait.signal));
    let isLent = true;
    const release = (): void => {
      if (isLent) this.#takeBack(sandbox.id, session);
      isLent = false;
    };
    return { sandbox, session, release };
  }

  /** Deletes the kernels that nobody uses; what still runs in the others goes on. Bounded in time, never fails. */
  async close(): Promise<void> {
    const spares = [...this.#spares.values()].flat();
    this.#spares.clear();
    for (const { cancelEnd } of spares) cancelEnd();
    const ended = Promise.all(spares.map(({ session }) => endScratchSession(this.#pool, session)));
    const stop = new AbortController();
    const limit = sleep(this.#pool.options.clock, CLOSE_MS, stop.signal).catch(() => undefined);
    await Promise.race([ended, limit]);
    stop.abort();
  }

  async #spareOf({ id, status }: SandboxView, signal: AbortSignal): Promise<Session | undefined> {
    for (;;) {
      const spare = this.#spares.get(id)?.pop();
      if (spare === undefined) return undefined;
      spare.cancelEnd();
      const { session } = spare;
      if (session.record.serverGeneration === status.generation && (await isFresh(session, signal)))
        return session;
      this.#end(session);
    }
  }

  async #start(sandbox: SandboxView, signal: AbortSignal): Promise<Session> {
    const spec = await pythonKernel(this.#pool.server(sandbox.id), signal);
    // The server's root, which is the project or the workspace.
    const kind = { path: '', helper: true } as const;
    return startScratchSession(this.#pool, sandbox, spec, kind, signal);
  }

  #takeBack(sandboxId: string, session: Session): void {
    if (!isIdle(session)) return this.#end(session);
    const cancelEnd = this.#pool.options.clock.after(
      KEEP_MS,
      () => {
        const spares = this.#spares.get(sandboxId) ?? [];
        this.#spares.set(
          sandboxId,
          spares.filter((spare) => spare.session !== session),
        );
        this.#end(session);
      },
      { background: true },
    );
    const spares = this.#spares.get(sandboxId) ?? [];
    this.#spares.set(sandboxId, [...spares, { session, cancelEnd }]);
    return undefined;
  }

  #end(session: Session): void {
    this.#pool.trackCleanUp(endScratchSession(this.#pool, session));
  }
}

/** A kernel that was restarted has lost nothing of ours, but why it was is not known: it is not used again. */
const isIdle = (session: Session): boolean =>
  session.view().state === 'idle' && session.record.generation === 1;

/** Deleting a kernel elsewhere closes no socket, so the server is asked. */
async function isFresh(session: Session, signal: AbortSignal): Promise<boolean> {
  if (!isIdle(session)) return false;
  const model = await session.server.kernel(session.record.kernelId, signal).catch(() => undefined);
  return model !== undefined && (await session.link?.isUsable(signal)) === true;
}

const isPython = ({ language }: KernelSpec): boolean => language.toLowerCase() === 'python';

async function pythonKernel(server: JupyterServer, signal: AbortSignal): Promise<KernelSpec> {
  const { default: defaultName, specs } = await server.kernelSpecs(signal);
  const spec =
    specs.find((candidate) => candidate.name === defaultName && isPython(candidate)) ??
    specs.find(isPython);
  if (spec !== undefined) return spec;
  throw new GloveboxError(
    'shell/unavailable',
    'This sandbox has no Python kernel, through which shell commands and files work.',
    { hint: 'Install ipykernel into an environment that its Jupyter server knows.' },
  );
}
