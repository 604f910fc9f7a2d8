/** What lies in lists and objects of a `SandboxConfig`, made by `npm run gen`. Do not edit. */

export interface RepoConfig {
  /** https or ssh address, or owner/name at GitHub. */
  readonly url: string;
  /** Branch, tag or commit. Default: HEAD. */
  readonly ref?: string | undefined;
  /** Where it goes, below the workspace. */
  readonly path?: string | undefined;
  /** Command run in it afterwards, e.g. ["pip","install","-e","."]. */
  readonly install?: readonly string[] | undefined;
  /** How long that may take. Default: 600. */
  readonly installTimeoutSeconds?: number | undefined;
}

export interface FileConfig {
  /** File or folder on this machine, below the project. */
  readonly from: string;
  /** Where it goes, below the workspace. */
  readonly to: string;
  /** What to leave out of a folder, as in .gitignore, beside what git ignores. */
  readonly ignore?: readonly string[] | undefined;
}

export interface SecretConfig {
  /** Variable of your environment that holds the value. */
  readonly env: string;
  /** Its name inside. Default: the same. */
  readonly as?: string | undefined;
  readonly scope?: readonly ('build' | 'download' | 'setup' | 'kernel')[] | undefined;
}

export interface AdapterPeftConfig {
  readonly kind: 'adapter';
  readonly base: string;
  readonly baseRevision?: string | undefined;
}

export interface EmptyPeftConfig {
  readonly kind: 'empty';
  readonly adapterName?: string | undefined;
}

export interface ExtraAdapterConfig {
  readonly id: string;
  readonly revision?: string | undefined;
  readonly name: string;
}

export interface ModelConfig {
  /** Variable of the kernel. Default: model. */
  readonly varName?: string | undefined;
  /** Default: tokenizer, or NAME_tokenizer. */
  readonly tokenizerVar?: string | undefined;
  /** Picks the class. Default: from the config file. */
  readonly task?: 'auto' | 'causal-lm' | 'seq2seq' | 'image-text' | 'encoder' | undefined;
  readonly dtype?: 'auto' | 'float32' | 'float16' | 'bfloat16' | undefined;
  readonly deviceMap?: string | undefined;
  readonly quantization?: '8bit' | '4bit' | undefined;
  /** Implementation of attention. */
  readonly attention?: string | undefined;
  /** Load it into the kernel. Default: true. */
  readonly preload?: boolean | undefined;
  readonly paddingSide?: 'left' | 'right' | undefined;
  /** Repository at the Hub. */
  readonly id?: string | undefined;
  /** Where the id stands, as env:NAME or file:path, so that nobody reads it here. */
  readonly idRef?: string | undefined;
  /** Branch, tag or commit. Default: main. */
  readonly revision?: string | undefined;
  /** Nothing in the sandbox says which model it is. */
  readonly hidden?: boolean | undefined;
  /** The id is an adapter on this base; or wrap the model in an untrained adapter. */
  readonly peft?: AdapterPeftConfig | EmptyPeftConfig | undefined;
  /** Further adapters on the same base. */
  readonly extraAdapters?: readonly ExtraAdapterConfig[] | undefined;
  /** Needs a commit as revision. */
  readonly trustRemoteCode?: boolean | undefined;
  /** Patterns of files to fetch. Default: safetensors, configs, tokenizer. */
  readonly files?: readonly string[] | undefined;
}

export interface VolumeConfig {
  readonly type: 'model' | 'dataset' | 'space' | 'bucket';
  readonly source: string;
  readonly mount: string;
  readonly revision?: string | undefined;
  readonly readOnly?: boolean | undefined;
}

export interface ProviderOptionConfig {
  /** Resource group of the organisation that the Job belongs to. */
  readonly resourceGroupId?: string | undefined;
}

export interface ModalSecretConfig {
  /** Variable of your environment that holds the value. */
  readonly env?: string | undefined;
  /** Name of a secret that is stored at Modal, instead of env. */
  readonly provider?: string | undefined;
  /** The variables in that secret. */
  readonly keys?: readonly string[] | undefined;
  /** Its name inside. Default: the same. */
  readonly as?: string | undefined;
  readonly scope?: readonly ('build' | 'download' | 'setup' | 'kernel')[] | undefined;
}

export interface ModalRepoConfig {
  /** https or ssh address, or owner/name at GitHub. */
  readonly url: string;
  /** Branch, tag or commit. Default: HEAD. */
  readonly ref?: string | undefined;
  /** Where it goes, below the workspace. */
  readonly path?: string | undefined;
  /** Command run in it afterwards, e.g. ["pip","install","-e","."]. */
  readonly install?: readonly string[] | undefined;
  /** How long that may take. Default: 600. */
  readonly installTimeoutSeconds?: number | undefined;
  /** With docker: a file of the repository, of which an image is built and a container started, named after the repository. */
  readonly dockerfile?: string | undefined;
}

export interface ModalVolumeConfig {
  readonly name: string;
  readonly mount: string;
  readonly readOnly?: boolean | undefined;
  readonly subPath?: string | undefined;
}

export interface NetworkConfig {
  readonly domains?: readonly string[] | undefined;
  readonly cidrs?: readonly string[] | undefined;
}

export interface HeaderSecretConfig {
  /** Host whose requests get them. */
  readonly domain: string;
  /** Name of a secret that is stored at Modal. */
  readonly secret: string;
  /** Header and value; $NAME in it is a variable of the secret, $$ a dollar. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ModalProviderOptionConfig {
  /** Modal ends it when nothing was connected for so long: open connections count as use, and a cell that runs without one does not. */
  readonly idleTimeoutSeconds?: number | undefined;
}

export interface LocalModelConfig {
  /** Variable of the kernel. Default: model. */
  readonly varName?: string | undefined;
  /** Default: tokenizer, or NAME_tokenizer. */
  readonly tokenizerVar?: string | undefined;
  /** Picks the class. Default: from the config file. */
  readonly task?: 'auto' | 'causal-lm' | 'seq2seq' | 'image-text' | 'encoder' | undefined;
  readonly dtype?: 'auto' | 'float32' | 'float16' | 'bfloat16' | undefined;
  readonly deviceMap?: string | undefined;
  readonly quantization?: '8bit' | '4bit' | undefined;
  /** Implementation of attention. */
  readonly attention?: string | undefined;
  /** Load it into the kernel. Default: true. */
  readonly preload?: boolean | undefined;
  readonly paddingSide?: 'left' | 'right' | undefined;
  /** A folder with weights, beginning with /, ./ or ~/ (relative ones count from the project), or a repository of the Hub, whose weights are fetched once. */
  readonly id?: string | undefined;
  /** Where the id stands, as env:NAME or file:path, so that nobody reads it here. */
  readonly idRef?: string | undefined;
  /** Branch, tag or commit. Default: main. */
  readonly revision?: string | undefined;
  /** Nothing in the sandbox says which model it is. */
  readonly hidden?: boolean | undefined;
  /** The id is an adapter on this base; or wrap the model in an untrained adapter. */
  readonly peft?: AdapterPeftConfig | EmptyPeftConfig | undefined;
  /** Further adapters on the same base. */
  readonly extraAdapters?: readonly ExtraAdapterConfig[] | undefined;
  /** Needs a commit as revision. */
  readonly trustRemoteCode?: boolean | undefined;
  /** Patterns of files to fetch. Default: safetensors, configs, tokenizer. */
  readonly files?: readonly string[] | undefined;
}
