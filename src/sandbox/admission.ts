/** The leave to start a sandbox: asked for once it is certain that a new one will be started, and before anything is made. */
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Backend, BackendId } from './backend.ts';

/** What is about to be started. */
export interface PlannedStart {
  readonly backend: Backend;
  /** The id that it will have. */
  readonly id: string;
  /** A real path. */
  readonly projectDir: string;
  /** Checked, with everything filled in. */
  readonly options: JsonObject;
}

/** Given once for one start. Neither method rejects, and both may be called again. */
export interface Admission {
  /** It is on record and will be started. */
  attach(): Promise<void>;
  /** It is not started after all. */
  release(): Promise<void>;
}

/** @throws whatever keeps it from being started; nothing is made then. */
export type Admit = (start: PlannedStart) => Promise<Admission>;

/** Back ends that cost money: without leave nothing is started there. */
export const PAID_BACKENDS: ReadonlySet<BackendId> = new Set(['modal', 'huggingface']);

/** Nothing starts on a paid back end without leave, whoever forgot to ask for it. */
export async function admitted(
  admit: Admit | undefined,
  backend: Backend,
  id: string,
  projectDir: string,
  options: JsonObject,
): Promise<Admission | undefined> {
  if (admit !== undefined) return admit({ backend, id, projectDir, options });
  if (!PAID_BACKENDS.has(backend.id)) return undefined;
  throw new GloveboxError(
    'policy/needs-approval',
    `A sandbox on ${backend.id} costs money, and nobody was asked. Nothing was started.`,
    { hint: 'sandbox_create, or glovebox start in a terminal, asks for it.' },
  );
}
