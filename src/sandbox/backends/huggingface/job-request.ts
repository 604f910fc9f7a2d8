/** Puts together the request for a Job: what it runs, what it sees, and the labels by which it is found again. */
import { outputsOf } from '#sandbox/common-options.ts';
import { equipmentSpec } from '#sandbox/equipment.ts';
import { KERNEL_PACKAGES, SERVER_PACKAGES } from '#sandbox/kernel-packages.ts';
import { EMPTY_SERVER_S } from '#sandbox/limits.ts';
import { placeOf, type ModelsPlan, type WeightsPlan } from '#sandbox/models/plan.ts';
import { marksOf, marksOfProject } from '#sandbox/rented/marks.ts';
import type { Request } from '#sandbox/rented/rent.ts';
import type { Attempt } from '#sandbox/rented/attempt.ts';
import { repositoryPaths } from '#sandbox/repositories.ts';
import { commandFor, serverSpec } from '#sandbox/rented-server.ts';
import { deriveToken } from '#sandbox/server-token.ts';
import { bucketMounts, keptIn, type Buckets } from './buckets.ts';
import type { HubJobRequest, HubVolume } from './hub-jobs.ts';
import type { HuggingfaceOptions } from './options.ts';
import type { Prepared } from './prepare.ts';
import type { HuggingfaceContext } from './settings.ts';

const DEFAULT_PYTHON = '3.12';
/** How long a file has to be left alone until it is copied to the bucket of its sandbox. */
const KEEP_EVERY_S = 10;

export interface JobAttempt {
  readonly attempt: Attempt;
  readonly options: HuggingfaceOptions;
  readonly huggingface: HuggingfaceContext;
}

export async function jobRequest(
  { options, huggingface, attempt: { context, claimed } }: JobAttempt,
  { account, flavor, secrets, layout, models, repositories, gitHeaders }: Prepared,
  buckets: Buckets,
  { op, nonce, deadlineMs, startedMs, usdPerHour }: Request,
): Promise<HubJobRequest> {
  const { limits = {}, hub, settings } = huggingface;
  const { pythonDir } = settings();
  const spec = serverSpec({
    layout,
    idleS: limits.idleS ?? options.idle_timeout_seconds,
    emptyServerS: limits.emptyServerS ?? EMPTY_SERVER_S,
    envNames: [...Object.keys(options.env), ...Object.keys(secrets.kernel)],
    paths: { ...repositoryPaths(repositories), ...models.paths },
    models: models.kernel,
    // Whether they are complete is seen by their sizes: nothing of ours is in these folders.
    weights: [],
    writable: [],
    forwardPorts: options.ports,
    hubCache: buckets.cache === undefined ? undefined : layout.cache,
  });
  const volumes = [...volumesOf(options, models), ...bucketMounts(buckets, layout)];
  const outputs = outputsOf(options);
  // The folders of repositories say where the workspace is.
  const inside = { workspace: '.', environments: null, commandsIn: layout.workspace };
  const { setup_commands: setupCommands } = options;
  const equipment = { packages: [], repositories, setupCommands };
  const group = options.provider_options?.resource_group_id;
  const token = deriveToken(await hub.token(), nonce);
  return {
    command: await commandFor('job_entry.py', { pythonDir, state: layout.state }),
    arguments: [],
    environment: {
      ...options.env,
      PYTHONUNBUFFERED: '1',
      GLOVEBOX_SPEC: JSON.stringify(spec),
      GLOVEBOX_INSTALL: JSON.stringify(packagesOf(options, flavor.gpu !== undefined)),
      ...(repositories.length + setupCommands.length > 0 && {
        GLOVEBOX_EQUIPMENT: JSON.stringify(equipmentSpec(equipment, inside)),
      }),
      ...(models.weights.length > 0 && { GLOVEBOX_WEIGHTS: JSON.stringify(sizesOf(models)) }),
      ...(models.weights.length > 0 &&
        options.stage === 'copy' && { GLOVEBOX_COPIES: JSON.stringify(copiesOf(models)) }),
      ...(buckets.outputs !== undefined &&
        outputs !== undefined && {
          GLOVEBOX_KEEP: JSON.stringify({
            folder: `${layout.workspace}/${outputs}`,
            bucket: keptIn(layout),
            every_s: limits.keepEveryS ?? KEEP_EVERY_S,
          }),
        }),
    },
    // What stands in the environment, the command or the labels can be read on the page of the Job.
    secrets: {
      ...secrets.build,
      ...secrets.setup,
      ...secrets.kernel,
      ...(Object.keys(gitHeaders).length > 0 && { GLOVEBOX_GIT: JSON.stringify(gitHeaders) }),
      GLOVEBOX_TOKEN: token,
    },
    flavor: flavor.name,
    dockerImage: imageOf(options),
    timeoutSeconds: options.max_lifetime_seconds,
    labels: {
      ...options.tags,
      ...options.labels,
      // Shown on the page of the Job.
      name: context.id,
      ...marksOfProject(account, context.projectDir),
      ...marksOf({
        sandboxId: context.id,
        generation: claimed.generation,
        op,
        nonce,
        port: layout.port,
        deadlineMs,
        startedMs,
        usdPerHour,
      }),
    },
    ...(volumes.length > 0 && { volumes }),
    ...(group !== undefined && { resourceGroupId: group }),
    ...(options.ssh ? { ssh: { enabled: true } } : { expose: { ports: [layout.port] } }),
  };
}

/** Repositories are read-only anyway; it is said all the same. */
function volumesOf(
  { volumes, stage }: HuggingfaceOptions,
  { weights }: ModelsPlan,
): readonly HubVolume[] {
  const own = volumes.map(({ type, source, mount, revision, read_only: readOnly }) => ({
    type,
    source,
    mountPath: mount,
    ...(revision !== undefined && { revision }),
    ...(type === 'bucket' ? readOnly !== undefined && { readOnly } : { readOnly: true }),
  }));
  const ofModels = weights.map((plan) => ({
    type: 'model' as const,
    source: plan.repository,
    mountPath: stage === 'copy' ? mountOf(plan) : placeOf(plan),
    revision: plan.commit,
    readOnly: true,
  }));
  return [...own, ...ofModels];
}

/** Where weights are mounted that are copied from there to their place. */
const mountOf = (plan: WeightsPlan): string => `${placeOf(plan)}-mounted`;

/** By place: the mount that it is copied from. */
const copiesOf = ({ weights }: ModelsPlan): Readonly<Record<string, string>> =>
  Object.fromEntries(weights.map((plan) => [placeOf(plan), mountOf(plan)]));

/** By folder: what has to be there, in bytes. */
const sizesOf = ({ weights }: ModelsPlan): Readonly<Record<string, Record<string, number>>> =>
  Object.fromEntries(
    weights.map((plan) => [
      placeOf(plan),
      Object.fromEntries(plan.files.map(({ name, size }) => [name, size])),
    ]),
  );

const imageOf = ({
  image,
  base_image: base,
  python_version: version,
}: HuggingfaceOptions): string => image ?? base ?? `python:${version ?? DEFAULT_PYTHON}`;

function packagesOf(
  { kernel_packages: wanted, python_packages: own, models, mode }: HuggingfaceOptions,
  hasGpu: boolean,
): readonly string[] {
  const byNeed = hasGpu || models.length > 0 ? 'torch' : mode === 'shell' ? 'minimal' : 'api';
  const kernel =
    typeof wanted === 'string' ? KERNEL_PACKAGES[wanted === 'auto' ? byNeed : wanted] : wanted;
  return [...SERVER_PACKAGES, ...kernel, ...own];
}
