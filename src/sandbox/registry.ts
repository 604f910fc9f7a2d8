/** Holds the back ends that are built in, each loaded when it is first asked for. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { BACKEND_IDS, type Backend, type BackendId } from './backend.ts';

export type BackendLoader = () => Promise<Backend>;

export class BackendRegistry {
  readonly #loaders: ReadonlyMap<string, BackendLoader>;
  readonly #loaded = new Map<string, Promise<Backend>>();

  constructor(loaders: Readonly<Partial<Record<BackendId, BackendLoader>>>) {
    this.#loaders = new Map(Object.entries(loaders));
  }

  ids(): readonly BackendId[] {
    return [...this.#loaders.keys()].filter(isBackendId);
  }

  /** The same object every time. A loader that failed is tried again. @throws `backend/unknown`, `backend/unavailable`. */
  load(id: string): Promise<Backend> {
    const known = this.#loaded.get(id);
    if (known !== undefined) return known;
    const loader = this.#loaders.get(id);
    if (loader === undefined) return Promise.reject(unknownBackend(id, this.ids()));
    const loading = loader();
    this.#loaded.set(id, loading);
    loading.catch(() => this.#loaded.delete(id));
    return loading;
  }

  /** Lets those that are loaded let go of what this process holds. */
  close(): void {
    for (const loading of this.#loaded.values())
      loading.then(
        (backend) => backend.close?.(),
        () => undefined,
      );
  }
}

function unknownBackend(id: string, known: readonly string[]): GloveboxError {
  return new GloveboxError(
    'backend/unknown',
    `There is no back end "${id}".${didYouMean(id, known)}`,
    {
      hint: `Back ends: ${known.join(', ')}.`,
    },
  );
}

function isBackendId(id: string): id is BackendId {
  return BACKEND_IDS.some((known) => known === id);
}
