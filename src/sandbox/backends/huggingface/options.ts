/** What a caller may ask of one sandbox in a Job: one schema, which makes the docs, the flags and the error texts. */
import * as z from 'zod';
import { commonOptions, mistakesInPorts, portsOption } from '#sandbox/common-options.ts';
import { envOption, mistakesInVariables, variableOptions } from '#sandbox/kernel-variables.ts';
import { modelOption } from '#sandbox/models/options.ts';
import { setupCommandsOption } from '#sandbox/equipment.ts';
import { filesOption } from '#sandbox/project-files.ts';
import { reposOption, requirement } from '#sandbox/repositories.ts';

const labelText = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be letters, digits, - and _, at most 100 of them');
const seconds = (min: number, max: number) => z.int().min(min).max(max);

const volumeOption = z.strictObject({
  type: z.enum(['model', 'dataset', 'space', 'bucket']),
  source: z.string().regex(/^[\w.-]+(\/[\w.-]+)?$/, 'must be owner/name'),
  mount: z.string().regex(/^\/[^\0]+$/, 'must be an absolute path'),
  revision: z
    .string()
    .regex(/^[\w./-]+$/)
    .optional(),
  read_only: z.boolean().optional(),
});

export const huggingfaceOptions = z
  .strictObject({
    ...commonOptions,
    ports: portsOption,
    flavor: z
      .string()
      .min(1)
      .optional()
      .describe('Hardware by its name on the Hub. Default: cpu-basic, or what gpu says.'),
    gpu: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)])
      .optional()
      .describe(
        'Hardware by its GPU, e.g. A100, or several in order of preference; the cheapest with gpu_count of them.',
      ),
    gpu_count: z.int().min(1).max(8).default(1).describe('Number of GPUs. Default: 1.'),
    namespace: z
      .string()
      .regex(/^[A-Za-z0-9][\w.-]*$/)
      .optional()
      .describe('Your account or organisation, which pays. Default: your account.'),
    image: z
      .string()
      .regex(/^\w[\w./:@-]*$/)
      .optional()
      .describe(
        'Docker image with python3 and pip; what it lacks is installed. Default: python:3.12, or what python_version says.',
      ),
    base_image: z
      .string()
      .regex(/^\w[\w./:@-]*$/)
      .optional()
      .describe('The same as image.'),
    python_version: z
      .enum(['3.9', '3.10', '3.11', '3.12', '3.13', '3.14'])
      .optional()
      .describe('Python of the image python:VERSION, where no image is named. Default: 3.12.'),
    python_packages: z.array(requirement).default([]).describe('Python requirements.'),
    kernel_packages: z
      .union([z.enum(['auto', 'minimal', 'api', 'torch']), z.array(requirement)])
      .default('auto')
      .describe(
        'Packages of the kernel: a set (minimal, api, torch) or a list. Default auto: torch with a GPU or models, else api; minimal with mode shell.',
      ),
    repos: reposOption
      .default([])
      .describe('Git repositories put into the workspace; the image needs git.'),
    setup_commands: setupCommandsOption
      .default([])
      .describe(
        'Commands run in the workspace when the container boots, after the packages and the repositories, each a list of words.',
      ),
    files: filesOption
      .default([])
      .describe('Files and folders of the project that are uploaded into the workspace.'),
    env: envOption.default({}).describe('Variables of kernels; who sees the Job reads them.'),
    secrets: variableOptions.secrets,
    models: z
      .array(modelOption)
      .max(16)
      .default([])
      .describe(
        'Models of the Hub, e.g. [{"id":"google/gemma-2-9b-it"}]; mounted read-only, and loaded into the kernel.',
      ),
    volumes: z
      .array(volumeOption)
      .default([])
      .describe(
        'Repositories and buckets to mount: {"type":"model","source":"org/name","mount":"/models/name"}. Repositories are read-only.',
      ),
    cache_volume: z
      .boolean()
      .optional()
      .describe(
        'Keep what cells download from the Hub in a private bucket of the account, for all its sandboxes. Default: true where the token may make one.',
      ),
    stage: z
      .enum(['mount', 'copy'])
      .default('mount')
      .describe(
        'Weights are read from the mount, or copied to the disk of the Job first. Default: mount.',
      ),
    ssh: z
      .boolean()
      .default(false)
      .describe(
        'Reach it by SSH, with your key that the Hub knows, and open no port. Default: false.',
      ),
    labels: z.record(labelText, labelText).default({}).describe('Own labels of the Job.'),
    provider_options: z
      .strictObject({
        resource_group_id: z
          .string()
          .regex(/^\w{1,64}$/)
          .optional()
          .describe('Resource group of the organisation that the Job belongs to.'),
      })
      .optional()
      .describe('What the Hub alone has, passed on as it is: {"resource_group_id":"..."}.'),
    jupyter_port: z
      .int()
      .min(1)
      .max(65_535)
      .default(8888)
      .describe('Port of Jupyter inside, behind the proxy of the Hub. Default: 8888.'),
    max_lifetime_seconds: seconds(60, 86_400)
      .default(3600)
      .describe('The Hub ends it after that, whatever runs. Default: 3600.'),
    idle_timeout_seconds: seconds(0, 86_400)
      .default(1800)
      .describe(
        'A kernel that runs nothing for so long ends, and with the last one the sandbox. Default: 1800.',
      ),
    allow_no_idle_limit: z
      .boolean()
      .default(false)
      .describe('Needed for idle_timeout_seconds = 0.'),
    start_timeout_seconds: seconds(10, 3600)
      .default(600)
      .describe('How long a Job that runs may take until Jupyter answers. Default: 600.'),
    capacity_timeout_seconds: seconds(1, 3600)
      .default(1200)
      .describe('How long to wait for hardware. Default: 1200.'),
    max_cost_usd: z
      .number()
      .positive()
      .optional()
      .describe('Do not start it when it could cost more.'),
    keep_on_error: z
      .boolean()
      .default(false)
      .describe('Leave it running when the start fails, to look into it.'),
  })
  .superRefine((options, context) => {
    for (const { path, message } of mistakesIn(options))
      context.addIssue({ code: 'custom', path: [...path], message });
  });
export type HuggingfaceOptions = z.output<typeof huggingfaceOptions>;

interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What no single field shows. */
function mistakesIn(options: HuggingfaceOptions): readonly Mistake[] {
  const found: Mistake[] = [];
  const no = (path: Mistake['path'], message: string): void => void found.push({ path, message });
  const idle = options.idle_timeout_seconds;
  if (idle === 0 && !options.allow_no_idle_limit)
    no(['idle_timeout_seconds'], 'is 0, so allow_no_idle_limit must be true');
  if (idle !== 0 && idle < 60) no(['idle_timeout_seconds'], 'must be 0 or at least 60');
  if (idle > options.max_lifetime_seconds)
    no(['idle_timeout_seconds'], 'must not be above max_lifetime_seconds');
  if (options.flavor !== undefined && options.gpu !== undefined)
    no(['gpu'], 'names other hardware than flavor: leave one of them out');
  if (options.image !== undefined && options.base_image !== undefined)
    no(['base_image'], 'says what image says too: leave one of them out');
  if ((options.image ?? options.base_image) !== undefined && options.python_version !== undefined)
    no(['python_version'], 'is that of the image, where one is named: leave one of them out');
  if (options.gpu === undefined && options.gpu_count > 1) no(['gpu_count'], 'needs gpu');
  for (const label of Object.keys(options.labels))
    if (label.startsWith('glovebox') || label === 'name') no(['labels', label], 'is reserved');
  found.push(...mistakesInVariables(options), ...mistakesInPorts(options));
  for (const [at, { hidden }] of options.models.entries())
    if (hidden)
      no(
        ['models', at, 'hidden'],
        'cannot be kept here, where a mount names its repository: use modal',
      );
  const variables = options.models.map(({ var_name: name }) => name);
  for (const [at, name] of variables.entries())
    if (variables.indexOf(name) !== at)
      no(['models', at, 'var_name'], `"${name}" is taken by another model`);
  const mounts = options.volumes.map(({ mount }) => mount.replace(/\/+$/, ''));
  for (const [at, mount] of mounts.entries())
    if (mounts.some((other, index) => index !== at && `${mount}/`.startsWith(`${other}/`)))
      no(['volumes', at, 'mount'], 'lies in another mount');
  return found;
}
