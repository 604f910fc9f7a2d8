/** What a caller may ask of one SLURM sandbox; everything is optional and falls back to the settings. */
import * as z from 'zod';
import { commonOptions } from '#sandbox/common-options.ts';
import { equipmentOptions } from '#sandbox/equipment.ts';
import { mistakesInVariables, variableOptions } from '#sandbox/kernel-variables.ts';
import { agreeing, lifetimeOption, limitOptions } from '#sandbox/limits.ts';
import { gpuName, ownMachineOptions } from '#sandbox/own-machine.ts';
import { ownModelOption } from '#sandbox/models/options.ts';
import { parseTimeLimitMs } from './time-limit.ts';
import {
  constraintValue,
  extraArgument,
  gresValue,
  hostListValue,
  memoryValue,
  moduleValue,
  nameValue,
  partitionValue,
  pathValue,
  setupLine,
  timeValue,
} from './value-kinds.ts';

const memory = z
  .union([memoryValue, z.number().int().positive().max(999_999_999).transform(String)])
  .optional();
const time = z
  .union([timeValue, z.number().int().positive().max(5_270_400).transform(String)])
  .optional();

const fields = z.strictObject({
  ...commonOptions,
  ...equipmentOptions,
  ...variableOptions,
  ...limitOptions,
  max_lifetime_seconds: lifetimeOption.describe(
    'The same as time, in seconds. SLURM counts whole minutes.',
  ),
  models: z
    .array(ownModelOption)
    .max(16)
    .optional()
    .describe(
      'Models that are loaded into new kernels, e.g. [{"id":"google/gemma-2-9b-it"}]; weights are fetched once, into GLOVEBOX_SLURM_MODELS_DIR. The kernel needs torch and transformers.',
    ),
  ...ownMachineOptions,
  partition: partitionValue
    .optional()
    .describe(
      'Partition, as listed above; several separated by commas. Default: GLOVEBOX_SLURM_PARTITION, else the default of the cluster. To keep a choice for the project, write it below [slurm] in glovebox.toml.',
    ),
  gres: gresValue
    .optional()
    .describe(
      'Generic resources: gpu:1, gpu:a100:2, or none. Default: GLOVEBOX_SLURM_GRES, else gpu:1 where the partition has GPUs.',
    ),
  gpu: z
    .union([gpuName, z.array(gpuName).min(1).max(16)])
    .optional()
    .describe(
      'GPU by its name instead of gres, or several in order of preference: A100 finds gpu:a100 of the partition; gpu is any.',
    ),
  gpu_count: z.int().min(1).max(64).optional().describe('Number of GPUs of a node. Default: 1.'),
  cpu: z.number().positive().max(4096).optional().describe('The same as cpus; counts up.'),
  memory_mib: z.int().min(128).max(99_999_999).optional().describe('The same as mem, in MiB.'),
  cpu_limit: z
    .number()
    .min(1)
    .max(4096)
    .optional()
    .describe('Most processors: a job may use what it asks for, so it never asks for more.'),
  memory_limit_mib: z
    .int()
    .min(128)
    .max(99_999_999)
    .optional()
    .describe('Most memory in MiB: a job may use what it asks for, so it never asks for more.'),
  cpus: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .optional()
    .describe('Processors. Default: GLOVEBOX_SLURM_CPUS.'),
  mem: memory.describe(
    'Memory of a node, such as 64G; without a unit MB. Default: GLOVEBOX_SLURM_MEM.',
  ),
  time: time.describe(
    'Time limit after which the job ends: minutes, h:mm:ss, d-hh:mm:ss. Shorter waits less. Default: GLOVEBOX_SLURM_TIME, else 4 hours or what the partition allows.',
  ),
  account: nameValue
    .optional()
    .describe('Account that pays. Default: GLOVEBOX_SLURM_ACCOUNT, else your own default.'),
  qos: nameValue.optional().describe('Quality of service. Default: GLOVEBOX_SLURM_QOS.'),
  constraint: constraintValue
    .optional()
    .describe(
      'Features that nodes must have, such as a100&nvlink. Default: GLOVEBOX_SLURM_CONSTRAINT.',
    ),
  reservation: nameValue
    .optional()
    .describe('Reservation to run in. Default: GLOVEBOX_SLURM_RESERVATION.'),
  nodes: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('Nodes; the Jupyter server runs on the first. Default: 1.'),
  nodelist: hostListValue
    .optional()
    .describe('Only these nodes. Default: GLOVEBOX_SLURM_NODELIST.'),
  exclude: hostListValue.optional().describe('Not these nodes. Default: GLOVEBOX_SLURM_EXCLUDE.'),
  cluster: nameValue
    .optional()
    .describe('Cluster, where several are federated. Default: GLOVEBOX_CLUSTER.'),
  modules: z
    .array(moduleValue)
    .max(50)
    .optional()
    .describe('Environment modules to load, in order. Default: GLOVEBOX_SLURM_MODULES.'),
  python: pathValue
    .optional()
    .describe(
      'Python on the node, with jupyter_server and ipykernel: a path, the path of its environment, or a name. Default: GLOVEBOX_SLURM_PYTHON, else the .venv of the project, else python3.',
    ),
  container: pathValue
    .optional()
    .describe('Image that apptainer or singularity runs the server in. Default: none.'),
  setup: z
    .array(setupLine)
    .max(50)
    .optional()
    .describe(
      'Shell lines to run on the node before Python, such as "source ~/miniforge3/bin/activate ml". Default: none.',
    ),
  requeue: z
    .boolean()
    .optional()
    .describe(
      'Whether SLURM may start the job anew after a preemption or a lost node; variables are lost then. Default: GLOVEBOX_SLURM_REQUEUE.',
    ),
  extra_args: z
    .array(extraArgument)
    .max(50)
    .optional()
    .describe('Further words for sbatch, each --name=value. Default: GLOVEBOX_SLURM_EXTRA_ARGS.'),
});

export const slurmOptions = fields.superRefine((options, context) => {
  const { max_lifetime_seconds: lifetimeS, time: limit } = options;
  const limitMs = limit === undefined ? undefined : parseTimeLimitMs(limit);
  agreeing(context, [
    { name: 'max_lifetime_seconds', seconds: lifetimeS },
    { name: 'time', seconds: limitMs === undefined ? undefined : limitMs / 1000 },
  ]);
  for (const { path, message } of [...mistakesInVariables(options), ...twoNamesIn(options)])
    context.addIssue({ code: 'custom', path: [...path], message });
});
export type SlurmOptions = z.output<typeof slurmOptions>;

const both = (name: string, other: string) => ({
  path: [name],
  message: `says what ${other} says too: leave one of them out`,
});

const below = (
  name: string,
  limit: number | undefined,
  asked: string,
  value: number | undefined,
): readonly { readonly path: readonly string[]; readonly message: string }[] =>
  limit !== undefined && value !== undefined && limit < value
    ? [{ path: [name], message: `must not be below ${asked}` }]
    : [];

/** Hardware in the words of this back end and of others at once. */
function twoNamesIn(
  options: z.output<typeof fields>,
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const { gpu, gres, gpu_count: count, cpu, cpus, memory_mib: memoryMiB, mem } = options;
  return [
    ...(gpu !== undefined && gres !== undefined ? [both('gpu', 'gres')] : []),
    ...(gpu === undefined && count !== undefined
      ? [{ path: ['gpu_count'], message: 'needs gpu' }]
      : []),
    ...(cpu !== undefined && cpus !== undefined ? [both('cpu', 'cpus')] : []),
    ...below('cpu_limit', options.cpu_limit, 'cpu', cpu),
    ...below('cpu_limit', options.cpu_limit, 'cpus', cpus),
    ...below('memory_limit_mib', options.memory_limit_mib, 'memory_mib', memoryMiB),
    ...(options.memory_limit_mib !== undefined && mem !== undefined
      ? [both('memory_limit_mib', 'mem')]
      : []),
    ...(memoryMiB !== undefined && mem !== undefined ? [both('memory_mib', 'mem')] : []),
  ];
}
