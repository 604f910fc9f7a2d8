/** The rows of the option table about SLURM clusters. Their values travel to `sbatch` as they are, so they are checked closely. */
import { choice, ipAddress, jsonList, list, onOff, wholeNumber, words } from './kinds.ts';
import { option } from './option.ts';

const oneLine = words('one line of text that does not begin with "-"', /^(?!-)\P{Cc}+$/u);
const name = words('a name of letters, digits, _ . and -', /^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,63}$/);
const partitions = words(
  'the name of a partition, or several separated by commas',
  /^(?!-)[A-Za-z0-9_.+-]+(,[A-Za-z0-9_.+-]+)*$/,
);
const gres = words(
  'none, or name[:type][:count], several separated by commas',
  /^[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?(:\d+)?(,[A-Za-z_][\w.:-]*)*$/,
);
const memory = words(
  'a number with K, M, G or T, such as 32G; without a unit in MB',
  /^[1-9]\d{0,8}[KMGT]?$/i,
);
const time = words(
  'minutes, h:mm:ss, d-hh, d-hh:mm, d-hh:mm:ss or UNLIMITED',
  /^(\d+|\d+:\d\d?|\d+:\d\d?:\d\d?|\d+-\d\d?(:\d\d?){0,2}|unlimited)$/i,
);
const hosts = words('a list of hosts, such as node1,node[3-5]', /^(?!-)[A-Za-z0-9_.,[\]-]+$/);
const constraint = words(
  'an expression over features of nodes',
  /^(?!-)[A-Za-z0-9_.:&|*()[\],-]+$/,
);
const moduleName = words('the name of a module', /^(?!-)[A-Za-z0-9_./+-]+$/);
const variable = words('the name of a variable', /^[A-Za-z_][A-Za-z0-9_]*$/);
const extraArgument = words('--name=value', /^--[a-z]\P{Cc}*$/u);

export const SLURM_OPTIONS = {
  'slurm.cluster': option({
    kind: name,
    default: undefined,
    defaultText: 'the one of the login node',
    env: 'GLOVEBOX_CLUSTER',
    about: 'Cluster to submit to, where several are federated.',
  }),
  'slurm.tunnel': option({
    kind: choice(['step', 'direct', 'forward', 'node-ssh']),
    default: undefined,
    defaultText: 'step; without srun direct, over SSH forward',
    env: 'GLOVEBOX_TUNNEL',
    about:
      'How connections reach the node: step is a relay inside the job, direct and forward are TLS to its address from here and from the login node, node-ssh is a relay that SSH starts there.',
  }),
  'slurm.bind_ip': option({
    kind: ipAddress(),
    default: undefined,
    defaultText: 'none; with direct and forward the one towards the login node',
    env: 'GLOVEBOX_SLURM_BIND_IP',
    oldNames: [{ env: 'JLAB_MCP_SLURM_BIND_IP' }],
    about:
      'Address of nodes that servers listen on, with TLS; where it is set, direct and forward are the default. 0.0.0.0 means the one towards the login node.',
  }),
  'slurm.partition': option({
    kind: partitions,
    default: undefined,
    defaultText: 'the default of the cluster',
    env: 'GLOVEBOX_SLURM_PARTITION',
    oldNames: [{ env: 'JLAB_MCP_SLURM_PARTITION' }],
    about: 'Partition of jobs.',
  }),
  'slurm.gres': option({
    kind: gres,
    default: undefined,
    defaultText: 'gpu:1 where the partition has GPUs',
    env: 'GLOVEBOX_SLURM_GRES',
    oldNames: [{ env: 'JLAB_MCP_SLURM_GRES' }],
    about: 'Generic resources of jobs, such as gpu:a100:1, or none.',
  }),
  'slurm.cpus': option({
    kind: wholeNumber(1, 4096),
    default: 4,
    env: 'GLOVEBOX_SLURM_CPUS',
    oldNames: [{ env: 'JLAB_MCP_SLURM_CPUS' }],
    about: 'Processors of jobs.',
  }),
  'slurm.mem': option({
    kind: memory,
    default: '32000M',
    env: 'GLOVEBOX_SLURM_MEM',
    oldNames: [{ env: 'JLAB_MCP_SLURM_MEM' }],
    about: 'Memory of jobs, per node.',
  }),
  'slurm.time': option({
    kind: time,
    default: undefined,
    defaultText: '4:00:00, or what the partition allows where that is less',
    env: 'GLOVEBOX_SLURM_TIME',
    oldNames: [{ env: 'JLAB_MCP_SLURM_TIME' }],
    about: 'Time limit of jobs, after which SLURM ends them.',
  }),
  'slurm.modules': option({
    kind: list(moduleName),
    default: [],
    env: 'GLOVEBOX_SLURM_MODULES',
    oldNames: [{ env: 'JLAB_MCP_SLURM_MODULES' }],
    about: 'Environment modules that jobs load, in order.',
  }),
  'slurm.account': option({
    kind: name,
    default: undefined,
    defaultText: 'your own default',
    env: 'GLOVEBOX_SLURM_ACCOUNT',
    about: 'Account that jobs are charged to.',
  }),
  'slurm.qos': option({
    kind: name,
    default: undefined,
    defaultText: 'your own default',
    env: 'GLOVEBOX_SLURM_QOS',
    about: 'Quality of service of jobs.',
  }),
  'slurm.constraint': option({
    kind: constraint,
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_SLURM_CONSTRAINT',
    about: 'Features that nodes of jobs must have.',
  }),
  'slurm.reservation': option({
    kind: name,
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_SLURM_RESERVATION',
    about: 'Reservation that jobs run in.',
  }),
  'slurm.nodelist': option({
    kind: hosts,
    default: undefined,
    defaultText: 'any',
    env: 'GLOVEBOX_SLURM_NODELIST',
    about: 'The nodes that jobs may run on.',
  }),
  'slurm.exclude': option({
    kind: hosts,
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_SLURM_EXCLUDE',
    about: 'Nodes that jobs must not run on.',
  }),
  'slurm.extra_args': option({
    kind: jsonList(extraArgument),
    default: [],
    env: 'GLOVEBOX_SLURM_EXTRA_ARGS',
    about: 'Further words for sbatch.',
  }),
  'slurm.requeue': option({
    kind: onOff(),
    default: false,
    env: 'GLOVEBOX_SLURM_REQUEUE',
    about: 'Let SLURM start a job anew after a preemption or a lost node; its variables are lost.',
  }),
  'slurm.purge': option({
    kind: onOff(),
    default: true,
    env: 'GLOVEBOX_SLURM_PURGE',
    about: 'Begin with "module purge" where modules are loaded.',
  }),
  'slurm.export': option({
    kind: list(variable),
    default: [],
    env: 'GLOVEBOX_SLURM_EXPORT',
    from: 'user',
    about: 'Names of variables that jobs get from the environment on the login node; else none.',
  }),
  'slurm.setup': option({
    kind: oneLine,
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_SLURM_SETUP',
    about: 'Path, on the cluster, of a shell file that jobs source before Python.',
  }),
  'slurm.python': option({
    kind: oneLine,
    default: undefined,
    defaultText: 'the .venv of the project, else python3',
    env: 'GLOVEBOX_SLURM_PYTHON',
    about: 'Python of jobs: a path on the cluster, the path of its environment, or a name.',
  }),
  'slurm.container': option({
    kind: oneLine,
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_SLURM_CONTAINER',
    about: 'Image, on the cluster, that jobs run in with apptainer or singularity.',
  }),
  'slurm.dir': option({
    kind: words('an absolute path, or one that begins with ~/', /^(\/|~\/)\P{Cc}*$/u),
    default: '~/.glovebox/jobs',
    env: 'GLOVEBOX_SLURM_DIR',
    oldNames: [{ env: 'JLAB_MCP_CONNECTION_DIR' }],
    about: 'Folder, on the cluster, of what jobs leave: scripts and logs.',
  }),
  'slurm.models_dir': option({
    kind: words('an absolute path, or one that begins with ~/', /^(\/|~\/)\P{Cc}*$/u),
    default: '~/.glovebox/models',
    env: 'GLOVEBOX_SLURM_MODELS_DIR',
    about:
      'Folder, on a disk of the cluster that login node and nodes share, for weights of models.',
  }),
  'slurm.node_tmp': option({
    kind: words('an absolute path', /^\/\P{Cc}*$/u),
    default: '/tmp',
    env: 'GLOVEBOX_SLURM_NODE_TMP',
    about: 'Folder for temporary files on a node.',
  }),
  'slurm.shared_disk': option({
    kind: onOff(),
    default: true,
    env: 'GLOVEBOX_SLURM_SHARED_DISK',
    about: 'Whether nodes see the files of the login node. Without, logs stay on the node.',
  }),
  'slurm.ready_s': option({
    kind: wholeNumber(5, 3600),
    default: 120,
    env: 'GLOVEBOX_READY_TIMEOUT',
    oldNames: [{ env: 'JLAB_MCP_READY_TIMEOUT' }],
    about: 'Seconds a job that runs may take until its Jupyter server answers; then it is ended.',
  }),
  'slurm.poll_min_s': option({
    kind: wholeNumber(1, 600),
    default: 3,
    env: 'GLOVEBOX_POLL_MIN_S',
    about:
      'Seconds between two questions to the scheduler, at least. Some sites ask for 60 or more.',
  }),
};
