/** What the Modal SDK is asked for, in our words; units as the SDK has them. */

export interface ImageSpec {
  /** A name in a public registry; ignored with `snapshotId`. */
  readonly base: string;
  /** A snapshot to build on instead. */
  readonly snapshotId?: string | undefined;
  /** Stable ones first. */
  readonly layers: readonly ImageLayer[];
  /** Variables that are visible while the last layers are built, and nowhere else. */
  readonly buildSecrets?: Readonly<Record<string, string>>;
}

export interface ImageLayer {
  /** Of a Dockerfile. */
  readonly commands: readonly string[];
  /** Variables that are visible while this layer is built, and nowhere else. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface VolumeMount {
  readonly name: string;
  readonly mount: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
}

export interface HeaderSecret {
  /** `api.example.com`, `*.example.com`. */
  readonly domain: string;
  /** Name of a secret that is stored at Modal. */
  readonly secret: string;
  /** Values are templates: `$NAME` is a variable of the secret, `$$` a dollar. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a sandbox is created with. Units as the SDK has them. */
export interface SandboxSpec {
  readonly name: string;
  readonly command: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Modal's own idea of idleness, which knows nothing of kernels. */
  readonly idleTimeoutS?: number | undefined;
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
  /** Put into requests on their way out, by Modal: nothing inside sees the values. */
  readonly headerSecrets?: readonly HeaderSecret[];
  readonly experimental?: Readonly<Record<string, boolean>>;
}

/** A running sandbox as a list tells it. */
export interface Listed {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}
