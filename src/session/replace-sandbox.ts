/** Puts a new sandbox in the place of another: its files, its models and its notebooks go on there, and the old one ends last. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { Admission, Admit } from '#sandbox/admission.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionRecord } from './contract.ts';
import type { Session } from './session.ts';
import {
  FROM_SNAPSHOT,
  nameOf,
  planReplacement,
  type PlanRequest,
  type ReplacementParts,
  type ReplacementPlan,
} from './replacement.ts';

const SNAPSHOT_TTL_MS = 30 * 24 * 3_600_000;

export interface ReplacementOptions extends ReplacementParts {
  /** Puts what notebooks of the project import into a sandbox that has nothing of it yet. */
  prepare(this: void, sandboxId: string, wait: SandboxWait): Promise<unknown>;
  /** Does in a fresh kernel what its session began with. */
  begin(
    this: void,
    session: Session,
    beginning: NonNullable<SessionRecord['beginning']>,
    wait: SandboxWait,
  ): Promise<unknown>;
}

export interface ReplaceTerms {
  /** Asked before anything is made. Needed where it costs money. */
  readonly admit?: Admit | undefined;
  /** Told the id of the new one when it is on record and before anything of it is made. */
  readonly onRecord?: ((id: string) => void) | undefined;
  /** Also where what was written to the disk of the old one is lost. */
  readonly withoutFiles?: boolean | undefined;
}

/** A notebook that goes on, with variables that have to be made anew. */
export interface MovedSession {
  readonly id: string;
  readonly notebookPath: string;
  /** The session it had before. */
  readonly before: string;
}

export interface Replaced {
  readonly sandbox: SandboxView;
  readonly sessions: readonly MovedSession[];
  readonly snapshotId?: string;
  /** Sentences about what was brought home from the old one. */
  readonly notes: readonly string[];
}

export class Replacements {
  readonly #options: ReplacementOptions;

  constructor(options: ReplacementOptions) {
    this.#options = options;
  }

  /** As `planReplacement`. */
  plan(request: PlanRequest, signal: AbortSignal): Promise<ReplacementPlan> {
    return planReplacement(request, this.#options, signal);
  }

  /**
   * Until the new one is ready and every notebook has a kernel there, the old one lives and keeps its kernels; only then it ends. When
   * a step fails, or the call is cancelled, the new one is ended and the old one stays as it was.
   *
   * @throws what the step failed with; `input/invalid` where files would be lost and nobody agreed; `sandbox/stop-failed` when one of
   *   the two could not be seen to end: the text says which.
   */
  async replace(plan: ReplacementPlan, terms: ReplaceTerms, wait: SandboxWait): Promise<Replaced> {
    const { old, backend, id, options } = plan;
    if (plan.files === 'lost' && terms.withoutFiles !== true) throw filesWouldBeLost(plan);
    const { projectDir } = old;
    const admission = await terms.admit?.({ backend, id, projectDir, options });
    let made: string | undefined;
    let done: Omit<Replaced, 'notes'>;
    const onRecord = (newId: string): void => {
      made = newId;
      terms.onRecord?.(newId);
    };
    try {
      const snapshotId = await this.#keepFiles(plan, wait);
      const sandbox = await this.#start(plan, snapshotId, { admission, onRecord }, wait);
      if (plan.files === 'lost') await this.#options.prepare(sandbox.id, wait);
      const sessions = await this.#move(plan, sandbox, wait);
      throwIfAborted(wait.signal);
      done = { sandbox, sessions, ...(snapshotId !== undefined && { snapshotId }) };
    } catch (error) {
      if (made === undefined) await admission?.release();
      throw await this.#giveUp(plan, made, error);
    }
    // From here on nothing is given up: the new one is in use.
    return { ...done, notes: await this.#endOld(plan, done.sandbox) };
  }

  async #keepFiles(
    { old, files }: ReplacementPlan,
    wait: SandboxWait,
  ): Promise<string | undefined> {
    if (files !== 'snapshot') return undefined;
    wait.report({ message: `keeping the files of ${old.id}` });
    const description = `${old.id}, to be replaced`;
    const { sandboxes } = this.#options;
    const options = { description, ttlMs: SNAPSHOT_TTL_MS };
    const kept = await sandboxes.snapshot(old.id, options, wait.signal);
    return kept.snapshotId;
  }

  async #start(
    { old, options }: ReplacementPlan,
    snapshotId: string | undefined,
    {
      admission,
      onRecord,
    }: { readonly admission: Admission | undefined; readonly onRecord: (id: string) => void },
    wait: SandboxWait,
  ): Promise<SandboxView> {
    const name = nameOf(old);
    const view = await this.#options.sandboxes.create(
      {
        backend: old.backend,
        projectDir: old.projectDir,
        ...(name !== undefined && { name }),
        options: { ...options, ...(snapshotId !== undefined && { [FROM_SNAPSHOT]: snapshotId }) },
        once: { replaces: old.id },
        ...(admission !== undefined && { admit: async () => admission }),
        onRecord,
      },
      wait,
    );
    const { state, detail } = view.status;
    if (state === 'ready') return view;
    throw new GloveboxError(
      'server/unreachable',
      `Sandbox ${view.id} is ${state}${detail === undefined ? '' : ` (${detail})`}.`,
    );
  }

  /** Each notebook is let go in the old one, which keeps its kernel, and gets a fresh one in the new one. */
  async #move(
    { old, sessions: views }: ReplacementPlan,
    { id }: SandboxView,
    wait: SandboxWait,
  ): Promise<readonly MovedSession[]> {
    const { sessions } = this.#options;
    const ids = new Set(views.map((view) => view.id));
    const records = (await sessions.recordsIn(old.id)).filter((record) => ids.has(record.id));
    if (records.length === 0) return [];
    await sessions.endAllIn(
      old.id,
      `its sandbox was replaced by ${id}, where its notebook goes on`,
    );
    const moved: MovedSession[] = [];
    try {
      for (const record of records) {
        wait.report({ message: `going on with ${record.notebookPath}` });
        const session = await this.#goOn(record, id, wait);
        moved.push({ id: session.id, notebookPath: record.notebookPath, before: record.id });
      }
      return moved;
    } catch (error) {
      await this.#takeBack(records, moved);
      throw error;
    }
  }

  async #goOn(record: SessionRecord, sandboxId: string, wait: SandboxWait): Promise<Session> {
    const { sessions, begin } = this.#options;
    const { notebookPath: file, kernel, beginning } = record;
    const { session } = await sessions.openInTurn(
      file,
      () => sessions.startFor(file, { sandboxId, kernelName: kernel.name }, wait),
      wait.signal,
    );
    // Whoever did without models before does without them again.
    if (record.models !== undefined) await sessions.preload(session, wait);
    if (beginning !== undefined) await begin(session, beginning, wait);
    return session;
  }

  /** Their kernels live on in the old one: they are again what they were. */
  async #takeBack(
    records: readonly SessionRecord[],
    moved: readonly MovedSession[],
  ): Promise<void> {
    const { sessions } = this.#options;
    const signal = new AbortController().signal;
    for (const { id } of moved) await sessions.shutdown(id, signal).catch(() => undefined);
    await sessions.reopen(records.map(({ id }) => id));
  }

  async #endOld({ old }: ReplacementPlan, { id }: SandboxView): Promise<readonly string[]> {
    try {
      const signal = new AbortController().signal;
      await this.#options.sessions.endAllIn(old.id);
      return (await this.#options.sandboxes.stop(old.id, signal)).notes ?? [];
    } catch (error) {
      throw new GloveboxError(
        'sandbox/stop-failed',
        `Sandbox ${id} is ready and has the notebooks, but ${old.id} could not be seen to end and may still cost: ${messageOf(error)}`,
        { hint: `glovebox stop ${old.id} tries again.`, cause: error },
      );
    }
  }

  /** The error that the caller gets, once the new one is gone. */
  async #giveUp(
    { old, options }: ReplacementPlan,
    made: string | undefined,
    error: unknown,
  ): Promise<unknown> {
    const isKept = options['keep_on_error'] === true && !isGloveboxError(error, 'cancelled');
    if (made === undefined || isKept) return told(error, `Sandbox ${old.id} stays as it was.`);
    try {
      await this.#options.sessions.endAllIn(made);
      await this.#options.sandboxes.stop(made, new AbortController().signal);
      return told(error, `Sandbox ${old.id} stays; ${made}, which was to replace it, is gone.`);
    } catch (second) {
      return new GloveboxError(
        'sandbox/stop-failed',
        `${messageOf(error)} And ${made}, which was to replace ${old.id}, could not be ended: ${messageOf(second)}`,
        { hint: `glovebox stop ${made} tries again; ${old.id} stays.`, cause: error },
      );
    }
  }
}

function told(error: unknown, more: string): unknown {
  if (!isGloveboxError(error)) return error;
  const { code, message, hint } = error;
  return new GloveboxError(code, `${message} ${more}`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}

const filesWouldBeLost = ({ old }: ReplacementPlan): GloveboxError =>
  new GloveboxError(
    'input/invalid',
    `The ${old.backend} back end cannot keep a disk: what was written in ${old.id} outside volumes would be lost. Nothing was done.`,
    {
      hint: `Copy what matters first (sandbox_transfer); glovebox keep-alive ${old.id} --without-files then starts a fresh one.`,
    },
  );
