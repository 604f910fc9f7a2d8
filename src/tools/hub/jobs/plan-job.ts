/** Checks everything about a Job before anybody is asked, and says it in the words that a person decides by. */
import { createHash } from 'node:crypto';
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { costMicroUsd, hourlyUsd, renderMicroUsd } from '#hub/jobs/cost.ts';
import { listHardware, type Flavor, type Hardware } from '#hub/jobs/hardware.ts';
import type { JobRequest, JobVolume } from '#hub/jobs/job.ts';
import { DEFAULT_TIME_LIMIT, parseTimeLimitS } from '#hub/jobs/time-limit.ts';
import { renderDuration } from '#core/units.ts';
import type { ToolContext } from '../../define-tool.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { imageOf } from './job-image.ts';
import { placeOf, type Place } from './job-place.ts';
import { launchScript, renderCommand } from './launcher.ts';
import { readScript, type Script } from './script.ts';
import { gatherSecrets, type GatheredSecrets } from './secrets.ts';

export interface JobPlan {
  readonly place: Place;
  readonly request: JobRequest;
  /** Absent when the Hub does not list it now. */
  readonly flavor: Flavor | undefined;
  /** The most that one run can cost; absent when the price is not known. */
  readonly ceilingMicroUsd: number | undefined;
  readonly facts: readonly string[];
  readonly binding: Readonly<Record<string, string>>;
}

const DEFAULT_FLAVOR = 'cpu-basic';

/** So that a log can be read; the user's values win. */
const ENVIRONMENT = {
  PYTHONUNBUFFERED: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  TQDM_DISABLE: '1',
  TRANSFORMERS_VERBOSITY: 'warning',
  UV_NO_PROGRESS: '1',
};

export const INSTALLATION_LABEL = 'glovebox-installation';
const LABEL = /^[A-Za-z0-9_-]{1,100}$/;

export async function planJob(input: JobsInput, context: ToolContext): Promise<JobPlan> {
  const { hub, jobs, signal } = context;
  if ((input.script === undefined) === (input.command === undefined)) {
    throw new GloveboxError(
      'input/invalid',
      `operation "${input.operation}" needs exactly one of script and command.`,
      { hint: 'script is Python for uv; command is program and arguments in an image.' },
    );
  }
  const timeoutSeconds = parseTimeLimitS(input.timeout ?? DEFAULT_TIME_LIMIT);
  const labels = { ...labelsOf(input), [INSTALLATION_LABEL]: jobs.installation };
  const volumes = volumesOf(input);
  const where = imageOf(input);
  const script = input.script === undefined ? undefined : await readScript(input.script, context);
  const { command, environment } =
    script === undefined
      ? { command: input.command ?? [], environment: {} }
      : launchScript(script, {
          args: input.script_args ?? [],
          dependencies: input.dependencies ?? [],
          python: input.python,
        });
  const secrets = await gatherSecrets(input, where.image, context);
  const place = await placeOf(input.namespace, context);
  const hardware = await listHardware(hub, signal);
  const name = input.hardware_flavor ?? DEFAULT_FLAVOR;
  const flavor = flavorOf(name, hardware);
  const ports = input.expose ?? [];
  const request: JobRequest = {
    command,
    arguments: [],
    environment: { ...ENVIRONMENT, ...input.env, ...environment },
    ...(Object.keys(secrets.values).length > 0 && { secrets: secrets.values }),
    flavor: name,
    ...(where.spaceId === undefined ? { dockerImage: where.image } : { spaceId: where.spaceId }),
    timeoutSeconds,
    labels,
    ...(volumes.length > 0 && { volumes }),
    ...(ports.length > 0 && { expose: { ports } }),
    ...(input.ssh === true && { ssh: { enabled: true } }),
  };
  const priced = hardware.source === 'live' ? flavor : undefined;
  const ceilingMicroUsd = costMicroUsd(priced, timeoutSeconds, ports.length > 0);
  const plan = { place, request, flavor, ceilingMicroUsd };
  return {
    ...plan,
    facts: factsOf(plan, { input, script, secrets, hardware }),
    binding: {
      namespace: place.namespace,
      request: digest(JSON.stringify(request)),
      ...(script?.kind === 'code' && { script: digest(script.bytes) }),
    },
  };
}

const digest = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

/** @throws GloveboxError `input/invalid`, but only when the list is the Hub's own and new. */
function flavorOf(name: string, { flavors, source }: Hardware): Flavor | undefined {
  const found = flavors.find((flavor) => flavor.name === name);
  if (found !== undefined || source !== 'live') return found;
  const names = flavors.map((flavor) => flavor.name);
  const priced = flavors.map((flavor) => `${flavor.name} (${priceWords(flavor)})`);
  throw new GloveboxError(
    'input/invalid',
    `hardware_flavor: the Hub has no "${name}".${didYouMean(name, names)}`,
    { hint: `there are: ${priced.join(', ')}.` },
  );
}

export function priceWords(flavor: Flavor): string {
  const usd = hourlyUsd(flavor);
  return usd === undefined ? 'price unknown' : `$${usd.toFixed(2)}/h`;
}

function labelsOf({ labels = {}, name }: JobsInput): Record<string, string> {
  const all = { ...labels, ...(name !== undefined && { name }) };
  for (const [key, value] of Object.entries(all)) {
    if (!LABEL.test(key) || !LABEL.test(value))
      throw new GloveboxError('input/invalid', `The label ${key}=${value} cannot be used.`, {
        hint: 'names and labels are letters, digits, - and _, at most 100 of them.',
      });
    if (key.startsWith('glovebox'))
      throw new GloveboxError('input/invalid', `The label ${key} is reserved.`, {
        hint: 'choose one that does not begin with glovebox.',
      });
  }
  return all;
}

function volumesOf({ volumes = [] }: JobsInput): readonly JobVolume[] {
  return volumes.map(({ type, source, mount_path: mountPath, read_only: readOnly }) => ({
    type,
    source,
    mountPath,
    ...(readOnly !== undefined && { readOnly }),
  }));
}

interface Said {
  readonly input: JobsInput;
  readonly script: Script | undefined;
  readonly secrets: GatheredSecrets;
  readonly hardware: Hardware;
}

function factsOf(
  { place, request, flavor, ceilingMicroUsd }: Pick<JobPlan, 'place' | 'request' | 'flavor' | 'ceilingMicroUsd'>,
  { input, script, secrets, hardware }: Said,
): readonly string[] {
  const { timeoutSeconds, volumes = [], expose } = request;
  const kind = place.isOrganisation ? 'an organisation, which is billed' : 'yours';
  const minutes = Math.ceil(timeoutSeconds / 60);
  const cost =
    ceilingMicroUsd === undefined
      ? 'not known: no price from the Hub'
      : `${renderMicroUsd(ceilingMicroUsd)} (${minutes} min)`;
  const code =
    script === undefined
      ? `command: ${renderCommand(request.command)}`
      : `code: ${script.words}${script.kind === 'code' ? `, sha256 ${digest(script.bytes).slice(0, 12)}` : ''}`;
  const list = (values: readonly string[]): string => values.join(', ');
  return [
    `account: ${place.namespace} (${kind})`,
    `hardware: ${request.flavor}${flavor === undefined ? '' : `: ${flavorWords(flavor)}`}`,
    `prices: ${hardware.source === 'live' ? 'of the Hub, not older than 6 hours' : 'not from the Hub now'}`,
    `limit: ${renderDuration(timeoutSeconds * 1000)}; the most it can cost: ${cost}`,
    code,
    `image: ${request.dockerImage ?? `the Space ${request.spaceId}`}`,
    ...(input.dependencies === undefined ? [] : [`packages: ${list(input.dependencies)}`]),
    `gets: ${secrets.words.length === 0 ? 'no secrets' : list(secrets.words)}`,
    ...volumes.map(({ type, source, mountPath }) => `mounts: ${type} ${source} at ${mountPath}`),
    ...(expose === undefined ? [] : [`open ports: ${list(expose.ports.map(String))}`]),
    ...(request.ssh === undefined ? [] : ['open to SSH']),
    ...(timeoutSeconds > 86_400 ? ['warning: longer than a day'] : []),
  ];
}

export function flavorWords(flavor: Flavor): string {
  const { machine, accelerator } = flavor;
  const gpu =
    accelerator === undefined
      ? []
      : [
          `${accelerator.count}x ${accelerator.model}${accelerator.memoryGb === undefined ? '' : ` ${accelerator.memoryGb} GB`}`,
        ];
  return [...(machine === '' ? [] : [machine]), ...gpu, priceWords(flavor)].join(', ');
}
