/** Makes sandboxes: a new one on every call, or once for the project, where one that lives is gone on with instead. */
import { throwIfAborted } from '#core/abort.ts';
import type { JsonObject } from '#core/json.ts';
import path from 'node:path';
import { sleep, type Clock } from '#platform/clock.ts';
import { admitted, type Admission, type Admit } from './admission.ts';
import type { Backend, BackendId } from './backend.ts';
import { checkForBackend } from './check-for-backend.ts';
import type { Names } from './check-options.ts';
import { isOnItsWay, type Follower, type SandboxWait } from './follow.ts';
import type { RecordBook } from './record-book.ts';
import type { BackendRegistry } from './registry.ts';
import { newSandboxId, projectSandboxId, realProjectDir } from './sandbox-ids.ts';
import type { Starts } from './starts.ts';
import { isAbandoned, isCarriedOn, type SandboxView, type Views } from './views.ts';

export interface SandboxRequest {
  readonly backend: BackendId;
  readonly projectDir: string;
  /** A name of the user's own: sandboxes with different names are different ones. */
  readonly name?: string;
  readonly options?: object;
  /** How the caller writes names, for the texts about mistakes. */
  readonly names?: Names;
  /**
   * - `project`: the project has one of this back end and name, whatever its options. Always so for the local one.
   * - `options`: it has one of this back end and name for each set of options, so that a call that is repeated starts nothing more.
   * - `replaces`: the one that takes the place of that other one, whatever its options.
   *
   * Otherwise every call makes another.
   */
  readonly once?: 'project' | 'options' | { readonly replaces: string };
  /** Asked before a new one is started, and not where one that lives is gone on with. Needed where it costs money. */
  readonly admit?: Admit;
  /** Told its id when it is on record and before anything is made; not of one that lived already. */
  readonly onRecord?: (id: string) => void;
  /** Called where one that lives, or was let in before, is gone on with: nobody is asked then. */
  readonly onFound?: () => void;
}

/** A request whose back end, folder and options are known to be right. */
type Checked = Pick<SandboxRequest, 'name' | 'admit' | 'onRecord' | 'onFound'> & {
  readonly backend: Backend;
  readonly projectDir: string;
  readonly options?: JsonObject;
};

export interface CreationOptions {
  readonly registry: BackendRegistry;
  readonly book: RecordBook;
  readonly starts: Starts;
  readonly views: Views;
  readonly follower: Follower;
  readonly clock: Clock;
}

export class Creation {
  readonly #parts: CreationOptions;

  constructor(parts: CreationOptions) {
    this.#parts = parts;
  }

  /** See `Sandboxes.create`. */
  async create(request: SandboxRequest, wait: SandboxWait): Promise<SandboxView> {
    const { registry, book } = this.#parts;
    const backend = await registry.load(request.backend);
    const options = await checkForBackend(registry, backend.id, request.options, request.names);
    const projectDir = await realProjectDir(request.projectDir);
    await book.forgetOld();
    const checked = { ...request, backend, projectDir, options };
    const once = backend.id === 'local' ? 'project' : request.once;
    if (once === undefined) return this.#another(checked, wait);
    const { name } = request;
    const living = once === 'project' ? await book.living(backend.id, projectDir, name) : undefined;
    const key = once === 'options' ? options : once === 'project' ? undefined : { ...once };
    const id = living ?? projectSandboxId(backend.id, projectDir, name, key);
    const view = await this.#once(id, checked, wait);
    const ignoredOptions = Object.keys(request.options ?? {}).filter(
      (option) => JSON.stringify(view.options[option]) !== JSON.stringify(options[option]),
    );
    return ignoredOptions.length === 0 ? view : { ...view, ignoredOptions };
  }

  /** See `Sandboxes.ensureLocal`. */
  async ensureLocal(projectDir: string, wait: SandboxWait): Promise<SandboxView> {
    const realDir = await realProjectDir(projectDir);
    const id = projectSandboxId('local', realDir, undefined);
    const backend = await this.#parts.registry.load('local');
    return this.#once(id, { backend, projectDir: realDir }, wait);
  }

  async #another(request: Checked & { readonly options: JsonObject }, wait: SandboxWait) {
    const { book, starts, follower } = this.#parts;
    const { backend, projectDir, name, options, admit, onRecord } = request;
    const id = newSandboxId(backend.id, name ?? path.basename(projectDir));
    const admission = await admitted(admit, backend, id, projectDir, options);
    try {
      const record = book.newRecord(backend, { id, projectDir, name, options });
      const created = await book.create(record);
      await admission?.attach();
      onRecord?.(id);
      return follower.follow(id, wait, starts.begin(backend, created), true);
    } catch (error) {
      if ((await book.find(id).catch(() => undefined)) === undefined) await admission?.release();
      throw error;
    }
  }

  /** Goes on with the one of that id, and starts it where it does not live. Never makes a second. */
  async #once(plainId: string, request: Checked, wait: SandboxWait): Promise<SandboxView> {
    const { book, starts, views, follower, clock } = this.#parts;
    const { backend, projectDir, name, options, admit, onRecord, onFound } = request;
    let admission: Admission | undefined;
    try {
      for (;;) {
        throwIfAborted(wait.signal);
        const { id, record } = await book.ofThisHost(backend, plainId);
        const isNew = record === undefined;
        if (!isNew && !isAbandoned(record, starts)) {
          const view = await views.look(record, wait.signal);
          if (view.status.state !== 'ended') {
            await admission?.release();
            onFound?.();
            return isOnItsWay(view) ? follower.follow(id, wait, undefined, true) : view;
          }
        }
        if (isNew || !isCarriedOn(record, starts, options))
          admission ??= await admitted(admit, backend, id, projectDir, options ?? {});
        else onFound?.();
        const claimed = isNew
          ? await book.createOrNothing(book.newRecord(backend, { id, projectDir, name, options }))
          : await book.claim((await book.find(id)) ?? record, options);
        if (claimed !== undefined) {
          await admission?.attach();
          onRecord?.(id);
          // Not awaited here: whatever becomes of it now is no reason to take the leave back.
          return follower.follow(id, wait, starts.begin(backend, claimed), true);
        }
        await sleep(clock, 20, wait.signal);
      }
    } catch (error) {
      await admission?.release();
      throw error;
    }
  }
}
