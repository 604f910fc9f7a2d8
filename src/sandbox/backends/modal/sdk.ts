/** What the back end asks of Modal. Only the files `sdk*.ts` call the SDK: a new version of it means to look through these. */
import type { Image, Sandbox } from 'modal';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { SdkClient, type SdkSettings } from './sdk-client.ts';
import { createSandbox, namedSecret } from './sdk-create.ts';
import { buildImage } from './sdk-image.ts';
import type { ImageSpec, Listed, SandboxSpec } from './sdk-specs.ts';
import { isNotFound } from './translate.ts';

export class ModalSdk {
  readonly #client: SdkClient;
  /** Made by this process: they know what the log of one that has ended is asked by. */
  readonly #made = new Map<string, Sandbox>();

  private constructor(client: SdkClient) {
    this.#client = client;
  }

  /** Reads the user's credentials; asks nothing. @throws `remote/auth-required`, `backend/unavailable`. */
  static async load(settings: SdkSettings): Promise<ModalSdk> {
    return new ModalSdk(await SdkClient.load(settings));
  }

  /** A secret that every machine with the same credentials has; undefined with a login that has none. */
  get tokenSecret(): string | undefined {
    return this.#client.raw.profile.tokenSecret;
  }

  /** Tells people of one workspace apart. */
  get identity(): string {
    const { tokenId, oauthClientId } = this.#client.raw.profile;
    return tokenId ?? oauthClientId ?? '';
  }

  /** The workspace that pays, asked once. @throws trouble on the way. */
  async account(signal: AbortSignal): Promise<string | undefined> {
    const { username, workspaceName } = await this.#client.call({ signal }, () =>
      this.#client.raw.cpClient.workspaceNameLookup({}),
    );
    return [username, workspaceName].find((name) => name !== '');
  }

  /** Builds what is not cached. `onLog` gets the builder's own lines. @throws `sandbox/image-failed` with the end of the log. */
  buildImage(spec: ImageSpec, signal: AbortSignal, onLog: (line: string) => void): Promise<Image> {
    return buildImage(this.#client, spec, signal, onLog);
  }

  /**
   * Creates a sandbox and resolves when it has a machine; with a GPU that may take minutes. `onCreated` is told its id as soon as
   * Modal knows it, which is long before. It is not ended when the signal fires: that is the caller's task.
   *
   * @throws `sandbox/name-taken`, `sandbox/no-capacity`, or trouble on the way, after which it may exist all the same.
   */
  async create(
    image: Image,
    spec: SandboxSpec,
    onCreated: (modalId: string) => void,
  ): Promise<string> {
    const sandbox = await createSandbox(this.#client, image, spec, onCreated);
    this.#made.set(sandbox.sandboxId, sandbox);
    return sandbox.sandboxId;
  }

  /** The exit code of a sandbox that has ended, `running`, or `unknown-id` when the service does not know it. */
  async poll(modalId: string, signal: AbortSignal): Promise<number | 'running' | 'unknown-id'> {
    try {
      const code = await this.#with(modalId, signal, (sandbox) => sandbox.poll());
      return code ?? 'running';
    } catch (error) {
      if (isNotFound(error)) return 'unknown-id';
      throw error;
    }
  }

  /** Asks for its end; does not wait for it. Of one that has ended, or is not known, it resolves too. */
  async terminate(modalId: string, signal: AbortSignal): Promise<void> {
    await this.#with(modalId, signal, (sandbox) => sandbox.terminate()).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  /** Running sandboxes of the app that carry all these tags, of both generations. */
  async list(tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Listed[]> {
    return this.#client.call({ signal }, async () => {
      const { appId } = await this.#client.app();
      const found: Listed[] = [];
      // `list` leaves out one generation when the other is switched off; this one never does.
      const listing = this.#client.raw.sandboxes.experimentalList({ appId, tags: { ...tags } });
      for await (const sandbox of listing) {
        // Without its tags, one that ends in this moment is nobody's.
        const own = await sandbox.getTags().catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        });
        if (own !== undefined) found.push({ id: sandbox.sandboxId, tags: own });
      }
      return found;
    });
  }

  /** The public https address of a port of it. @throws `server/unreachable` while there is none. */
  async tunnelUrl(modalId: string, port: number, signal: AbortSignal): Promise<string> {
    const tunnels = await this.#with(modalId, signal, (sandbox) => sandbox.tunnels());
    const url = tunnels[port]?.url;
    if (url !== undefined) return url.endsWith('/') ? url : `${url}/`;
    throw new GloveboxError('server/unreachable', `Modal tells no address for port ${port}.`);
  }

  /** The https address of a port behind Modal's gate, and a new token that opens it, which is a secret. */
  async connectToken(
    modalId: string,
    port: number,
    signal: AbortSignal,
  ): Promise<{ readonly url: string; readonly token: string }> {
    const { url, token } = await this.#with(modalId, signal, (sandbox) =>
      sandbox.createConnectToken({ port }),
    );
    return { url: url.endsWith('/') ? url : `${url}/`, token };
  }

  /** What its main process wrote, as far as the service has it, at most `entries` pieces. */
  async log(modalId: string, entries: number, signal: AbortSignal): Promise<string> {
    return this.#with(modalId, signal, async (sandbox) => {
      const { logs } = this.#made.get(modalId) ?? sandbox;
      let text = '';
      for await (const { message } of logs.tail({ entries })) text += message;
      return text;
    });
  }

  /** What its main process writes, live, until it ends. */
  async follow(
    modalId: string,
    signal: AbortSignal,
    onText: (text: string) => void,
  ): Promise<void> {
    await this.#with(modalId, signal, async (sandbox) => {
      const reader = sandbox.stdout.getReader();
      const stop = (): void => void reader.cancel().catch(() => undefined);
      signal.addEventListener('abort', stop, { once: true });
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          onText(value);
        }
      } finally {
        signal.removeEventListener('abort', stop);
      }
    });
  }

  /** Runs a command and resolves with all its output when it has ended. `stdin` is written first. @throws `sandbox/ended`. */
  async exec(
    modalId: string,
    argv: readonly string[],
    { stdin, timeoutMs, signal }: { stdin?: Uint8Array; timeoutMs: number; signal: AbortSignal },
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    return this.#inside(modalId, signal, async (sandbox) => {
      const child = await sandbox.exec([...argv], { mode: 'binary', timeoutMs });
      if (stdin !== undefined) await child.stdin.writeBytes(stdin);
      await child.closeStdin();
      const [stdout, stderr, code] = await Promise.all([
        child.stdout.readBytes(),
        child.stderr.readBytes(),
        child.wait(),
      ]);
      return { code, stdout: toText(stdout), stderr: toText(stderr) };
    });
  }

  /** Keeps its file system as an image, without volumes and without memory. `ttlMs` null keeps it until it is deleted. */
  async snapshot(
    modalId: string,
    { ttlMs, timeoutMs, signal }: { ttlMs: number | null; timeoutMs: number; signal: AbortSignal },
  ): Promise<string> {
    const image = await this.#inside(modalId, signal, (sandbox) =>
      sandbox.snapshotFilesystem({ ttlMs, timeoutMs }),
    );
    return image.imageId;
  }

  /** @throws `remote/not-found` naming one that does not exist. */
  async checkSecret(name: string, keys: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#client.call({ signal }, () => namedSecret(this.#client, name, keys));
  }

  /**
   * For what is asked of the machine itself. Which code comes for a dead one is not documented, so after a failure Modal is asked
   * whether it lives.
   *
   * @throws `sandbox/ended`.
   */
  async #inside<T>(
    modalId: string,
    signal: AbortSignal,
    work: (sandbox: Sandbox) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#with(modalId, signal, work);
    } catch (error) {
      const found = await this.poll(modalId, signal).catch(() => 'running');
      if (found === 'running') throw error;
      throw new GloveboxError(
        'sandbox/ended',
        `Modal sandbox ${modalId} has ended. ${messageOf(error)}`,
        {
          cause: error,
          hint: 'sandbox_create starts another one; notebooks are kept in the project.',
        },
      );
    }
  }

  #with<T>(
    modalId: string,
    signal: AbortSignal,
    work: (sandbox: Sandbox) => Promise<T>,
  ): Promise<T> {
    return this.#client.call({ signal }, async () => {
      const sandbox = await this.#client.raw.sandboxes.fromId(modalId);
      try {
        return await work(sandbox);
      } finally {
        // Else its connection keeps this process alive.
        sandbox.detach();
      }
    });
  }
}

const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
