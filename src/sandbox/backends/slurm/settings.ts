/** What the SLURM back end is told from outside. */
import type { Clock } from '#platform/clock.ts';
import type { Environment } from '#platform/environment.ts';
import type { Host } from '#platform/host.ts';
import type { Log } from '#platform/log.ts';
import type { Relay, RelayOptions } from '#platform/relay.ts';
import type { GitTokens } from '#sandbox/git-access.ts';
import type { SlurmOptions } from './options.ts';

/**
 * How connections reach the node:
 *
 * - `step`: a relay inside the allocation. Needs no open port.
 * - `direct`: TLS from this machine to an address of the node. `forward`: the same, from the login node.
 * - `node-ssh`: a relay that SSH starts on the node, which may be outside of the job's control group.
 */
export const TUNNEL_MODES = ['step', 'direct', 'forward', 'node-ssh'] as const;
export type TunnelMode = (typeof TUNNEL_MODES)[number];

/** Read anew at each use, so that a bad value hurts only who needs it. */
export interface SlurmSettings {
  /** Glovebox's own folder on this machine. */
  readonly dir: string;
  /** Folder on this machine with the files that travel with the job. */
  readonly pythonDir: string;
  /** What holds where a call says nothing; checked like a call. */
  readonly defaults: { readonly [K in keyof SlurmOptions]: unknown };
  /** Folder of job files on the cluster; `~` is the home folder there. */
  readonly jobsDir: string;
  /** Folder of weights, on a disk that login node and nodes share; `~` is the home folder there. */
  readonly modelsDir: string;
  /** The Hugging Face Hub, without a slash at the end. */
  readonly hubUrl: string;
  readonly hubToken?: string | undefined;
  /** Of the user's, for repositories that are not public. */
  readonly gitTokens?: GitTokens;
  /** The user's variables, for secrets and ids of models that options name by reference. */
  readonly variables: Environment;
  /** Folder for temporary files on a node. */
  readonly nodeTmp: string;
  /** False where nodes do not see the files of the login node. */
  readonly sharedDisk: boolean;
  readonly setupFile?: string | undefined;
  readonly purgeModules: boolean;
  /** Names of variables that the job gets from the submitter. */
  readonly exportNames: readonly string[];
  /** Default: `step` where the cluster's host has `srun`, else over its network. */
  readonly tunnel?: TunnelMode | undefined;
  /** Address of nodes to listen on, instead of the one towards the login node. Only with `direct` and `forward`. */
  readonly bindIp?: string | undefined;
  /** What a port of a node is chosen from, where one is needed. */
  readonly ports?: { readonly min?: number | undefined; readonly max?: number | undefined };
  /** From RUNNING until the server answers. */
  readonly readyMs: number;
  /** The scheduler is asked no more often. */
  readonly pollMinMs: number;
  /** Root of the server. Default: the project. */
  readonly serverRootDir?: string | undefined;
}

export interface SlurmContext {
  readonly settings: () => SlurmSettings;
  /** Where the cluster's commands run. */
  readonly host: () => Promise<Host>;
  /** A node, over the user's own SSH and by way of `host` where that is another machine. */
  readonly nodeHost: (node: string) => Promise<Host>;
  /** Starts a relay behind `prefix`, which is a job step. */
  readonly openRelay: OpenRelay;
  readonly clock: Clock;
  readonly log: Log;
}

export type OpenRelay = (
  host: Host,
  options: Pick<RelayOptions, 'prefix' | 'timeoutMs' | 'signal'>,
) => Promise<Relay>;
