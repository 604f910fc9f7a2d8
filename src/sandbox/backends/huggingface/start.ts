/** The steps of a start in a Job, in the order that spends least. */
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { commitsOf } from '#sandbox/equipment.ts';
import { bringIntoUse, rent, type HandOver } from '#sandbox/rented/rent.ts';
import { NEVER, type Attempt } from '#sandbox/rented/attempt.ts';
import { startRented } from '#sandbox/rented/start.ts';
import type { Provider } from '#sandbox/rented/provider.ts';
import { untilAnswering } from '#sandbox/rented/until-answering.ts';
import { keepServerToken } from './endpoint.ts';
import { usdPerHour } from './hardware.ts';
import { jobRequest } from './job-request.ts';
import type { HuggingfaceOptions } from './options.ts';
import { prepare } from './prepare.ts';
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
    (attempt: Attempt): HandOver =>
    async (lease) => {
      const { startedMs } = await untilAnswering(attempt, lease, { capacityMs, startMs });
      return { startedMs: startedMs ?? huggingface.clock.now() };
    };

  async function bringUp(attempt: Attempt): Promise<void> {
    const { projectDir, signal, report, id } = context;
    report({ message: 'checking account, hardware, secrets, models and prices' });
    const prepared = await prepare(options, huggingface, projectDir, signal);
    const { namespace, flavor, layout, repositories } = prepared;
    if (repositories.length > 0) await context.remember(commitsOf(repositories));
    await rent(attempt, {
      hardware: flavor.name,
      account: namespace,
      usdPerHour: usdPerHour(flavor, options),
      port: layout.port,
      lifetimeMs: options.max_lifetime_seconds * 1000,
      capacityMs,
      ask: async (request) => {
        await keepServerToken(id, request.nonce, huggingface);
        const body = await jobRequest({ options, attempt, huggingface }, prepared, request);
        // One that is cut off may have made something, so it always runs to its end.
        return { machineId: (await huggingface.hub.create(namespace, body, NEVER)).id };
      },
      handOver: handOver(attempt),
    });
  }

  return startRented(context, provider, {
    keepOnError: options.keep_on_error,
    bringUp,
    resume: (attempt, lease) => bringIntoUse(attempt, lease, handOver(attempt)),
  });
}
