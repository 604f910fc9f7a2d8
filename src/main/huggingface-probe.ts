/** Asks the Hub, for `glovebox doctor`, whether Jobs can be had: whose token it is, what it may see, and where prices are from. */
import type { HuggingfaceFacts } from '#cli/host.ts';
import type { Config } from '#config/config.ts';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { listHardware } from '#hub/jobs/hardware.ts';
import { listJobs } from '#hub/jobs/list-jobs.ts';
import { identify } from '#hub/whoami.ts';
import { systemClock } from '#platform/clock.ts';
import { createWebServices, hubToken } from './web-services.ts';

const LIMIT_MS = 8000;
const LIVE_STAGES = ['SCHEDULING', 'RUNNING', 'UPDATING'];
const MAX_JOBS = 50;

/** Without a token nobody is asked. @throws GloveboxError `cancelled`. */
export async function probeHuggingface(
  config: Config,
  signal: AbortSignal,
): Promise<HuggingfaceFacts> {
  const token = await hubToken(config);
  if (token === undefined) return { kind: 'no-token' };
  const { source } = token;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const { hub } = createWebServices(config, systemClock);
  try {
    const { name, organisations, role } = await identify(hub, limit);
    const namespace = config.get('jobs.namespace') ?? name;
    const [hardware, jobs] = await Promise.all([
      listHardware(hub, limit),
      listJobs(hub, namespace, { stages: LIVE_STAGES, limit: MAX_JOBS }, limit),
    ]);
    return {
      kind: 'account',
      source,
      name,
      organisations,
      role,
      namespace,
      openJobs: jobs.length,
      flavors: hardware.flavors.length,
      hasLivePrices: hardware.source === 'live',
    };
  } catch (error) {
    throwIfAborted(signal);
    const failure = error instanceof GloveboxError ? error : undefined;
    const isSlow = limit.aborted;
    return {
      kind: 'failed',
      source,
      message: isSlow ? 'the Hub did not answer in time' : messageOf(error),
      hint: (isSlow ? undefined : failure?.hint) ?? 'glovebox doctor asks again.',
    };
  }
}
