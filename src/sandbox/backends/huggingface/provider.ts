/** The Hugging Face Hub as one who rents out machines: how its Jobs stand, how they are reached, and how they are ended. */
import { isGloveboxError } from '#core/errors.ts';
import { ended } from '#sandbox/rented/life.ts';
import type { Machine } from '#sandbox/rented/lease.ts';
import { MARK } from '#sandbox/rented/marks.ts';
import type { Look, Provider } from '#sandbox/rented/provider.ts';
import { endpointOf } from './endpoint.ts';
import { endOf, howOf } from './ends.ts';
import type { HubJob, JobPlace } from './hub-jobs.ts';
import type { HuggingfaceParts } from './settings.ts';

/** Servers behind the proxy of the Hub are a round trip of a tenth of a second away. */
const HEALTH_EVERY_MS = 500;

/** Does no I/O. */
export function hubProvider(huggingface: HuggingfaceParts): Provider {
  const { hub, settings, clock, log, limits = {} } = huggingface;

  async function jobOf(machine: Machine, signal: AbortSignal): Promise<HubJob | undefined> {
    try {
      return await hub.get(placeOf(machine), signal);
    } catch (error) {
      if (isGloveboxError(error, 'remote/not-found')) return undefined;
      throw error;
    }
  }

  return {
    name: 'The Hub',
    brand: 'Hugging Face',
    clock,
    log,
    dir: () => settings().dir,
    limits: { ...limits, everyMs: limits.everyMs ?? HEALTH_EVERY_MS },
    words: ({ id, account }) => `Job ${account}/${id}`,
    page: (account) => `${settings().hubUrl}/jobs/${account}`,

    async madeBy(op, { account }, signal) {
      if (account === undefined) return [];
      return (await hub.list(account, { [MARK.op]: op }, signal)).map(({ id }) => id);
    },

    async look(machine, signal): Promise<Look> {
      const job = await jobOf(machine, signal);
      if (job === undefined || job.isFinal)
        return { isOver: true, how: howOf(job), reason: (facts) => endOf(job, facts) };
      return {
        isOver: false,
        isQueued: job.stage === 'SCHEDULING',
        word: job.stage,
        startedMs: job.startedMs,
        endpoint: (server) => endpointOf(server, job, huggingface, signal),
      };
    },

    end: (machine, signal) => hub.cancel(placeOf(machine), signal),

    readLog: (machine, lines, signal) => hub.log(placeOf(machine), lines, signal),

    async endpoint(machine, signal) {
      const job = await hub.get(placeOf(machine), signal);
      if (job.isFinal) throw ended(machine.sandboxId);
      return endpointOf(machine, job, huggingface, signal);
    },
  };
}

const placeOf = ({ id, account = '' }: Machine): JobPlace => ({ namespace: account, id });
