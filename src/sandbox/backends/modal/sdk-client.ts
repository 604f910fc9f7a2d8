/** The client of the Modal SDK: loaded on first use, one app for all, and every call translated and cut off the same way. */
import type { App, ModalClient } from 'modal';
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { CallContexts, type CallContext } from './call-contexts.ts';
import { translate } from './translate.ts';

/** Later versions are deliberate commits: what the fake answers was read from this one. */
export const SDK_VERSION = '0.11.1';

export interface SdkSettings {
  /** Name of the app that all sandboxes belong to. */
  readonly appName: string;
  /** Modal environment; absent: that of the profile. */
  readonly environment?: string | undefined;
  /** Absent: what the SDK finds by itself. */
  readonly token?: { readonly id: string; readonly secret: string } | undefined;
  readonly onWarning: (message: string) => void;
}

export class SdkClient {
  /** The SDK itself; used within `call` only. */
  readonly raw: ModalClient;
  readonly #settings: SdkSettings;
  readonly #contexts: CallContexts;
  #app: Promise<App> | undefined;

  private constructor(raw: ModalClient, settings: SdkSettings, contexts: CallContexts) {
    this.raw = raw;
    this.#settings = settings;
    this.#contexts = contexts;
  }

  /** Reads the user's credentials; asks nothing. @throws `remote/auth-required`, `backend/unavailable`. */
  static async load(settings: SdkSettings): Promise<SdkClient> {
    const modal = await import('modal');
    const contexts = new CallContexts();
    const { onWarning, environment, token } = settings;
    const text = (message: string): void => onWarning(`Modal: ${message}`);
    try {
      const client = new modal.ModalClient({
        ...(environment !== undefined && { environment }),
        ...(token !== undefined && { tokenId: token.id, tokenSecret: token.secret }),
        grpcMiddleware: [contexts.middleware()],
        // Its own logger prints on standard error, which belongs to the host.
        logger: { debug: () => undefined, info: () => undefined, warn: text, error: text },
      });
      if (client.version() !== SDK_VERSION) throw new Error(`version ${client.version()}`);
      const { tokenId, tokenSecret, oauthRefreshToken } = client.profile;
      if ((tokenId === undefined || tokenSecret === undefined) && oauthRefreshToken === undefined)
        throw authMissing();
      return new SdkClient(client, settings, contexts);
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      throw new GloveboxError(
        'backend/unavailable',
        `The Modal SDK ${SDK_VERSION} cannot be used: ${String(error)}`,
        { hint: 'glovebox doctor checks the installation.', cause: error },
      );
    }
  }

  /** The app that all sandboxes belong to. */
  app(): Promise<App> {
    const { appName } = this.#settings;
    this.#app ??= this.raw.apps.fromName(appName, { createIfMissing: true });
    this.#app.catch(() => {
      this.#app = undefined;
    });
    return this.#app;
  }

  /** Does `work` with the SDK. @throws what it fails with, translated; `cancelled` as soon as the signal of the context fires. */
  async call<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    throwIfAborted(context.signal);
    try {
      return await abandonOn(this.#contexts.run(context, work), context.signal);
    } catch (error) {
      throw translate(error, context.signal);
    }
  }
}

function authMissing(): GloveboxError {
  return new GloveboxError('remote/auth-required', 'There are no Modal credentials.', {
    hint: 'Run "modal token new" (from pip install modal), or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET as the Modal dashboard shows them.',
  });
}
