/** The only file that calls the Modal SDK. Loaded on first use; a new SDK version means to look through this one file. */
import type { App, Image, ModalClient, Sandbox, Volume } from 'modal';
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { CallContexts, type CallContext } from './call-contexts.ts';
import { isNotFound, translate } from './translate.ts';

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

export interface ImageSpec {
  /** A name in a public registry; ignored with `snapshotId`. */
  readonly base: string;
  /** A snapshot to build on instead. */
  readonly snapshotId?: string | undefined;
  /** Each inner list is one layer of Dockerfile commands, stable ones first. */
  readonly layers: readonly (readonly string[])[];
  /** Variables that are visible while the last layers are built, and nowhere else. */
  readonly buildSecrets?: Readonly<Record<string, string>>;
}

export interface VolumeMount {
  readonly name: string;
  readonly mount: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
}

/** What a sandbox is created with. Units as the SDK has them. */
export interface SandboxSpec {
  readonly name: string;
  readonly command: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gpu?: string | undefined;
  readonly cpu?: number | undefined;
  readonly cpuLimit?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly memoryLimitMiB?: number | undefined;
  readonly region?: string | undefined;
  readonly cloud?: string | undefined;
  /** Readable in Modal's dashboard. */
  readonly env?: Readonly<Record<string, string>>;
  /** Stored as secrets. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Secrets that exist at Modal, by name. */
  readonly namedSecrets?: readonly { readonly name: string; readonly keys: readonly string[] }[];
  readonly volumes: readonly VolumeMount[];
  readonly ports: readonly number[];
  readonly network?: {
    readonly block?: boolean;
    readonly domains?: readonly string[];
    readonly cidrs?: readonly string[];
    readonly inboundCidrs?: readonly string[];
  };
  readonly experimental?: Readonly<Record<string, boolean>>;
}

/** A running sandbox as a list tells it. */
export interface Listed {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

export class ModalSdk {
  readonly #client: ModalClient;
  readonly #settings: SdkSettings;
  readonly #contexts: CallContexts;
  /** Made by this process: they know what the log of one that has ended is asked by. */
  readonly #made = new Map<string, Sandbox>();
  #app: Promise<App> | undefined;

  private constructor(client: ModalClient, settings: SdkSettings, contexts: CallContexts) {
    this.#client = client;
    this.#settings = settings;
    this.#contexts = contexts;
  }

  /** Reads the user's credentials; asks nothing. @throws `remote/auth-required`, `backend/unavailable`. */
  static async load(settings: SdkSettings): Promise<ModalSdk> {
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
      return new ModalSdk(client, settings, contexts);
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      throw new GloveboxError(
        'backend/unavailable',
        `The Modal SDK ${SDK_VERSION} cannot be used: ${String(error)}`,
        { hint: 'glovebox doctor checks the installation.', cause: error },
      );
    }
  }

  /** A secret that every machine with the same credentials has; undefined with a login that has none. */
  get tokenSecret(): string | undefined {
    return this.#client.profile.tokenSecret;
  }

  /** Tells people of one workspace apart. */
  get identity(): string {
    const { tokenId, oauthClientId } = this.#client.profile;
    return tokenId ?? oauthClientId ?? '';
  }

  /** The workspace that pays, asked once. @throws trouble on the way. */
  async account(signal: AbortSignal): Promise<string | undefined> {
    const { username, workspaceName } = await this.#call({ signal }, () =>
      this.#client.cpClient.workspaceNameLookup({}),
    );
    return [username, workspaceName].find((name) => name !== '');
  }

  /** Builds what is not cached. `onLog` gets the builder's own lines. @throws `sandbox/image-failed` with the end of the log. */
  async buildImage(
    spec: ImageSpec,
    signal: AbortSignal,
    onLog: (line: string) => void,
  ): Promise<Image> {
    const tail: string[] = [];
    const keep = (line: string): void => {
      tail.push(line);
      if (tail.length > 40) tail.shift();
      onLog(line);
    };
    return this.#call({ signal, onBuildLog: keep }, async () => {
      const { images, secrets } = this.#client;
      const app = await this.#appOf();
      let image =
        spec.snapshotId === undefined
          ? images.fromRegistry(spec.base)
          : await images.fromId(spec.snapshotId);
      const extra =
        spec.buildSecrets === undefined
          ? {}
          : { secrets: [await secrets.fromObject({ ...spec.buildSecrets })] };
      for (const layer of spec.layers) image = image.dockerfileCommands([...layer], extra);
      return image.build(app).catch((error: unknown) => {
        // Of a failed build the SDK throws a plain error; everything else is trouble on the way.
        if (!(error instanceof Error) || !error.message.startsWith('Image build for ')) throw error;
        throw new GloveboxError(
          'sandbox/image-failed',
          [`The image could not be built: ${error.message}`, ...tail].join('\n'),
          { hint: 'Correct the packages or commands of the sandbox; nothing was rented.' },
        );
      });
    });
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
    return this.#call({ onCreated }, async () => {
      const app = await this.#appOf();
      const { network = {} } = spec;
      const secrets = await this.#secretsOf(spec);
      const volumes = Object.fromEntries(
        await Promise.all(
          spec.volumes.map(async (mount) => [mount.mount, await this.#volume(mount)] as const),
        ),
      );
      const sandbox = await this.#client.sandboxes.create(app, image, {
        name: spec.name,
        command: [...spec.command],
        tags: { ...spec.tags },
        timeoutMs: spec.timeoutMs,
        encryptedPorts: [...spec.ports],
        volumes,
        secrets,
        env: { ...spec.env },
        ...defined({
          gpu: spec.gpu,
          cpu: spec.cpu,
          cpuLimit: spec.cpuLimit,
          memoryMiB: spec.memoryMiB,
          memoryLimitMiB: spec.memoryLimitMiB,
          cloud: spec.cloud,
          blockNetwork: network.block,
          regions: spec.region === undefined ? undefined : [spec.region],
          outboundDomainAllowlist: copy(network.domains),
          outboundCidrAllowlist: copy(network.cidrs),
          inboundCidrAllowlist: copy(network.inboundCidrs),
          experimentalOptions: spec.experimental,
        }),
      });
      sandbox.detach();
      this.#made.set(sandbox.sandboxId, sandbox);
      return sandbox.sandboxId;
    });
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
    return this.#call({ signal }, async () => {
      const { appId } = await this.#appOf();
      const found: Listed[] = [];
      // `list` leaves out one generation when the other is switched off; this one never does.
      const listing = this.#client.sandboxes.experimentalList({ appId, tags: { ...tags } });
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

  /** Runs a command and resolves with all its output when it has ended. `stdin` is written first. */
  async exec(
    modalId: string,
    argv: readonly string[],
    { stdin, timeoutMs, signal }: { stdin?: Uint8Array; timeoutMs: number; signal: AbortSignal },
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    return this.#with(modalId, signal, async (sandbox) => {
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
    const image = await this.#with(modalId, signal, (sandbox) =>
      sandbox.snapshotFilesystem({ ttlMs, timeoutMs }),
    );
    return image.imageId;
  }

  /** @throws `remote/not-found` naming one that does not exist. */
  async checkSecret(name: string, keys: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#call({ signal }, () => this.#namedSecret(name, keys));
  }

  async #secretsOf({ secrets, namedSecrets = [] }: SandboxSpec) {
    const own =
      secrets === undefined ? [] : [await this.#client.secrets.fromObject({ ...secrets })];
    const named = await Promise.all(
      namedSecrets.map(({ name, keys }) => this.#namedSecret(name, keys)),
    );
    return [...own, ...named];
  }

  async #namedSecret(name: string, keys: readonly string[]) {
    return this.#client.secrets
      .fromName(name, { requiredKeys: [...keys] })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
        throw new GloveboxError(
          'remote/not-found',
          `There is no secret "${name}" with ${keys.join(', ') || 'these keys'} at Modal.`,
          { hint: `Make it in the Modal dashboard or with "modal secret create ${name}".` },
        );
      });
  }

  async #volume({ name, readOnly, subPath }: VolumeMount): Promise<Volume> {
    const volume = await this.#client.volumes.fromName(name, { createIfMissing: true, version: 2 });
    return volume.withMountOptions(defined({ readOnly, subPath }));
  }

  #appOf(): Promise<App> {
    const { appName } = this.#settings;
    this.#app ??= this.#client.apps.fromName(appName, { createIfMissing: true });
    this.#app.catch(() => {
      this.#app = undefined;
    });
    return this.#app;
  }

  #with<T>(
    modalId: string,
    signal: AbortSignal,
    work: (sandbox: Sandbox) => Promise<T>,
  ): Promise<T> {
    return this.#call({ signal }, async () => {
      const sandbox = await this.#client.sandboxes.fromId(modalId);
      try {
        return await work(sandbox);
      } finally {
        // Else its connection keeps this process alive.
        sandbox.detach();
      }
    });
  }

  async #call<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
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

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined: to the SDK, a key that is there means something. */
function defined<T extends object>(values: T): Defined<T> {
  const result: Defined<T> = {};
  Object.assign(
    result,
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
  );
  return result;
}

const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const copy = (list: readonly string[] | undefined): string[] | undefined =>
  list === undefined ? undefined : [...list];
