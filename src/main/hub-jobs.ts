/** Gives the Hugging Face back end the operations on Jobs that the tools use too. */
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import type { Config } from '#config/config.ts';
import { deleteBucket, ensureBucket, listBucket, readBucketFile } from '#hub/buckets.ts';
import type { HubContext } from '#hub/context.ts';
import { cancelJob } from '#hub/jobs/cancel-job.ts';
import { createJob } from '#hub/jobs/create-job.ts';
import { getJob } from '#hub/jobs/get-job.ts';
import { listHardware } from '#hub/jobs/hardware.ts';
import { isFinal, type Job } from '#hub/jobs/job.ts';
import { listJobs } from '#hub/jobs/list-jobs.ts';
import { watchJob } from '#hub/jobs/watch-job.ts';
import { whoAmI } from '#hub/whoami.ts';
import type { HubJob, HubJobs } from '../sandbox/backends/huggingface/hub-jobs.ts';
import { MARK } from '#sandbox/rented/marks.ts';
import { hubToken } from './web-services.ts';

const LOG_WAIT_MS = 15_000;
const LOG_QUIET_MS = 400;
const MAX_LISTED = 500;
/** A file may grow between a list and a read. */
const SLACK_BYTES = 16 * 1024 * 1024;

export function createHubJobs(hub: HubContext, config: Config): HubJobs {
  const authRequired = (): GloveboxError =>
    new GloveboxError(
      'remote/auth-required',
      'Jobs of the Hugging Face Hub belong to an account, and there is no token that the Hub knows.',
      {
        hint: `set HF_TOKEN (or GLOVEBOX_HF_TOKEN) to a token with the right to start Jobs from ${hub.hosts().hub}/settings/tokens.`,
      },
    );
  return {
    buckets: {
      ensure: (id, signal) => ensureBucket(hub, id, signal),
      list: (id, signal) => listBucket(hub, id, signal),
      read: (id, { name, size }, signal) =>
        readBucketFile(hub, id, { name, maxBytes: size + SLACK_BYTES }, signal),
      remove: (id, signal) => deleteBucket(hub, id, signal),
    },
    async account(signal) {
      // Without a token nobody has to be asked.
      const me = (await hubToken(config)) === undefined ? undefined : await whoAmI(hub, signal);
      if (me === undefined) throw authRequired();
      return me;
    },
    async token() {
      const credential = await hubToken(config);
      if (credential === undefined) throw authRequired();
      return credential.value.replace(/^Bearer /, '');
    },
    async hardware(signal) {
      const { flavors, source, age } = await listHardware(hub, signal);
      const when = 'date' in age ? `as published in ${age.date}` : `${renderDuration(age.ms)} old`;
      return {
        isLive: source === 'live',
        source: `${source === 'bundled' ? 'a list in Glovebox' : 'the Hub'}, ${when}`,
        flavors: flavors.map(({ name, machine, accelerator, microUsdPerMinute: micro }) => ({
          name,
          machine,
          ...(accelerator !== undefined && {
            gpu: {
              name: accelerator.model,
              count: accelerator.count,
              ...(accelerator.memoryGb !== undefined && { memoryGb: accelerator.memoryGb }),
            },
          }),
          ...(micro !== undefined && { microUsdPerMinute: micro }),
        })),
      };
    },
    create: async (namespace, request, signal) =>
      toHubJob(await createJob(hub, namespace, request, signal, MARK.op)),
    get: async (place, signal) => toHubJob(await getJob(hub, place, signal)),
    list: async (namespace, labels, signal) =>
      (await listJobs(hub, namespace, { labels, limit: MAX_LISTED }, signal)).map(toHubJob),
    cancel: (place, signal) => cancelJob(hub, place, signal),
    async log(place, lines, signal) {
      const found: string[] = [];
      const watch = {
        waitMs: LOG_WAIT_MS,
        quietMs: LOG_QUIET_MS,
        tail: lines,
        onLine: ({ text }: { readonly text: string }) => void found.push(text),
      };
      await watchJob(hub, place, watch, signal);
      return found.slice(-lines);
    },
  };
}

function toHubJob({ id, status, labels = {}, flavor, startedAt, initiator }: Job): HubJob {
  return {
    id,
    stage: status.stage,
    isFinal: isFinal(status.stage),
    message: status.message,
    labels,
    flavor,
    exposeUrls: status.exposeUrls,
    sshUrl: status.sshUrl,
    startedMs: startedAt,
    initiator: initiator?.name,
  };
}
