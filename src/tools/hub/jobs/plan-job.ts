/** Checks everything about a Job before anybody is asked, and says it in the words that a person decides by. */
import { createHash } from 'node:crypto';
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { listHardware, type Flavor, type Hardware } from '#hub/jobs/hardware.ts';
import type { JobRequest, JobVolume } from '#hub/jobs/job.ts';
import type { Advisory, CallFacts } from '#policy/contract.ts';
import type { Estimate } from '#policy/cost.ts';
import { mayInherit } from '#policy/job-images.ts';
import { fact } from '#policy/prompt.ts';
import { parseTimeLimitS } from '#policy/time-limit.ts';
import type { ToolContext } from '../../define-tool.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { checkJob, type Checked } from './job-checks.ts';
import { estimateJob, priceWords } from './job-cost.ts';
import { imageOf } from './job-image.ts';
import { placeOf, type Place } from './job-place.ts';
import { launchScript, renderCommand } from './launcher.ts';
import { readScript, type Script } from './script.ts';
import { gatherSecrets, type GatheredSecrets } from './secrets.ts';
import { planTracking, trackingFact, trackingVariables, type Tracking } from './tracking.ts';

export interface JobPlan {
  readonly place: Place;
  readonly request: JobRequest;
  /** Absent when the Hub does not list it now. */
  readonly flavor: Flavor | undefined;
  /** The most that one run can cost. */
  readonly cost: Estimate;
  readonly about: CallFacts;
  /** What the checks of the script found, the most serious first. */
  readonly advisories: readonly Advisory[];
  /** Where what it logs is shown. */
  readonly tracking: Tracking | undefined;
  readonly facts: readonly string[];
  readonly binding: Readonly<Record<string, string>>;
  readonly scriptSha256: string | undefined;
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
  const timeoutSeconds = parseTimeLimitS(input.timeout);
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
  context.learnSecrets(Object.values(secrets.values));
  const place = await placeOf(input.namespace, context);
  const hardware = await listHardware(hub, signal);
  const name = input.hardware_flavor ?? DEFAULT_FLAVOR;
  const flavor = flavorOf(name, hardware);
  const ports = input.expose ?? [];
  const tracking = await planTracking(input, place, context);
  const request: JobRequest = {
    command,
    arguments: [],
    environment: { ...ENVIRONMENT, ...trackingVariables(tracking), ...input.env, ...environment },
    ...(Object.keys(secrets.values).length > 0 && { secrets: secrets.values }),
    flavor: name,
    ...(where.spaceId === undefined ? { dockerImage: where.image } : { spaceId: where.spaceId }),
    timeoutSeconds,
    labels,
    ...(volumes.length > 0 && { volumes }),
    ...(ports.length > 0 && { expose: { ports } }),
    ...(input.ssh === true && { ssh: { enabled: true } }),
  };
  const exposed = ports.length > 0;
  const cost = estimateJob(flavor, hardware, { seconds: timeoutSeconds, exposed });
  const sha256 = script?.kind === 'code' ? digest(script.bytes) : undefined;
  const checked = await checkJob({ input, script, request, hardware }, context);
  const others = Object.keys(secrets.values).filter((key) => key !== 'HF_TOKEN');
  return {
    place,
    request,
    flavor,
    cost,
    about: {
      ownership: place.isOrganisation ? 'organisation' : 'own',
      hardware: name,
      isExposed: exposed || input.ssh === true || others.length > 0,
      givesTokenAway: 'HF_TOKEN' in secrets.values && !mayInherit(where.image),
      logsInPublic: tracking?.isPublic ?? false,
    },
    advisories: checked.advisories,
    tracking,
    facts: factsOf(
      { place, request, flavor, tracking },
      { input, script, secrets, sha256, checked },
    ),
    binding: {
      namespace: place.namespace,
      request: digest(JSON.stringify(request)),
      ...(sha256 !== undefined && { script: sha256 }),
      ...(tracking !== undefined && { trackio: `${tracking.spaceId} ${tracking.exists}` }),
    },
    scriptSha256: sha256,
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
  readonly sha256: string | undefined;
  readonly checked: Checked;
}

function factsOf(
  { place, request, flavor, tracking }: Pick<JobPlan, 'place' | 'request' | 'flavor' | 'tracking'>,
  { input, script, secrets, sha256, checked }: Said,
): readonly string[] {
  const { timeoutSeconds, volumes = [], expose } = request;
  const kind = place.isOrganisation ? 'organisation; it is billed' : 'yours';
  const hash = sha256 === undefined ? '' : `, sha256 ${sha256.slice(0, 12)}`;
  return [
    fact('account', `${place.namespace} (${kind})`),
    fact('hardware', `${request.flavor}${flavor === undefined ? '' : `: ${flavorWords(flavor)}`}`),
    script === undefined
      ? fact('command', renderCommand(request.command))
      : fact('code', `${script.words}${hash}`),
    fact('image', request.dockerImage ?? `the Space ${request.spaceId}`),
    ...(input.dependencies === undefined ? [] : [fact('packages', input.dependencies.join(', '))]),
    fact('gets', secrets.words.length === 0 ? 'no secrets' : secrets.words.join(', ')),
    ...(checked.savesTo === undefined ? [] : [fact('result', checked.savesTo)]),
    ...volumes.map(({ type, source, mountPath }) =>
      fact('mounts', `${type} ${source} at ${mountPath}`),
    ),
    ...(tracking === undefined ? [] : [trackingFact(tracking)]),
    ...(expose === undefined ? [] : [fact('open ports', expose.ports.join(', '))]),
    ...(request.ssh === undefined ? [] : [fact('open', 'to SSH')]),
    ...(timeoutSeconds > 86_400 ? [fact('warning', 'it may run longer than a day')] : []),
  ];
}

/** `12 vCPU, 46 GB, 1x A10G 24 GB, $1.50/h` */
export function flavorWords(flavor: Flavor): string {
  const { machine, accelerator } = flavor;
  const memory = accelerator?.memoryGb === undefined ? '' : ` ${accelerator.memoryGb} GB`;
  const gpu =
    accelerator === undefined ? [] : [`${accelerator.count}x ${accelerator.model}${memory}`];
  return [...(machine === '' ? [] : [machine]), ...gpu, priceWords(flavor)].join(', ');
}
