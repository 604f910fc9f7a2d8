/** Puts together the request for a machine: what it runs, what it sees, and the tags by which it is found again. */
import { commandFor, serverSpec } from '#sandbox/rented-server.ts';
import { EMPTY_SERVER_S } from '#sandbox/limits.ts';
import { marksOf, marksOfProject } from '#sandbox/rented/marks.ts';
import type { Request } from '#sandbox/rented/rent.ts';
import type { ModalAttempt } from './attempt.ts';
import { containersPlace } from './containers.ts';
import { DEFAULT_CORES, DEFAULT_MEMORY_MIB } from './hardware.ts';
import { placeOf, type ModelsPlan } from '#sandbox/models/plan.ts';
import type { ModalOptions } from './options.ts';
import { repositoryPaths, type PinnedRepository } from '#sandbox/repositories.ts';
import type { SandboxSpec, VolumeMount } from './sdk-specs.ts';
import type { ModalSdk } from './sdk.ts';
import type { SortedSecrets } from './secrets.ts';
import { serverTokenOf } from './token.ts';

/** One for all sandboxes of an account: what their cells download is kept. */
const CACHE_VOLUME = 'gbx-hub-cache';

export interface Machine {
  readonly gpu: string | undefined;
  readonly secrets: SortedSecrets;
  readonly repositories: readonly PinnedRepository[];
  readonly models: ModelsPlan;
}

export async function machineSpec(
  { attempt, options, connection, layout }: ModalAttempt,
  sdk: ModalSdk,
  { op, nonce, deadlineMs, startedMs, usdPerHour }: Request,
  { gpu, secrets, repositories, models }: Machine,
): Promise<SandboxSpec> {
  const { context, claimed } = attempt;
  const { limits = {} } = connection.modal;
  const cachePaths: Record<string, string> = options.cache_volume ? { HF_HOME: layout.cache } : {};
  const spec = serverSpec({
    layout,
    idleS: limits.idleS ?? options.idle_timeout_seconds,
    emptyServerS: limits.emptyServerS ?? EMPTY_SERVER_S,
    envNames: [...Object.keys(options.env), ...secrets.kernelNames],
    paths: { ...repositoryPaths(repositories), ...models.paths, ...cachePaths },
    containers: options.docker ? containersPlace(layout) : undefined,
    models: models.kernel,
    weights: models.weights.map(placeOf),
    writable: Object.values(cachePaths),
    commits: writableMounts(options, layout.cache),
    lifetimeS: options.max_lifetime_seconds,
    forwardPorts: options.ports,
  });
  const { pythonDir } = connection.settings();
  return {
    name: remoteName(context.id, claimed.generation),
    command: await commandFor('sandbox_entry.py', { pythonDir, state: layout.state }),
    tags: {
      ...options.tags,
      ...marksOfProject(sdk.identity, context.projectDir),
      ...marksOf({
        sandboxId: context.id,
        generation: claimed.generation,
        op,
        nonce,
        port: layout.port,
        access: accessOf(options),
        deadlineMs,
        startedMs,
        usdPerHour,
      }),
    },
    timeoutMs: options.max_lifetime_seconds * 1000,
    idleTimeoutS: options.provider_options?.idle_timeout_seconds,
    gpu: gpu === undefined || options.gpu_count === 1 ? gpu : `${gpu}:${options.gpu_count}`,
    cpu: options.cpu ?? DEFAULT_CORES,
    cpuLimit: options.cpu_limit,
    memoryMiB: options.memory_mib ?? DEFAULT_MEMORY_MIB,
    memoryLimitMiB: options.memory_limit_mib,
    region: options.region,
    cloud: options.cloud,
    env: { ...options.env, GLOVEBOX_SPEC: JSON.stringify(spec) },
    secrets: { ...secrets.values, GLOVEBOX_TOKEN: await serverTokenOf(nonce, connection) },
    namedSecrets: secrets.named,
    volumes: volumesOf(options, layout.cache, models),
    // Behind Modal's gate no port is public.
    ports: accessOf(options) === undefined ? [layout.port] : [],
    network: networkOf(options),
    headerSecrets: options.header_secrets,
    experimental: {
      ...(options.docker && { enable_docker: true }),
      ...(options.snapshot_on_exit && { enable_exit_snapshot: true }),
    },
  };
}

/** What is written there is kept once `sync` has run. Volumes of models are nobody's to write. */
export const writableMounts = (
  { volumes, cache_volume: hasCache }: Pick<ModalOptions, 'volumes' | 'cache_volume'>,
  cache: string,
): readonly string[] => [
  ...volumes.flatMap(({ mount, read_only: isReadOnly }) => (isReadOnly === true ? [] : [mount])),
  ...(hasCache ? [cache] : []),
];

function volumesOf(
  options: ModalOptions,
  cache: string,
  models: ModelsPlan,
): readonly VolumeMount[] {
  const own = options.volumes.map(({ name, mount, read_only, sub_path }) => ({
    name,
    mount,
    ...(read_only !== undefined && { readOnly: read_only }),
    ...(sub_path !== undefined && { subPath: sub_path }),
  }));
  // One volume may hold several commits of a repository; it is mounted once.
  const weights = new Map(
    models.weights.map(({ volume, mount }) => [mount, { name: volume, mount, readOnly: true }]),
  );
  const shared = options.cache_volume ? [{ name: CACHE_VOLUME, mount: cache }] : [];
  return [...own, ...weights.values(), ...shared];
}

function networkOf({ network, inbound_cidrs: inboundCidrs }: ModalOptions) {
  const inbound = inboundCidrs === undefined ? {} : { inboundCidrs };
  if (network === 'open') return inbound;
  if (network === 'none') return { ...inbound, block: true };
  const { domains = [], cidrs = [] } = network;
  return { ...inbound, domains, cidrs };
}

/** Undefined is the tunnel that every sandbox had before there was another way. */
export const accessOf = ({ access }: Pick<ModalOptions, 'access'>): string | undefined =>
  access === 'tunnel' ? undefined : access;

/** Derived from our own name, so that a second one of the same start is refused by Modal itself; shorter than 64 characters. */
function remoteName(id: string, generation: number): string {
  const suffix = `-g${generation}`;
  return `${id.slice(-(63 - suffix.length))}${suffix}`.replace(/^[^A-Za-z0-9]+/, '');
}
