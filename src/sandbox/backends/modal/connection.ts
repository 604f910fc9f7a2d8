/** The way to Modal, made on first use, and what every operation of the back end needs beside it. */
import type { Clock } from '#platform/clock.ts';
import type { Provider } from '#sandbox/rented/provider.ts';
import { modalProvider } from './provider.ts';
import { ModalSdk } from './sdk.ts';
import type { ModalContext, ModalSettings } from './settings.ts';

export class Connection {
  readonly modal: ModalContext;
  readonly provider: Provider;
  #sdk: Promise<ModalSdk> | undefined;

  constructor(modal: ModalContext) {
    this.modal = modal;
    this.provider = modalProvider(this);
  }

  get clock(): Clock {
    return this.modal.clock;
  }

  settings(): ModalSettings {
    return this.modal.settings();
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
