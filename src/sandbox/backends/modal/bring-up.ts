/** The steps of a start, in the order that spends least: what can fail for nothing fails before a machine is rented. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError } from '#core/errors.ts';
import { change, type Attempt } from './attempt.ts';
import { priceOf } from './cost.ts';
import { ratesFrom } from './rates.ts';
import { rent, takeOver } from './create.ts';
import { baseImageOf, planImage, planOnSnapshot } from './image.ts';
import { machineSpec } from './machine-spec.ts';
import { fetchWeights, forgetWeights } from './models/fetch.ts';
import { prepare } from './prepare.ts';
import type { ModalRecord } from './record.ts';
import type { TarEntry } from './tar.ts';
import { untilAnswering } from './until-answering.ts';
import { gatherFiles, uploadFiles } from './upload.ts';

export async function bringUp(attempt: Attempt): Promise<void> {
  const { options, context, connection, layout } = attempt;
  const { signal, report, projectDir } = context;
  report({ message: 'checking options, secrets, models and prices' });
  const prepared = await prepare(options, { connection, layout, projectDir, signal });
  const { sdk, gpus, secrets, files, repositories, models } = prepared;
  report({ message: 'building the image' });
  const image = await sdk.buildImage(
    {
      base: baseImageOf(options),
      snapshotId: options.from_snapshot,
      layers:
        options.from_snapshot === undefined
          ? planImage(options, repositories)
          : planOnSnapshot(options),
      ...(Object.keys(secrets.build).length > 0 && { buildSecrets: secrets.build }),
    },
    signal,
    (line) => report({ message: `image: ${line}`.slice(0, 200) }),
  );
  const { hubUrl, prices } = connection.settings();
  const fetching = { connection, sdk, layout, hubUrl, secrets: secrets.download, signal, report };
  await fetchWeights(models.weights, fetching);
  for (const [at, gpu] of gpus.entries()) {
    try {
      await rent(attempt, {
        gpu,
        usdPerHour: priceOf(options, gpu, ratesFrom(prices)).usdPerHour,
        lifetimeMs: options.max_lifetime_seconds * 1000,
        capacityMs: options.capacity_timeout_seconds * 1000,
        startMs: options.start_timeout_seconds * 1000,
        ask: async (request) => {
          const machine = { gpu, secrets, repositories, models };
          const spec = await machineSpec(attempt, sdk, request, machine);
          return sdk.create(image, spec, request.onCreated);
        },
        handOver: (record) => handOver(attempt, record, files),
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

/** Goes on with a machine whose starter died after it had rented it. */
export async function resume(attempt: Attempt, record: ModalRecord): Promise<void> {
  const { options, context } = attempt;
  const files = await gatherFiles(options.files, context.projectDir, context.signal);
  await takeOver(attempt, record, (now) => handOver(attempt, now, files));
}

/** Brings a rented machine into use: its server answers, and the user's files are there. */
async function handOver(
  attempt: Attempt,
  record: ModalRecord,
  files: readonly TarEntry[],
): Promise<void> {
  const { context, connection, layout } = attempt;
  const { clock } = connection;
  await untilAnswering(attempt, record);
  if (files.length > 0 && record.modalId !== undefined) {
    context.report({ message: `uploading ${files.length} files` });
    const place = { modalId: record.modalId, workspace: layout.workspace };
    await uploadFiles(files, place, await connection.sdk(), context.signal);
  }
  // The last moment at which giving up ends it; from here on it is the caller's.
  throwIfAborted(context.signal);
  await change(attempt, (current) => ({ ...current, readyMs: clock.now() }));
}
