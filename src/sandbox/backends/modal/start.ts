/** The steps of a start at Modal, in the order that spends least: what can fail for nothing fails before a machine is rented. */
import { isGloveboxError } from '#core/errors.ts';
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { commitsOf } from '#sandbox/equipment.ts';
import { beforehandCeilingUsd } from '#sandbox/beforehand.ts';
import { layoutBelow, type Layout } from '#sandbox/layout.ts';
import { gatherFiles } from '#sandbox/project-files.ts';
import type { Lease } from '#sandbox/rented/lease.ts';
import { bringIntoUse, rent } from '#sandbox/rented/rent.ts';
import { startRented } from '#sandbox/rented/start.ts';
import { untilAnswering } from '#sandbox/rented/until-answering.ts';
import type { TarEntry } from '#sandbox/tar.ts';
import type { ModalAttempt } from './attempt.ts';
import type { Connection } from './connection.ts';
import { startContainers } from './containers.ts';
import { priceOf } from './cost.ts';
import { ratesFrom, type Rates } from './rates.ts';
import { baseImageOf, planImage, planOnSnapshot } from './image.ts';
import { accessOf, machineSpec, writableMounts } from './machine-spec.ts';
import { fetchWeights, forgetWeights } from './models/fetch.ts';
import { fetchedUsd, fetchMachines } from './models/fetch-machine.ts';
import type { ModalOptions } from './options.ts';
import { filesPlace, prepare, type Prepared } from './prepare.ts';
import { uploadFiles } from './upload.ts';

export async function startModal(
  options: ModalOptions,
  context: StartContext,
  connection: Connection,
): Promise<SandboxStatus> {
  const withLayout = async () => ({
    options,
    connection,
    layout: await layoutFor(options, connection),
  });
  return startRented(context, connection.provider, {
    keepOnError: options.keep_on_error,
    bringUp: async (attempt) => bringUp({ attempt, ...(await withLayout()) }),
    resume: async (attempt, lease) => resume({ attempt, ...(await withLayout()) }, lease),
  });
}

export const layoutFor = async (options: ModalOptions, { modal }: Connection): Promise<Layout> =>
  (await modal.layout?.()) ?? layoutBelow(modal.settings().root, options.jupyter_port);

async function bringUp(modal: ModalAttempt): Promise<void> {
  const { attempt, options, connection, layout } = modal;
  const { signal, report, projectDir } = attempt.context;
  report({ message: 'checking options, secrets, models and prices' });
  const prepared = await prepare(options, { connection, layout, projectDir, signal });
  const { sdk, gpus, secrets, files, repositories, gitHeaders, models } = prepared;
  if (repositories.length > 0) await attempt.context.remember(commitsOf(repositories));
  const rates = ratesFrom(connection.settings().prices);
  report({ message: 'building the image' });
  const image = await sdk.buildImage(
    {
      base: baseImageOf(options),
      snapshotId: options.from_snapshot,
      layers:
        options.from_snapshot === undefined
          ? planImage(options, repositories, gitHeaders)
          : planOnSnapshot(options),
      ...(Object.keys(secrets.build).length > 0 && { buildSecrets: secrets.build }),
    },
    signal,
    (line) => report({ message: `image: ${line}`.slice(0, 200) }),
  );
  // For whoever stops it, who knows of its options no more.
  await attempt.context.remember({ commits: [...writableMounts(options, layout.cache)] });
  await fetchCounted(modal, prepared, rates);
  for (const [at, gpu] of gpus.entries()) {
    try {
      await rent(attempt, {
        hardware: gpu,
        usdPerHour: priceOf(options, gpu, rates).usdPerHour,
        port: layout.port,
        access: accessOf(options),
        lifetimeMs: options.max_lifetime_seconds * 1000,
        capacityMs: options.capacity_timeout_seconds * 1000,
        ask: async (request) => {
          const machine = { gpu, secrets, repositories, models };
          const spec = await machineSpec(modal, sdk, request, machine);
          const machineId = await sdk.create(image, spec, request.onCreated);
          // Modal answers when there is a machine.
          return { machineId, startedMs: connection.clock.now() };
        },
        handOver: (lease) => handOver(modal, lease, files),
      });
      return;
    } catch (error) {
      // Whatever kept it from starting may be weights that are not what was noted here.
      if (isGloveboxError(error, 'sandbox/start-failed'))
        await forgetWeights(models.weights, connection);
      const next = gpus[at + 1];
      if (next === undefined || !isGloveboxError(error, 'sandbox/no-capacity')) throw error;
      report({ message: `no ${gpu} is free; trying ${next}` });
    }
  }
}

/** What it can cost is on the lease before a machine is rented for it; what it did cost takes its place. */
async function fetchCounted(
  { attempt, connection, layout }: ModalAttempt,
  { sdk, secrets, toFetch }: Prepared,
  rates: Rates,
): Promise<void> {
  if (toFetch.length === 0) return;
  const { claimed, record, context } = attempt;
  // Of a start that was cut off, all that it might have spent stays.
  const earlierUsd = claimed.beforehandUsd ?? 0;
  const keep = async (beforehandUsd: number): Promise<void> => {
    await record.changeAs(claimed.claim, (current) => ({ ...current, beforehandUsd }));
    await context.remember({ beforehandUsd });
  };
  await keep(earlierUsd + beforehandCeilingUsd(fetchMachines(toFetch.length, rates)));
  let usd = earlierUsd;
  const { signal, report } = context;
  const fetching = fetchWeights(toFetch, {
    connection,
    sdk,
    layout,
    hubUrl: connection.settings().hubUrl,
    secrets: secrets.download,
    signal,
    report,
    onPaid: (ranMs) => {
      usd += fetchedUsd(ranMs, rates);
    },
  });
  // Why it failed matters more than what it cost: then all of it stays counted.
  await fetching.catch(async (error: unknown) => {
    await keep(usd).catch(() => undefined);
    throw error;
  });
  await keep(usd);
}

/** Goes on with a machine whose starter died after it had rented it. */
async function resume(modal: ModalAttempt, lease: Lease): Promise<void> {
  const { options, attempt, layout } = modal;
  const { projectDir, signal } = attempt.context;
  const files = await gatherFiles(options.files, filesPlace(layout, projectDir, signal));
  await bringIntoUse(attempt, lease, (now) => handOver(modal, now, files));
}

/** Its server answers, and the user's files are there. */
async function handOver(
  { attempt, options, connection, layout }: ModalAttempt,
  lease: Lease,
  files: readonly TarEntry[],
): Promise<{ readonly startedMs?: number }> {
  const { signal, report } = attempt.context;
  await untilAnswering(attempt, lease, {
    capacityMs: options.capacity_timeout_seconds * 1000,
    startMs: options.start_timeout_seconds * 1000,
  });
  if (files.length > 0 && lease.machineId !== undefined) {
    report({ message: `uploading ${files.length} files` });
    const place = { modalId: lease.machineId, workspace: layout.workspace };
    await uploadFiles(files, place, await connection.sdk(), signal);
  }
  if (lease.machineId !== undefined)
    await startContainers(options, {
      modalId: lease.machineId,
      layout,
      pythonDir: connection.settings().pythonDir,
      sdk: await connection.sdk(),
      signal,
      report,
    });
  return {};
}
