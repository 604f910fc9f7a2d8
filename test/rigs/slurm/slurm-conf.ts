/** The configuration files of a test cluster, as text. */

export interface ConfNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What the node's own `hostname` says. */
  readonly hostname: string;
}

export interface ConfParts {
  readonly dir: string;
  readonly clusterName: string;
  readonly controllerHost: string;
  readonly controllerAddress: string;
  readonly controllerPort: number;
  /** Account that the daemons run as. */
  readonly account: string;
  readonly nodes: readonly ConfNode[];
  /** Further lines, e.g. partitions; a later value of a key wins. */
  readonly lines: readonly string[];
}

/** How long a node may be silent before it counts as lost. */
export const NODE_TIMEOUT_S = 5;

/**
 * Small and quick: every limit is the lowest that SLURM accepts, so that a lost node, a kill and a requeue take seconds.
 *
 * Nodes have 4 CPUs, 4000 MB and two pretended A100s. Partition `gpu` is the default (at most 2 h) and takes nodes away from
 * partition `preempt`, whose jobs are requeued then; partition `closed` is down. No accounting, as on many small clusters.
 */
export function renderSlurmConf(parts: ConfParts): string {
  const { dir, account, nodes } = parts;
  return [
    `ClusterName=${parts.clusterName}`,
    `SlurmctldHost=${parts.controllerHost}(${parts.controllerAddress})`,
    `SlurmctldPort=${parts.controllerPort}`,
    `SlurmUser=${account}`,
    `SlurmdUser=${account}`,
    'AuthType=auth/munge',
    // A requeued job starts again only when its credential has expired: 5 s is the lowest there is, 120 s the default.
    `AuthInfo=socket=${dir}/run/munge.sock,cred_expire=5`,
    `StateSaveLocation=${dir}/state`,
    `SlurmdSpoolDir=${dir}/run/spool-%n`,
    `SlurmctldPidFile=${dir}/run/slurmctld.pid`,
    `SlurmdPidFile=${dir}/run/slurmd-%n.pid`,
    `SlurmctldLogFile=${dir}/log/slurmctld.log`,
    `SlurmdLogFile=${dir}/log/slurmd-%n.log`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'MpiDefault=none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_CPU_Memory',
    // The hardware is as stated here, whatever the machine has.
    'SlurmdParameters=config_overrides',
    'JobAcctGatherType=jobacct_gather/linux',
    'AccountingStorageType=accounting_storage/none',
    'GresTypes=gpu',
    // A limit above the partition's is refused at submission instead of pending for ever.
    'EnforcePartLimits=ALL',
    'ReturnToService=2',
    `SlurmdTimeout=${NODE_TIMEOUT_S}`,
    'KillWait=2',
    'MinJobAge=300',
    'DefMemPerCPU=100',
    'SchedulerParameters=sched_interval=1,bf_interval=2,sched_min_interval=0',
    'PreemptType=preempt/partition_prio',
    'PreemptMode=REQUEUE',
    ...nodes.map(
      ({ name, address, port, hostname }) =>
        `NodeName=${name} NodeHostname=${hostname} NodeAddr=${address} Port=${port} ` +
        'CPUs=4 RealMemory=4000 Gres=gpu:a100:2 State=UNKNOWN',
    ),
    'PartitionName=gpu Nodes=ALL Default=YES MaxTime=2:00:00 DefaultTime=10 State=UP PriorityTier=10 PreemptMode=OFF',
    'PartitionName=preempt Nodes=ALL MaxTime=INFINITE DefaultTime=10 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0',
    'PartitionName=closed Nodes=ALL MaxTime=1:00:00 DefaultTime=10 State=DOWN PriorityTier=1 PreemptMode=OFF',
    ...parts.lines,
    '',
  ].join('\n');
}

/** Pretended GPUs: SLURM only wants that the device files exist. */
export const GRES_CONF = 'Name=gpu Type=a100 File=/dev/null\nName=gpu Type=a100 File=/dev/zero\n';

/** Lets slurmd start where no file system of control groups is mounted, as in containers. */
export const CGROUP_CONF = 'CgroupPlugin=cgroup/v1\n';
