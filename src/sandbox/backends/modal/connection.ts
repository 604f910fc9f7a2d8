/** The way to Modal, made on first use, and what every operation of the back end needs beside it. */
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import { ModalStore } from './record.ts';
import { ModalSdk } from './sdk.ts';
import type { ModalContext, ModalSettings } from './settings.ts';

export class Connection {
  readonly modal: ModalContext;
  #sdk: Promise<ModalSdk> | undefined;

  constructor(modal: ModalContext) {
    this.modal = modal;
  }

  get clock(): Clock {
    return this.modal.clock;
  }

  settings(): ModalSettings {
    return this.modal.settings();
  }

  store(id: string): ModalStore {
    return new ModalStore(this.settings().dir, id, this.clock);
  }

  /** @throws `remote/auth-required`, `backend/unavailable`; the next call tries again. */
  sdk(): Promise<ModalSdk> {
    if (this.#sdk !== undefined) return this.#sdk;
    const { appName, environment, token } = this.settings();
    const loading = ModalSdk.load({
      appName,
      environment,
      token,
      onWarning: (message) => this.modal.log.warn(message),
    });
    this.#sdk = loading;
    loading.catch(() => {
      this.#sdk = undefined;
    });
    return loading;
  }
}

/**
 * Gives `work` a signal that also fires after `limitMs`.
 *
 * @throws `timeout` when the limit was what ended it.
 */
export async function withLimit<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) stop.abort();
  const cancelTimer = clock.after(limitMs, () => stop.abort());
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || signal.aborted) throw error;
    throw new GloveboxError('timeout', `Modal did not answer within ${limitMs / 1000} s.`, {
      cause: error,
    });
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
  }
}

export const NEVER: AbortSignal = new AbortController().signal;
