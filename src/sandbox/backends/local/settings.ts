/** What the local back end is told from outside, and what a caller may ask of one sandbox. */
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import type { Environment } from '#platform/environment.ts';
import type { Log } from '#platform/log.ts';
import { commonOptions, mistakesInPorts, portsOption } from '#sandbox/common-options.ts';
import { equipmentOptions } from '#sandbox/equipment.ts';
import type { GitTokens } from '#sandbox/git-access.ts';
import { mistakesInVariables, variableOptions } from '#sandbox/kernel-variables.ts';
import { agreeing, lifetimeOption, limitOptions } from '#sandbox/limits.ts';
import { gpuName, ownMachineOptions } from '#sandbox/own-machine.ts';
import { ownModelOption } from '#sandbox/models/options.ts';

/** Read anew at each use, so that a bad value hurts only who needs it. */
export interface LocalSettings {
  /** Glovebox's own folder. */
  readonly dir: string;
  /** Folder of managed environments; may be shared by several `dir`. Default: `envs` in `dir`. */
  readonly envsDir?: string;
  /** Folder with all our Python. */
  readonly pythonDir: string;
  /** The environment this process was started with: PATH, active virtual environment, index and proxy settings. */
  readonly environment: Environment;
  /** The user's variables, for secrets that sandboxes ask for by name. Default: `environment`. */
  readonly variables?: Environment;
  /** Interpreter of kernels, or `managed`; absent: found as the documentation says. */
  readonly python?: string | undefined;
  /** What the managed environment holds beside what kernels need. */
  readonly packages: readonly string[];
  /** Nothing is installed. */
  readonly offline: boolean;
  readonly portMin?: number | undefined;
  readonly portMax?: number | undefined;
  /** A loopback address. */
  readonly bindIp: string;
  /** A server that nobody uses for so long ends itself; 0 never. */
  readonly idleMs: number;
  /** Further variables for kernels, by name or beginning (`WANDB_*`); secrets among them pass. */
  readonly passEnvironment: readonly string[];
  /** Root of the server. Default: the project. */
  readonly serverRootDir?: string | undefined;
  /** Folder of weights, for all sandboxes. Default: `models` in `dir`. */
  readonly modelsDir?: string | undefined;
  /** The Hugging Face Hub, without a slash at the end. */
  readonly hubUrl: string;
  readonly hubToken?: string | undefined;
  /** Of the user's, for repositories that are not public. */
  readonly gitTokens?: GitTokens;
}

export interface LocalContext {
  readonly settings: () => LocalSettings;
  readonly clock: Clock;
  readonly log: Log;
}

const fields = z.strictObject({
  ...commonOptions,
  ...equipmentOptions,
  ...variableOptions,
  ...limitOptions,
  ports: portsOption,
  max_lifetime_seconds: lifetimeOption.describe(
    'The server ends after that, whatever runs, and variables are lost. Default: no limit.',
  ),
  ...ownMachineOptions,
  gpu: z
    .union([gpuName, z.array(gpuName).min(1).max(16)])
    .optional()
    .describe(
      'GPU that this machine has to have, or several in order of preference; gpu is any. Kernels see gpu_count of them, those with most memory free.',
    ),
  gpu_count: z.int().min(1).max(64).optional().describe('Number of GPUs. Default: 1.'),
  cpu: z
    .number()
    .positive()
    .max(4096)
    .optional()
    .describe('Processors that this machine has to have.'),
  memory_mib: z.int().min(1).optional().describe('Memory in MiB that this machine has to have.'),
  start_timeout_seconds: z
    .int()
    .min(10)
    .max(3600)
    .optional()
    .describe('How long the server may take until it answers. Default: 60.'),
  capacity_timeout_seconds: z
    .int()
    .min(1)
    .optional()
    .describe('How long to wait for hardware, of which there is no queue here.'),
  python: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Python interpreter of kernels, as a path or a name on the PATH; "managed" is Glovebox\'s own environment. Default: GLOVEBOX_PYTHON, the .venv of the project, the active environment, else managed.',
    ),
  packages: z
    .array(z.string().regex(/^[A-Za-z0-9][^\s;]*$/))
    .optional()
    .describe(
      'Packages of the managed environment, such as pandas>=2. Default: GLOVEBOX_PACKAGES.',
    ),
  idle_h: z
    .number()
    .min(0)
    .max(8760)
    .optional()
    .describe(
      'The same as idle_timeout_seconds, in hours. Where neither is given, a server that nobody is connected to ends after GLOVEBOX_LOCAL_IDLE_H.',
    ),
  models: z
    .array(ownModelOption)
    .max(16)
    .optional()
    .describe(
      'Models that are loaded into new kernels, e.g. [{"id":"./models/mine"}]; weights of the Hub are fetched once. The kernel needs torch and transformers.',
    ),
  kernel_transport: z
    .enum(['ipc', 'tcp'])
    .optional()
    .describe(
      'How kernels talk to their server. ipc (default) is private to the user; tcp is for kernels that know nothing else, and lets every user of this machine read their output.',
    ),
});

const SECONDS_PER_HOUR = 3600;

export const idleHoursS = (hours: number | undefined): number | undefined =>
  hours === undefined ? undefined : Math.ceil(hours * SECONDS_PER_HOUR);

export const localOptions = fields.superRefine((options, context) => {
  const { idle_timeout_seconds: idleS, idle_h: hours } = options;
  agreeing(context, [
    { name: 'idle_timeout_seconds', seconds: idleS },
    { name: 'idle_h', seconds: idleHoursS(hours) },
  ]);
  if (options.gpu === undefined && options.gpu_count !== undefined)
    context.addIssue({ code: 'custom', path: ['gpu_count'], message: 'needs gpu' });
  for (const { path, message } of [...mistakesInVariables(options), ...mistakesInPorts(options)])
    context.addIssue({ code: 'custom', path: [...path], message });
});
export type LocalOptions = z.output<typeof localOptions>;
