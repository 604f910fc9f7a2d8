/** What `Sandbox.create` takes, made by `npm run gen` from the options of the back ends. Do not edit. */
import type {
  RepoConfig,
  FileConfig,
  SecretConfig,
  ModelConfig,
  VolumeConfig,
  ProviderOptionConfig,
  ModalSecretConfig,
  ModalRepoConfig,
  ModalVolumeConfig,
  NetworkConfig,
  HeaderSecretConfig,
  ModalProviderOptionConfig,
  LocalModelConfig,
} from './sandbox-config-parts.ts';

export type BackendName = 'local' | 'slurm' | 'modal' | 'huggingface';

/** What a sandbox is asked for; unknown names are errors. */
export type SandboxConfig = LocalConfig | SlurmConfig | ModalConfig | HuggingfaceConfig;

/** What every back end takes. */
export interface CommonConfig {
  /** A name of your own, unique among the sandboxes that live: letters, digits, dots, underscores, hyphens, at most 63. Default: one is made. */
  readonly name?: string | undefined;
  /** Options from [sandbox.NAME] of a glovebox.toml; those that stand beside it win. */
  readonly profile?: string | undefined;
  /** notebook: everything; shell: commands and files, no notebooks; scoped: agents may call exposed functions and do nothing else. Default: notebook. */
  readonly mode?: 'notebook' | 'shell' | 'scoped' | undefined;
  /** Folder of the workspace whose files are brought into the project when the sandbox is stopped and before its time limit, where the sandbox has a file system of its own. Default: outputs; null is none. */
  readonly outputs?: string | null | undefined;
  /** Own tags, at most 8; lists show them and filter by them, and a provider that knows tags or labels gets them. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** How long the models may take to load into a kernel. Default: 3600. */
  readonly preloadTimeoutSeconds?: number | undefined;
  /** How long a call of an exposed function may take. Default: 600. */
  readonly rpcTimeoutSeconds?: number | undefined;
  /** Port inside, on loopback, of the first interface of exposed functions that is served. Default: any that is free, as for all others. */
  readonly rpcPort?: number | undefined;
}

/** What every back end takes that rents machines. */
export interface RentedConfig extends CommonConfig {
  /** Ports inside that are reached through the server, below glovebox/ports/PORT/ and with its credentials only: [7860] for a demo. Default: none. */
  readonly ports?: readonly number[] | undefined;
  /** Number of GPUs. Default: 1. */
  readonly gpuCount?: number | undefined;
  /** Python requirements. */
  readonly pythonPackages?: readonly string[] | undefined;
  /** Packages of the kernel: a set (minimal, api, torch) or a list. Default auto: torch with a GPU or models, else api; minimal with mode shell. */
  readonly kernelPackages?: 'auto' | 'minimal' | 'api' | 'torch' | readonly string[] | undefined;
  /** A kernel that runs nothing for so long ends, and with the last one the sandbox. Default: 1800. */
  readonly idleTimeoutSeconds?: number | undefined;
  /** Needed for idle_timeout_seconds = 0. */
  readonly allowNoIdleLimit?: boolean | undefined;
  /** Do not start it when it could cost more. */
  readonly maxCostUsd?: number | undefined;
  /** Leave it running when the start fails, to look into it. */
  readonly keepOnError?: boolean | undefined;
}

/** This machine, as your own user: free, at once, without isolation. */
export interface LocalConfig extends CommonConfig {
  /** Default: the one of the settings, else `local`. */
  readonly backend?: 'local';
  /** Python requirements. They go into an environment of their own, from which kernels run; packages of the chosen Python stay visible there, and it is not changed. */
  readonly pythonPackages?: readonly string[] | undefined;
  /** A set of packages (api, torch), or a list, that goes there too, but for what the chosen Python has. Default: auto, which is what that Python has. */
  readonly kernelPackages?: 'auto' | 'minimal' | 'api' | 'torch' | readonly string[] | undefined;
  /** Commands run in the workspace, once, after the packages and the repositories, each a list of words. */
  readonly setupCommands?: readonly (readonly string[])[] | undefined;
  /** Git repositories put into the workspace, e.g. [{"url":"org/lib","ref":"v1.2","install":["pip","install","-e","."]}]. */
  readonly repos?: readonly RepoConfig[] | undefined;
  /** Files and folders of the project that are copied to another place below the workspace: [{"from":"configs/probe.json","to":"run/config.json"}]. What somebody else put there is never replaced. */
  readonly files?: readonly FileConfig[] | undefined;
  /** Variables of kernels. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Secrets by name, never by value: {"env":"HF_TOKEN"}; scope says who sees them (build, download, setup, kernel). Default scope: download for HF_TOKEN, else setup. */
  readonly secrets?: readonly SecretConfig[] | undefined;
  /** A kernel that runs nothing for so long ends, also one that somebody is connected to, and with the last one the sandbox; 0 is never. */
  readonly idleTimeoutSeconds?: number | undefined;
  /** Needed for idle_timeout_seconds = 0 where a sandbox costs money; here it is free. */
  readonly allowNoIdleLimit?: boolean | undefined;
  /** Do not start it when it could cost more: here it costs nothing. */
  readonly maxCostUsd?: number | undefined;
  /** Ports inside that are reached through the server, below glovebox/ports/PORT/ and with its credentials only: [7860] for a demo. Default: none. */
  readonly ports?: readonly number[] | undefined;
  /** The server ends after that, whatever runs, and variables are lost. Default: no limit. */
  readonly maxLifetimeSeconds?: number | undefined;
  /** Version that the Python of kernels has to have. Default: any. */
  readonly pythonVersion?: '3.9' | '3.10' | '3.11' | '3.12' | '3.13' | '3.14' | undefined;
  /** true: what cells download from the Hub goes to a folder beside the weights, which all sandboxes share; false, the default: to your own cache, as outside of Glovebox. */
  readonly cacheVolume?: boolean | undefined;
  /** GPU that this machine has to have, or several in order of preference; gpu is any. Kernels see gpu_count of them, those with most memory free. */
  readonly gpu?: string | readonly string[] | undefined;
  /** Number of GPUs. Default: 1. */
  readonly gpuCount?: number | undefined;
  /** Processors that this machine has to have. */
  readonly cpu?: number | undefined;
  /** Memory in MiB that this machine has to have. */
  readonly memoryMiB?: number | undefined;
  /** How long the server may take until it answers. Default: 60. */
  readonly startTimeoutSeconds?: number | undefined;
  /** How long to wait for hardware, of which there is no queue here. */
  readonly capacityTimeoutSeconds?: number | undefined;
  /** Python interpreter of kernels, as a path or a name on the PATH; "managed" is Glovebox's own environment. Default: GLOVEBOX_PYTHON, the .venv of the project, the active environment, else managed. */
  readonly python?: string | undefined;
  /** Packages of the managed environment, such as pandas>=2. Default: GLOVEBOX_PACKAGES. */
  readonly packages?: readonly string[] | undefined;
  /** The same as idle_timeout_seconds, in hours. Where neither is given, a server that nobody is connected to ends after GLOVEBOX_LOCAL_IDLE_H. */
  readonly idleH?: number | undefined;
  /** Models that are loaded into new kernels, e.g. [{"id":"./models/mine"}]; weights of the Hub are fetched once. The kernel needs torch and transformers. */
  readonly models?: readonly LocalModelConfig[] | undefined;
  /** How kernels talk to their server. ipc (default) is private to the user; tcp is for kernels that know nothing else, and lets every user of this machine read their output. */
  readonly kernelTransport?: 'ipc' | 'tcp' | undefined;
}

/** A SLURM cluster: a batch job of yours, within its limits, after its queue. */
export interface SlurmConfig extends CommonConfig {
  /** Default: the one of the settings, else `local`. */
  readonly backend?: 'slurm';
  /** Python requirements. They go into an environment of their own, from which kernels run; packages of the chosen Python stay visible there, and it is not changed. */
  readonly pythonPackages?: readonly string[] | undefined;
  /** A set of packages (api, torch), or a list, that goes there too, but for what the chosen Python has. Default: auto, which is what that Python has. */
  readonly kernelPackages?: 'auto' | 'minimal' | 'api' | 'torch' | readonly string[] | undefined;
  /** Commands run in the workspace, once, after the packages and the repositories, each a list of words. */
  readonly setupCommands?: readonly (readonly string[])[] | undefined;
  /** Git repositories put into the workspace, e.g. [{"url":"org/lib","ref":"v1.2","install":["pip","install","-e","."]}]. */
  readonly repos?: readonly RepoConfig[] | undefined;
  /** Files and folders of the project that are copied to another place below the workspace: [{"from":"configs/probe.json","to":"run/config.json"}]. What somebody else put there is never replaced. */
  readonly files?: readonly FileConfig[] | undefined;
  /** Variables of kernels. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Secrets by name, never by value: {"env":"HF_TOKEN"}; scope says who sees them (build, download, setup, kernel). Default scope: download for HF_TOKEN, else setup. */
  readonly secrets?: readonly SecretConfig[] | undefined;
  /** A kernel that runs nothing for so long ends, also one that somebody is connected to, and with the last one the sandbox; 0 is never. */
  readonly idleTimeoutSeconds?: number | undefined;
  /** Needed for idle_timeout_seconds = 0 where a sandbox costs money; here it is free. */
  readonly allowNoIdleLimit?: boolean | undefined;
  /** Do not start it when it could cost more: here it costs nothing. */
  readonly maxCostUsd?: number | undefined;
  /** The same as time, in seconds. SLURM counts whole minutes. */
  readonly maxLifetimeSeconds?: number | undefined;
  /** Models that are loaded into new kernels, e.g. [{"id":"google/gemma-2-9b-it"}]; weights are fetched once, into GLOVEBOX_SLURM_MODELS_DIR. The kernel needs torch and transformers. */
  readonly models?: readonly LocalModelConfig[] | undefined;
  /** Version that the Python of kernels has to have. Default: any. */
  readonly pythonVersion?: '3.9' | '3.10' | '3.11' | '3.12' | '3.13' | '3.14' | undefined;
  /** true: what cells download from the Hub goes to a folder beside the weights, which all sandboxes share; false, the default: to your own cache, as outside of Glovebox. */
  readonly cacheVolume?: boolean | undefined;
  /** Partition, as listed above; several separated by commas. Default: GLOVEBOX_SLURM_PARTITION, else the default of the cluster. To keep a choice for the project, write it below [slurm] in glovebox.toml. */
  readonly partition?: string | undefined;
  /** Generic resources: gpu:1, gpu:a100:2, or none. Default: GLOVEBOX_SLURM_GRES, else gpu:1 where the partition has GPUs. */
  readonly gres?: string | undefined;
  /** GPU by its name instead of gres, or several in order of preference: A100 finds gpu:a100 of the partition; gpu is any. */
  readonly gpu?: string | readonly string[] | undefined;
  /** Number of GPUs of a node. Default: 1. */
  readonly gpuCount?: number | undefined;
  /** The same as cpus; counts up. */
  readonly cpu?: number | undefined;
  /** The same as mem, in MiB. */
  readonly memoryMiB?: number | undefined;
  /** Most processors: a job may use what it asks for, so it never asks for more. */
  readonly cpuLimit?: number | undefined;
  /** Most memory in MiB: a job may use what it asks for, so it never asks for more. */
  readonly memoryLimitMiB?: number | undefined;
  /** Processors. Default: GLOVEBOX_SLURM_CPUS. */
  readonly cpus?: number | undefined;
  /** Memory of a node, such as 64G; without a unit MB. Default: GLOVEBOX_SLURM_MEM. */
  readonly mem?: string | number | undefined;
  /** Time limit after which the job ends: minutes, h:mm:ss, d-hh:mm:ss. Shorter waits less. Default: GLOVEBOX_SLURM_TIME, else 4 hours or what the partition allows. */
  readonly time?: string | number | undefined;
  /** Account that pays. Default: GLOVEBOX_SLURM_ACCOUNT, else your own default. */
  readonly account?: string | undefined;
  /** Quality of service. Default: GLOVEBOX_SLURM_QOS. */
  readonly qos?: string | undefined;
  /** Features that nodes must have, such as a100&nvlink. Default: GLOVEBOX_SLURM_CONSTRAINT. */
  readonly constraint?: string | undefined;
  /** Reservation to run in. Default: GLOVEBOX_SLURM_RESERVATION. */
  readonly reservation?: string | undefined;
  /** Nodes; the Jupyter server runs on the first. Default: 1. */
  readonly nodes?: number | undefined;
  /** Only these nodes. Default: GLOVEBOX_SLURM_NODELIST. */
  readonly nodelist?: string | undefined;
  /** Not these nodes. Default: GLOVEBOX_SLURM_EXCLUDE. */
  readonly exclude?: string | undefined;
  /** Cluster, where several are federated. Default: GLOVEBOX_CLUSTER. */
  readonly cluster?: string | undefined;
  /** Environment modules to load, in order. Default: GLOVEBOX_SLURM_MODULES. */
  readonly modules?: readonly string[] | undefined;
  /** Python on the node, with jupyter_server and ipykernel: a path, the path of its environment, or a name. Default: GLOVEBOX_SLURM_PYTHON, else the .venv of the project, else python3. */
  readonly python?: string | undefined;
  /** Image that apptainer or singularity runs the server in. Default: none. */
  readonly container?: string | undefined;
  /** Shell lines to run on the node before Python, such as "source ~/miniforge3/bin/activate ml". Default: none. */
  readonly setup?: readonly string[] | undefined;
  /** Whether SLURM may start the job anew after a preemption or a lost node; variables are lost then. Default: GLOVEBOX_SLURM_REQUEUE. */
  readonly requeue?: boolean | undefined;
  /** Further words for sbatch, each --name=value. Default: GLOVEBOX_SLURM_EXTRA_ARGS. */
  readonly extraArgs?: readonly string[] | undefined;
}

/** Modal: machines with and without GPUs, rented by the second. */
export interface ModalConfig extends RentedConfig {
  /** Default: the one of the settings, else `local`. */
  readonly backend?: 'modal';
  /** GPU, or several in order of preference. Default: none. A100 means the one with 40 GB. */
  readonly gpu?: string | readonly string[] | undefined;
  /** Physical cores. Default: 2. */
  readonly cpu?: number | undefined;
  /** Most cores it may use. */
  readonly cpuLimit?: number | undefined;
  /** Memory in MiB. Default: 8192. */
  readonly memoryMiB?: number | undefined;
  /** Most memory in MiB. */
  readonly memoryLimitMiB?: number | undefined;
  /** Region of the machine; costs more. */
  readonly region?: string | undefined;
  /** Cloud of the machine. */
  readonly cloud?: string | undefined;
  /** Python of the image. Default: 3.11. */
  readonly pythonVersion?: '3.9' | '3.10' | '3.11' | '3.12' | '3.13' | '3.14' | undefined;
  /** Public image to build on, with python3 in it. Default: python:VERSION-slim-bookworm. */
  readonly baseImage?: string | undefined;
  /** Debian packages. */
  readonly systemPackages?: readonly string[] | undefined;
  /** Commands run while the image is built, each a list of words. */
  readonly setupCommands?: readonly (readonly string[])[] | undefined;
  /** Variables of kernels. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Secrets by name, never by value: {"env":"HF_TOKEN"}; scope says who sees them (build, download, setup, kernel). Default scope: download for HF_TOKEN, else setup. */
  readonly secrets?: readonly ModalSecretConfig[] | undefined;
  /** Models of the Hugging Face Hub, e.g. [{"id":"google/gemma-2-9b-it"}]; weights are fetched once and kept on a volume. */
  readonly models?: readonly ModelConfig[] | undefined;
  /** Git repositories put into the workspace. */
  readonly repos?: readonly ModalRepoConfig[] | undefined;
  /** Files and folders of the project that are uploaded. */
  readonly files?: readonly FileConfig[] | undefined;
  /** Modal volumes to mount. */
  readonly volumes?: readonly ModalVolumeConfig[] | undefined;
  /** Keep what cells download from the Hub on a volume. Default: true. */
  readonly cacheVolume?: boolean | undefined;
  /** Port of Jupyter inside, behind the tunnel. Default: 8888. */
  readonly jupyterPort?: number | undefined;
  /** What kernels may reach: open, none, or {"domains":[...]} / {"cidrs":[...]}. */
  readonly network?: 'open' | 'none' | NetworkConfig | undefined;
  /** Secrets that nothing inside sees, put into headers of https requests on their way out (experimental at Modal): [{"domain":"api.example.com","secret":"example","headers":{"Authorization":"Bearer $EXAMPLE_KEY"}}]. */
  readonly headerSecrets?: readonly HeaderSecretConfig[] | undefined;
  /** How its server is reached: a public TLS tunnel with the server's token, or no public port and Modal's own gate before it (connect-token). Default: tunnel. */
  readonly access?: 'tunnel' | 'connect-token' | undefined;
  /** Addresses that may reach it. Default: all, with the token. */
  readonly inboundCidrs?: readonly string[] | undefined;
  /** Docker inside, for code there and for dockerfile of repos (experimental at Modal). */
  readonly docker?: boolean | undefined;
  /** Modal ends it after that, whatever runs. Default: 3600. */
  readonly maxLifetimeSeconds?: number | undefined;
  /** How long machine and Jupyter may take. Default: 300. */
  readonly startTimeoutSeconds?: number | undefined;
  /** How long to wait for a GPU. Default: 1200. */
  readonly capacityTimeoutSeconds?: number | undefined;
  /** Keep its file system when it ends (experimental at Modal). */
  readonly snapshotOnExit?: boolean | undefined;
  /** What Modal alone has, passed on as it is: {"idle_timeout_seconds":3600}. */
  readonly providerOptions?: ModalProviderOptionConfig | undefined;
  /** Start from this snapshot instead of building an image. */
  readonly fromSnapshot?: string | undefined;
}

/** Hugging Face Jobs: machines with and without GPUs, rented by the minute. */
export interface HuggingfaceConfig extends RentedConfig {
  /** Default: the one of the settings, else `local`. */
  readonly backend?: 'huggingface';
  /** Hardware by its name on the Hub. Default: cpu-basic, or what gpu says. */
  readonly flavor?: string | undefined;
  /** Hardware by its GPU, e.g. A100, or several in order of preference; the cheapest with gpu_count of them. */
  readonly gpu?: string | readonly string[] | undefined;
  /** Your account or organisation, which pays. Default: your account. */
  readonly namespace?: string | undefined;
  /** Docker image with python3 and pip; what it lacks is installed. Default: python:3.12, or what python_version says. */
  readonly image?: string | undefined;
  /** The same as image. */
  readonly baseImage?: string | undefined;
  /** Python of the image python:VERSION, where no image is named. Default: 3.12. */
  readonly pythonVersion?: '3.9' | '3.10' | '3.11' | '3.12' | '3.13' | '3.14' | undefined;
  /** Git repositories put into the workspace; the image needs git. */
  readonly repos?: readonly RepoConfig[] | undefined;
  /** Commands run in the workspace when the container boots, after the packages and the repositories, each a list of words. */
  readonly setupCommands?: readonly (readonly string[])[] | undefined;
  /** Files and folders of the project that are uploaded into the workspace. */
  readonly files?: readonly FileConfig[] | undefined;
  /** Variables of kernels; who sees the Job reads them. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Secrets by name, never by value: {"env":"HF_TOKEN"}; scope says who sees them (build, download, setup, kernel). Default scope: download for HF_TOKEN, else setup. */
  readonly secrets?: readonly SecretConfig[] | undefined;
  /** Models of the Hub, e.g. [{"id":"google/gemma-2-9b-it"}]; mounted read-only, and loaded into the kernel. */
  readonly models?: readonly ModelConfig[] | undefined;
  /** Repositories and buckets to mount: {"type":"model","source":"org/name","mount":"/models/name"}. Repositories are read-only. */
  readonly volumes?: readonly VolumeConfig[] | undefined;
  /** Keep what cells download from the Hub in a private bucket of the account, for all its sandboxes. Default: true where the token may make one. */
  readonly cacheVolume?: boolean | undefined;
  /** Weights are read from the mount, or copied to the disk of the Job first. Default: mount. */
  readonly stage?: 'mount' | 'copy' | undefined;
  /** Reach it by SSH, with your key that the Hub knows, and open no port. Default: false. */
  readonly ssh?: boolean | undefined;
  /** Own labels of the Job. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What the Hub alone has, passed on as it is: {"resource_group_id":"..."}. */
  readonly providerOptions?: ProviderOptionConfig | undefined;
  /** Port of Jupyter inside, behind the proxy of the Hub. Default: 8888. */
  readonly jupyterPort?: number | undefined;
  /** The Hub ends it after that, whatever runs. Default: 3600. */
  readonly maxLifetimeSeconds?: number | undefined;
  /** How long a Job that runs may take until Jupyter answers. Default: 600. */
  readonly startTimeoutSeconds?: number | undefined;
  /** How long to wait for hardware. Default: 1200. */
  readonly capacityTimeoutSeconds?: number | undefined;
}
