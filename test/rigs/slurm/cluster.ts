/** What a test can do with a SLURM cluster of its own: ask it, hinder it, and let its parts fail. */
import type { Place } from './machines.ts';
import type { Finished, RunOptions } from './run-here.ts';

export interface ClusterOptions {
  /**
   * - `plain`: everything on this machine and its address; works without root.
   * - `netns`: login node, compute nodes and a laptop have host names, addresses and process spaces of their own, nodes also
   *   their own `/tmp`. What a job binds to 127.0.0.1 is out of the login node's reach; the laptop reaches only the login node,
   *   and has no SLURM commands. Needs root.
   */
  readonly kind: 'plain' | 'netns';
  /** 1 to 9, default 1. Named n1, n2, ... when plain, else node1, node2, ... */
  readonly nodes?: number;
  /** False: on every node `shared` is another folder, with an empty home, as without a shared file system. Only with `netns`. */
  readonly hasSharedFiles?: boolean;
  /** Who works on the login node. `ada` is a plain user whom only the cluster knows; only with `netns`. Default `root`. */
  readonly user?: 'root' | 'ada';
  /** Further lines of slurm.conf. */
  readonly configuration?: readonly string[];
}

export interface JobRow {
  readonly id: number;
  /** As SLURM says it, e.g. `PENDING`. */
  readonly state: string;
  readonly reason: string;
  readonly node: string;
  readonly name: string;
  readonly comment: string;
}

/** A shell fragment that a scheduler command runs before its work; see `Cluster.hinder`. */
export type Hindrance =
  | { readonly slowS: number }
  | { readonly failsWith: string; readonly code?: number }
  /** `"$real" "$@"` is the command itself; what the script leaves undone is not done. */
  | { readonly script: string };

export interface Cluster {
  readonly kind: ClusterOptions['kind'];
  /** SLURM's name for it. */
  readonly name: string;
  /** Everything of it; removed by `stop`. Readable by all, short enough for socket paths. */
  readonly dir: string;
  /** The folder for projects and homes: the same on the login node and, unless asked otherwise, on all nodes. */
  readonly shared: string;
  /** Home of the user, within `shared`. */
  readonly home: string;
  readonly nodes: readonly string[];
  /** Address of the login node as the laptop sees it (`netns`), else 127.0.0.1. */
  readonly loginHost: string;
  /** For a process that stands on the login node: PATH with the scheduler's commands, HOME, SLURM_CONF. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the laptop, whose PATH has no scheduler command. Only with `netns`. */
  readonly laptopEnv: Readonly<Record<string, string>>;
  /**
   * The argv that runs `argv` on a machine of the cluster. On `login` and `laptop` it is one of this machine's processes, in the
   * network of the other and as the user; on a node it is among the node's own processes.
   */
  on(place: Place, argv: readonly string[]): readonly string[];
  /** Runs a program, on the login node and with `env` unless told otherwise. Any exit code is a result. */
  run(
    argv: readonly string[],
    options?: RunOptions & { readonly place?: Place },
  ): Promise<Finished>;
  /** Runs one as the administrator and returns what it prints. @throws when it fails. */
  admin(argv: readonly string[]): Promise<string>;
  /** All jobs that SLURM still knows, ended ones too, in the order of their ids. */
  jobs(): Promise<readonly JobRow[]>;
  /** Waits for a job, by id, to be in one of these states. */
  waitForJob(id: number, ...states: readonly string[]): Promise<JobRow>;
  /** What was run of the scheduler's commands through `env`, e.g. `sbatch --parsable ...`, oldest first. */
  calls(command?: string): readonly string[];

  /** Makes a command of `env` slow or broken, until `unhinder`. Holds for calls that begin from now on. */
  hinder(command: string, how: Hindrance): void;
  unhinder(command: string): void;

  /** Ends the controller; commands hang and fail then. Jobs go on. */
  downController(): Promise<void>;
  upController(): Promise<void>;
  /** Stops the controller in its tracks: commands hang without end. The returned function undoes that. */
  freezeController(): () => void;
  drain(node: string, reason?: string): Promise<void>;
  /** Declares a node dead: its jobs end with NODE_FAIL, or are requeued. */
  failNode(node: string): Promise<void>;
  /** Undoes `drain` and `failNode`. */
  resume(node: string): Promise<void>;
  /** Cuts the power of a node. SLURM notices by itself, after about 25 s. */
  killNode(node: string): Promise<void>;
  /** Boots it again; resolves when SLURM uses it. */
  bootNode(node: string): Promise<void>;
  /** Lets the user of the laptop log in to the login node by `ssh cluster`. Only with `netns`. */
  startSshd(): Promise<void>;
  /** The same for a node, by its name and by way of the login node. It ends with the node. */
  startNodeSshd(node: string): Promise<void>;
  /** Ends it with all its connections, as when the login node goes down. `startSshd` brings it back. */
  stopSshd(): Promise<void>;
  /** Fills all CPUs of the cluster with a job of somebody else. Returns its id; `admin(['scancel', id])` frees them. */
  occupy(options?: { readonly partition?: string }): Promise<number>;

  /** Cancels all jobs of all users. Resolves when none is left. */
  endAllJobs(): Promise<void>;
  /** Ends everything, jobs included, and removes the folder. Idempotent. */
  stop(): Promise<void>;
}
