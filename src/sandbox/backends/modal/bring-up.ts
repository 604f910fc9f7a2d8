/** The steps of a start, in the order that spends least: what can fail for nothing fails before a machine is rented. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { sleep } from '#platform/clock.ts';
import { change, type Attempt } from './attempt.ts';
import { commandFor, serverSpec } from './container.ts';
import { checkBudget, priceOf } from './cost.ts';
import { rent, type Request } from './create.ts';
import { addressOf, checkHealth, endpointAt, tokenOf } from './endpoint.ts';
import { baseImageOf, planImage, planOnSnapshot } from './image.ts';
import { logTail } from './log.ts';
import { gpuNames } from './options.ts';
import type { ModalRecord } from './record.ts';
import type { ModalSdk, SandboxSpec, VolumeMount } from './sdk.ts';
import { secretsFor } from './secrets.ts';
import { ownerTag, projectTag, TAG } from './tags.ts';

const HEALTH_EVERY_MS = 250;
const POLL_EVERY_MS = 2000;
const ONE_ANSWER_MS = 5000;
/** The server looks once a minute, and whoever ended a kernel may ask for another one. */
const EMPTY_SERVER_S = 120;

export async function bringUp(attempt: Attempt): Promise<void> {
  const { options, context, connection } = attempt;
  const { signal, report } = context;
  report({ message: 'checking options, secrets and prices' });
  const sdk = await connection.sdk();
  const candidates = gpuNames(options);
  const wanted = candidates.length === 0 ? [undefined] : candidates;
  for (const gpu of wanted) checkBudget(options, gpu);
  const secrets = await secretsFor(options, connection.settings().variables, sdk, signal);
  report({ message: 'building the image' });
  const image = await sdk.buildImage(
    {
      base: baseImageOf(options),
      snapshotId: options.from_snapshot,
      layers:
        options.from_snapshot === undefined ? planImage(options, []) : planOnSnapshot(options),
      ...(Object.keys(secrets.build).length > 0 && { buildSecrets: secrets.build }),
    },
    signal,
    (line) => report({ message: `image: ${line}`.slice(0, 200) }),
  );
  for (const [at, gpu] of wanted.entries()) {
    try {
      await rent(attempt, {
        gpu,
        usdPerHour: priceOf(options, gpu).usdPerHour,
        lifetimeMs: options.max_lifetime_seconds * 1000,
        capacityMs: options.capacity_timeout_seconds * 1000,
        startMs: options.start_timeout_seconds * 1000,
        ask: async (request) =>
          sdk.create(
            image,
            await sandboxSpec(attempt, sdk, request, gpu, secrets),
            request.onCreated,
          ),
        handOver: (record) => handOver(attempt, record),
      });
      return;
    } catch (error) {
      const next = wanted[at + 1];
      if (next === undefined || !isGloveboxError(error, 'sandbox/no-capacity')) throw error;
      report({ message: `no ${gpu} is free; trying ${next}` });
    }
  }
}

/** Brings a rented machine into use: waits for its server. */
export async function handOver(attempt: Attempt, record: ModalRecord): Promise<void> {
  const { clock } = attempt.connection;
  await untilAnswering(attempt, record);
  await change(attempt, (current) => ({ ...current, readyMs: clock.now() }));
}

async function sandboxSpec(
  attempt: Attempt,
  sdk: ModalSdk,
  { op, nonce, deadlineMs }: Request,
  gpu: string | undefined,
  secrets: Awaited<ReturnType<typeof secretsFor>>,
): Promise<SandboxSpec> {
  const { options, context, connection, claimed, layout } = attempt;
  const { network } = options;
  const volumes: VolumeMount[] = options.volumes.map(({ name, mount, read_only, sub_path }) => ({
    name,
    mount,
    ...(read_only !== undefined && { readOnly: read_only }),
    ...(sub_path !== undefined && { subPath: sub_path }),
  }));
  const paths: Record<string, string> = {};
  const writable: string[] = [];
  if (options.cache_volume) {
    volumes.push({ name: 'gbx-hub-cache', mount: layout.cache });
    paths['HF_HOME'] = layout.cache;
    writable.push(layout.cache);
  }
  const spec = serverSpec({
    layout,
    idleS: options.idle_timeout_seconds,
    emptyServerS: connection.modal.emptyServerS ?? EMPTY_SERVER_S,
    envNames: [...Object.keys(options.env), ...secrets.kernelNames],
    paths,
    writable,
  });
  return {
    name: remoteName(context.id, claimed.generation),
    command: await commandFor('sandbox_entry.py', {
      pythonDir: connection.settings().pythonDir,
      state: layout.state,
    }),
    tags: {
      ...options.tags,
      [TAG.glovebox]: '1',
      [TAG.id]: context.id,
      [TAG.owner]: ownerTag(sdk.identity),
      [TAG.project]: projectTag(context.projectDir),
      [TAG.op]: op,
      [TAG.nonce]: nonce,
      [TAG.port]: String(layout.port),
      [TAG.deadline]: String(deadlineMs),
      [TAG.generation]: String(claimed.generation),
    },
    timeoutMs: options.max_lifetime_seconds * 1000,
    gpu: gpu === undefined || options.gpu_count === 1 ? gpu : `${gpu}:${options.gpu_count}`,
    cpu: options.cpu,
    cpuLimit: options.cpu_limit,
    memoryMiB: options.memory_mib,
    memoryLimitMiB: options.memory_limit_mib,
    region: options.region,
    cloud: options.cloud,
    env: { ...options.env, GLOVEBOX_SPEC: JSON.stringify(spec) },
    secrets: { ...secrets.values, GLOVEBOX_TOKEN: await tokenOf(context.id, nonce, connection) },
    namedSecrets: secrets.named,
    volumes,
    ports: [layout.port],
    network: {
      ...(network === 'none' && { block: true }),
      ...(typeof network === 'object' && {
        ...(network.domains !== undefined && { domains: network.domains }),
        ...(network.cidrs !== undefined && { cidrs: network.cidrs }),
      }),
      ...(options.inbound_cidrs !== undefined && { inboundCidrs: options.inbound_cidrs }),
    },
    experimental: {
      ...(options.docker && { enable_docker: true }),
      ...(options.snapshot_on_exit && { enable_exit_snapshot: true }),
    },
  };
}

/** Derived from our own name, so that a second one of the same start is refused by Modal itself; shorter than 64 characters. */
function remoteName(id: string, generation: number): string {
  const suffix = `-g${generation}`;
  return `${id.slice(-(63 - suffix.length))}${suffix}`.replace(/^[^A-Za-z0-9]+/, '');
}

async function untilAnswering(attempt: Attempt, record: ModalRecord): Promise<void> {
  const { context, connection } = attempt;
  const { signal, id } = context;
  const { clock } = connection;
  const address = addressOf(record, {});
  if (address === undefined) throw new GloveboxError('internal', 'A rented sandbox without id.');
  const sdk = await connection.sdk();
  const limitMs = (record.startLimitMs ?? 0) - clock.now();
  const deadline = clock.monotonic() + limitMs;
  context.report({ message: `waiting for Jupyter in ${address.modalId}` });
  let lookedMs = Number.NEGATIVE_INFINITY;
  while (clock.monotonic() < deadline) {
    const endpoint = await endpointAt(id, address, connection, signal).catch((error: unknown) => {
      if (isGloveboxError(error, 'server/unreachable')) return undefined;
      throw error;
    });
    if (endpoint !== undefined && (await checkHealth(endpoint, ONE_ANSWER_MS, signal)) === 'ours')
      return;
    if (clock.monotonic() - lookedMs >= POLL_EVERY_MS) {
      lookedMs = clock.monotonic();
      const code = await sdk.poll(address.modalId, signal);
      if (code !== 'running') throw await failed(attempt, `ended (${code}) before it answered`);
    }
    await sleep(clock, HEALTH_EVERY_MS, signal);
  }
  throw await failed(attempt, `did not answer within ${Math.round(limitMs / 1000)} s`);
}

async function failed(
  { store, connection, context }: Attempt,
  how: string,
): Promise<GloveboxError> {
  const { modalId } = (await store.read()) ?? {};
  const tail = await logTail(modalId, connection, context.signal);
  const text = tail.length === 0 ? [] : ['The end of its log:', ...tail];
  return new GloveboxError(
    'sandbox/start-failed',
    [`The Jupyter server in Modal sandbox ${modalId} ${how}.`, ...text].join('\n'),
    { hint: 'Nothing runs any more. keep_on_error leaves the next one running, to look into it.' },
  );
}
