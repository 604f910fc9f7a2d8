/** The steps of a start, in the order that spends least: what can fail for nothing fails before a machine is rented. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError } from '#core/errors.ts';
import { change, type Attempt } from './attempt.ts';
import { checkBudget, priceOf } from './cost.ts';
import { rent, takeOver } from './create.ts';
import { baseImageOf, planImage, planOnSnapshot } from './image.ts';
import { machineSpec } from './machine-spec.ts';
import { fetchWeights, forgetWeights } from './models/fetch.ts';
import { checkMemory } from './models/memory.ts';
import { planModels, type ModelsPlan } from './models/plan.ts';
import { gpuNames } from './options.ts';
import type { ModalRecord } from './record.ts';
import { pinRepositories } from './repositories.ts';
import type { ModalSdk } from './sdk.ts';
import { secretsFor, type SortedSecrets } from './secrets.ts';
import type { TarEntry } from './tar.ts';
import { secretOf } from './token.ts';
import { untilAnswering } from './until-answering.ts';
import { gatherFiles, uploadFiles } from './upload.ts';

export async function bringUp(attempt: Attempt): Promise<void> {
  const { options, context, connection, layout } = attempt;
  const { signal, report, projectDir } = context;
  report({ message: 'checking options, secrets and prices' });
  const sdk = await connection.sdk();
  const candidates = gpuNames(options);
  const wanted = candidates.length === 0 ? [undefined] : candidates;
  for (const gpu of wanted) checkBudget(options, gpu);
  const secrets = await secretsFor(options, connection.settings().variables, sdk, signal);
  const files = await gatherFiles(options.files, projectDir, signal);
  const repositories = await pinRepositories(options.repos, layout.workspace, signal);
  const models = await modelsOf(attempt, sdk, secrets);
  for (const gpu of wanted) checkMemory(models.loadedBytes, options, gpu);
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
  const { hubUrl } = connection.settings();
  const fetching = { connection, sdk, layout, hubUrl, secrets: secrets.download, signal, report };
  await fetchWeights(models.weights, fetching);
  for (const [at, gpu] of wanted.entries()) {
    try {
      await rent(attempt, {
        gpu,
        usdPerHour: priceOf(options, gpu).usdPerHour,
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
      const next = wanted[at + 1];
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

async function modelsOf(
  { options, context, connection, layout }: Attempt,
  sdk: ModalSdk,
  { download }: SortedSecrets,
): Promise<ModelsPlan> {
  if (options.models.length === 0) return { weights: [], paths: {}, kernel: [], loadedBytes: 0 };
  const { hubUrl, hubToken, variables } = connection.settings();
  context.report({ message: 'asking the Hub about the models' });
  return planModels(options.models, {
    access: { url: hubUrl, token: download['HF_TOKEN'] ?? hubToken },
    modelsDir: layout.models,
    projectDir: context.projectDir,
    variables,
    secret: await secretOf(sdk.tokenSecret, connection.settings().dir),
    signal: context.signal,
  });
}
