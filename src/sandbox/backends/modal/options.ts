/** What a caller may ask of one Modal sandbox: one schema, which makes the docs, the flags and the error texts. */
import * as z from 'zod';
import { didYouMean } from '#core/nearest.ts';
import { ACCESS_KINDS } from './access.ts';
import { findGpu, GPU_KINDS, MAX_GPUS } from './hardware.ts';
import { headerSecretsOption, mistakesInHeaders } from './header-secrets.ts';
import { commonOptions, mistakesInPorts, portsOption } from '#sandbox/common-options.ts';
import {
  envOption,
  mistakesInVariables,
  secretFields,
  SECRETS_WORDS,
  variableName,
} from '#sandbox/kernel-variables.ts';
import { modelOption } from '#sandbox/models/options.ts';
import { filesOption } from '#sandbox/project-files.ts';
import { reposWithDockerOption, requirement } from '#sandbox/repositories.ts';

const debianPackage = z.string().regex(/^[a-z0-9][a-z0-9+.-]*(=[\w.+:~-]+)?$/);
const absolutePath = z.string().regex(/^\/[^\0]*$/, 'must be an absolute path');
const argv = z.array(z.string()).min(1);
const seconds = (min: number, max: number) => z.int().min(min).max(max);

export const KERNEL_SETS = ['auto', 'minimal', 'api', 'torch'] as const;

const secretOption = z.strictObject({
  env: variableName.optional().describe('Variable of your environment that holds the value.'),
  provider: z
    .string()
    .min(1)
    .optional()
    .describe('Name of a secret that is stored at Modal, instead of env.'),
  keys: z.array(variableName).default([]).describe('The variables in that secret.'),
  ...secretFields,
});

const volumeOption = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,63}$/),
  mount: absolutePath,
  read_only: z.boolean().optional(),
  sub_path: z.string().optional(),
});

const cidr = z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, 'must be a range such as 10.0.0.0/8');

export const modalOptions = z
  .strictObject({
    ...commonOptions,
    ports: portsOption,
    gpu: z
      .union([z.string(), z.array(z.string()).min(1)])
      .optional()
      .describe(
        'GPU, or several in order of preference. Default: none. A100 means the one with 40 GB.',
      ),
    gpu_count: z.int().min(1).max(MAX_GPUS).default(1).describe('Number of GPUs. Default: 1.'),
    cpu: z.number().positive().max(64).optional().describe('Physical cores. Default: 2.'),
    cpu_limit: z.number().positive().max(64).optional().describe('Most cores it may use.'),
    memory_mib: z.int().min(128).max(344_064).optional().describe('Memory in MiB. Default: 8192.'),
    memory_limit_mib: z.int().min(128).max(344_064).optional().describe('Most memory in MiB.'),
    region: z.string().min(1).optional().describe('Region of the machine; costs more.'),
    cloud: z.string().min(1).optional().describe('Cloud of the machine.'),
    python_version: z
      .enum(['3.9', '3.10', '3.11', '3.12', '3.13', '3.14'])
      .default('3.11')
      .describe('Python of the image. Default: 3.11.'),
    base_image: z
      .string()
      .regex(/^[\w./:@-]+$/)
      .optional()
      .describe(
        'Public image to build on, with python3 in it. Default: python:VERSION-slim-bookworm.',
      ),
    system_packages: z.array(debianPackage).default([]).describe('Debian packages.'),
    python_packages: z.array(requirement).default([]).describe('Python requirements.'),
    kernel_packages: z
      .union([z.enum(KERNEL_SETS), z.array(requirement)])
      .default('auto')
      .describe(
        'Packages of the kernel: a set (minimal, api, torch) or a list. Default auto: torch with a GPU or models, else api; minimal with mode shell.',
      ),
    setup_commands: z
      .array(argv)
      .default([])
      .describe('Commands run while the image is built, each a list of words.'),
    env: envOption.default({}).describe('Variables of kernels.'),
    secrets: z.array(secretOption).default([]).describe(SECRETS_WORDS),
    models: z
      .array(modelOption)
      .max(16)
      .default([])
      .describe(
        'Models of the Hugging Face Hub, e.g. [{"id":"google/gemma-2-9b-it"}]; weights are fetched once and kept on a volume.',
      ),
    repos: reposWithDockerOption.default([]).describe('Git repositories put into the workspace.'),
    files: filesOption.default([]).describe('Files and folders of the project that are uploaded.'),
    volumes: z.array(volumeOption).default([]).describe('Modal volumes to mount.'),
    cache_volume: z
      .boolean()
      .default(true)
      .describe('Keep what cells download from the Hub on a volume. Default: true.'),
    jupyter_port: z
      .int()
      .min(1)
      .max(65_535)
      .default(8888)
      .describe('Port of Jupyter inside, behind the tunnel. Default: 8888.'),
    network: z
      .union([
        z.enum(['open', 'none']),
        z.strictObject({
          domains: z.array(z.string()).optional(),
          cidrs: z.array(cidr).optional(),
        }),
      ])
      .default('open')
      .describe('What kernels may reach: open, none, or {"domains":[...]} / {"cidrs":[...]}.'),
    header_secrets: headerSecretsOption,
    access: z
      .enum(ACCESS_KINDS)
      .default('tunnel')
      .describe(
        "How its server is reached: a public TLS tunnel with the server's token, or no public port and Modal's own gate before it (connect-token). Default: tunnel.",
      ),
    inbound_cidrs: z
      .array(cidr)
      .optional()
      .describe('Addresses that may reach it. Default: all, with the token.'),
    docker: z
      .boolean()
      .default(false)
      .describe(
        'Docker inside, for code there and for dockerfile of repos (experimental at Modal).',
      ),
    max_lifetime_seconds: seconds(60, 86_400)
      .default(3600)
      .describe('Modal ends it after that, whatever runs. Default: 3600.'),
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
      .default(300)
      .describe('How long machine and Jupyter may take. Default: 300.'),
    capacity_timeout_seconds: seconds(30, 1260)
      .default(1200)
      .describe('How long to wait for a GPU. Default: 1200.'),
    max_cost_usd: z
      .number()
      .positive()
      .optional()
      .describe('Do not start it when it could cost more.'),
    keep_on_error: z
      .boolean()
      .default(false)
      .describe('Leave it running when the start fails, to look into it.'),
    snapshot_on_exit: z
      .boolean()
      .default(false)
      .describe('Keep its file system when it ends (experimental at Modal).'),
    provider_options: z
      .strictObject({
        idle_timeout_seconds: seconds(60, 86_400)
          .optional()
          .describe(
            'Modal ends it when nothing was connected for so long: open connections count as use, and a cell that runs without one does not.',
          ),
      })
      .optional()
      .describe('What Modal alone has, passed on as it is: {"idle_timeout_seconds":3600}.'),
    from_snapshot: z
      .string()
      .regex(/^im-\w+$/)
      .optional()
      .describe('Start from this snapshot instead of building an image.'),
  })
  .superRefine((options, context) => {
    for (const { path, message } of mistakesIn(options))
      context.addIssue({ code: 'custom', path: [...path], message });
  });
export type ModalOptions = z.output<typeof modalOptions>;

interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What no single field shows. */
function mistakesIn(options: ModalOptions): readonly Mistake[] {
  const found: Mistake[] = [];
  const no = (path: Mistake['path'], message: string): void => void found.push({ path, message });
  const idle = options.idle_timeout_seconds;
  if (idle === 0 && !options.allow_no_idle_limit)
    no(['idle_timeout_seconds'], 'is 0, so allow_no_idle_limit must be true');
  if (idle !== 0 && idle < 60) no(['idle_timeout_seconds'], 'must be 0 or at least 60');
  if (idle > options.max_lifetime_seconds)
    no(['idle_timeout_seconds'], 'must not be above max_lifetime_seconds');
  if (options.cpu_limit !== undefined && options.cpu_limit < (options.cpu ?? 0))
    no(['cpu_limit'], 'must not be below cpu');
  if (
    options.memory_limit_mib !== undefined &&
    options.memory_limit_mib < (options.memory_mib ?? 0)
  )
    no(['memory_limit_mib'], 'must not be below memory_mib');
  if (options.gpu === undefined && options.gpu_count > 1) no(['gpu_count'], 'needs gpu');
  for (const name of gpuNames(options)) {
    const max = findGpu(name)?.maxCount ?? MAX_GPUS;
    if (options.gpu_count > max) no(['gpu_count'], `must not be above ${max} for ${name}`);
  }
  for (const mistake of mistakesInHeaders(options)) found.push(mistake);
  for (const [at, { dockerfile }] of options.repos.entries())
    if (dockerfile !== undefined && !options.docker)
      no(['repos', at, 'dockerfile'], 'needs docker: true');
  for (const name of wordsOf(options.gpu)) {
    if (findGpu(name) !== undefined) continue;
    const known = GPU_KINDS.map((gpu) => gpu.name);
    no(['gpu'], `Modal has no GPU "${name}".${didYouMean(name, known)} Known: ${known.join(', ')}`);
  }
  for (const [at, { env, provider, keys }] of options.secrets.entries()) {
    if ((env === undefined) === (provider === undefined))
      no(['secrets', at], 'needs either env or provider');
    if (provider !== undefined && keys.length === 0) no(['secrets', at, 'keys'], 'is empty');
  }
  found.push(...mistakesInVariables(options), ...mistakesInPorts(options));
  const mounts = options.volumes.map(({ mount }) => mount.replace(/\/+$/, ''));
  for (const [at, mount] of mounts.entries())
    if (mounts.some((other, index) => index !== at && `${mount}/`.startsWith(`${other}/`)))
      no(['volumes', at, 'mount'], 'lies in another mount');
  const names = options.models.map(({ var_name: name }) => name);
  for (const [at, name] of names.entries())
    if (names.indexOf(name) !== at)
      no(['models', at, 'var_name'], `"${name}" is taken by another model`);
  return found;
}

const wordsOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

/** In order of preference, by the names that Modal knows; empty without a GPU. */
export const gpuNames = ({ gpu }: Pick<ModalOptions, 'gpu'>): readonly string[] =>
  wordsOf(gpu).map((name) => findGpu(name)?.name ?? name);
