/** The steps of a start in a Job, in the order that spends least. */
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { UNSETTLED } from '#sandbox/kept-outputs.ts';
import { commitsOf } from '#sandbox/equipment.ts';
import { gatherFiles } from '#sandbox/project-files.ts';
import { NEVER, type Attempt } from '#sandbox/rented/attempt.ts';
import { machineIn, type Lease } from '#sandbox/rented/lease.ts';
import { putFiles } from '#sandbox/rented/put-files.ts';
import { bringIntoUse, rent, type HandOver } from '#sandbox/rented/rent.ts';
import { startRented } from '#sandbox/rented/start.ts';
import type { Provider } from '#sandbox/rented/provider.ts';
import { untilAnswering } from '#sandbox/rented/until-answering.ts';
import type { TarEntry } from '#sandbox/tar.ts';
import { forgetIfEmpty, makeBuckets, rememberedBucket, wantedBuckets } from './buckets.ts';
import { keepServerToken } from './endpoint.ts';
import { usdPerHour } from './hardware.ts';
import { jobRequest } from './job-request.ts';
import type { HuggingfaceOptions } from './options.ts';
import { layoutFor, prepare } from './prepare.ts';
import type { HuggingfaceContext } from './settings.ts';

export function startJob(
  options: HuggingfaceOptions,
  context: StartContext,
  huggingface: HuggingfaceContext,
  provider: Provider,
): Promise<SandboxStatus> {
  const capacityMs = options.capacity_timeout_seconds * 1000;
  const startMs = options.start_timeout_seconds * 1000;
  const handOver =
    (attempt: Attempt, files: readonly TarEntry[]): HandOver =>
    async (lease) => {
      const { startedMs } = await untilAnswering(attempt, lease, { capacityMs, startMs });
      const machine = machineIn(context.id, lease);
      if (files.length > 0 && machine !== undefined) {
        const { signal, report } = context;
        report({ message: `uploading ${files.length} files` });
        await putFiles(files, await provider.endpoint(machine, signal), signal);
      }
      return { startedMs: startedMs ?? huggingface.clock.now() };
    };

  async function resume(attempt: Attempt, lease: Lease): Promise<void> {
    const { projectDir, signal } = context;
    const { workspace } = await layoutFor(options, huggingface);
    const files = await gatherFiles(options.files, { projectDir, workspace, signal });
    await bringIntoUse(attempt, lease, handOver(attempt, files));
  }

  async function bringUp(attempt: Attempt): Promise<void> {
    const { projectDir, signal, report, id } = context;
    report({ message: 'checking account, hardware, secrets, models and prices' });
    const prepared = await prepare(options, huggingface, projectDir, signal);
    const { namespace, flavor, layout, repositories, files } = prepared;
    if (repositories.length > 0) await context.remember(commitsOf(repositories));
    const wanted = wantedBuckets(options, namespace, id);
    await context.remember({ ...rememberedBucket(wanted), ...UNSETTLED });
    const buckets = await makeBuckets(wanted, options, huggingface, context);
    await context.remember(rememberedBucket(buckets));
    const renting = rent(attempt, {
      hardware: flavor.name,
      account: namespace,
      usdPerHour: usdPerHour(flavor, options),
      port: layout.port,
      lifetimeMs: options.max_lifetime_seconds * 1000,
      capacityMs,
      ask: async (request) => {
        await keepServerToken(id, request.nonce, huggingface);
        const tried = { options, attempt, huggingface };
        const body = await jobRequest(tried, prepared, buckets, request);
        // One that is cut off may have made something, so it always runs to its end.
        return { machineId: (await huggingface.hub.create(namespace, body, NEVER)).id };
      },
      handOver: handOver(attempt, files),
    });
    await renting.catch(async (error: unknown) => {
      if (!options.keep_on_error) await forgetIfEmpty(buckets, huggingface.hub.buckets, NEVER);
      throw error;
    });
  }

  return startRented(context, provider, {
    keepOnError: options.keep_on_error,
    bringUp,
    resume,
  });
}
