/** The back end `huggingface`: sandboxes with and without GPUs in Jobs of the Hugging Face Hub, rented by the minute. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { defineBackend, type Backend } from '#sandbox/backend.ts';
import { storeOf } from './attempt.ts';
import { discoverJobs } from './discover.ts';
import { addressOf, ended, endpointOf } from './endpoint.ts';
import { offersOf } from './hardware.ts';
import { huggingfaceOptions } from './options.ts';
import { quoteJob } from './prepare.ts';
import type { HuggingfaceContext } from './settings.ts';
import { startJob } from './start.ts';
import { jobState } from './state.ts';
import { stopJob } from './stop.ts';

/** Does no I/O. */
export function createHuggingfaceBackend(huggingface: HuggingfaceContext): Backend {
  const { hub } = huggingface;
  return defineBackend({
    id: 'huggingface',
    summary: 'Hugging Face Jobs: machines with and without GPUs, rented by the minute',
    needs: {},
    options: huggingfaceOptions,
    sharesHost: false,

    async offers(signal) {
      throwIfAborted(signal);
      // Prices are for everybody, but nothing can be started without an account.
      await hub.token();
      return offersOf(await hub.hardware(signal));
    },

    async quote(options, context) {
      throwIfAborted(context.signal);
      return quoteJob(options, huggingface, context);
    },

    start: (options, context) => startJob(options, context, huggingface),

    state: (handle, signal) => jobState(handle, huggingface, signal),

    async endpoint(handle, signal) {
      throwIfAborted(signal);
      const record = await storeOf(huggingface, handle.id).read();
      const address = record?.phase === 'ended' ? undefined : addressOf(record, handle.data);
      if (address === undefined && (record === undefined || record.phase === 'ended'))
        throw ended(handle.id);
      if (address === undefined)
        throw new GloveboxError('sandbox/pending', `Sandbox ${handle.id} is still starting.`, {
          hint: `sandbox_wait(sandbox_id="${handle.id}") waits for it.`,
        });
      const job = await hub.get({ namespace: address.namespace, id: address.jobId }, signal);
      if (job.isFinal) throw ended(handle.id);
      return endpointOf(handle.id, address, job, huggingface);
    },

    async logs(handle, lines, signal) {
      throwIfAborted(signal);
      const record = await storeOf(huggingface, handle.id).read();
      const address = addressOf(record, handle.data);
      if (address === undefined) return record?.end?.logTail ?? [];
      return hub.log({ namespace: address.namespace, id: address.jobId }, lines, signal);
    },

    stop: (handle, signal) => stopJob(handle, huggingface, signal),

    async discover(projectDir, signal) {
      throwIfAborted(signal);
      return discoverJobs(projectDir, huggingface, signal);
    },
  });
}
