/** The back end `huggingface`: sandboxes with and without GPUs in Jobs of the Hugging Face Hub, rented by the minute. */
import { throwIfAborted } from '#core/abort.ts';
import { defineBackend, type Backend } from '#sandbox/backend.ts';
import { rentedLife } from '#sandbox/rented/life.ts';
import { keptOutputs } from './buckets.ts';
import { discoverJobs } from './discover.ts';
import { offersOf } from './hardware.ts';
import { huggingfaceOptions } from './options.ts';
import { quoteJob } from './prepare.ts';
import { hubProvider } from './provider.ts';
import type { HuggingfaceContext } from './settings.ts';
import { SshWays } from './ssh-ways.ts';
import { startJob } from './start.ts';

/** Does no I/O. */
export function createHuggingfaceBackend(outside: HuggingfaceContext): Backend {
  const { hub } = outside;
  const huggingface = { ...outside, ways: new SshWays(outside) };
  const provider = hubProvider(huggingface);
  return defineBackend({
    ...rentedLife(provider),
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

    start: (options, context) => startJob(options, context, huggingface, provider),

    // A token of the Hub alone is no sign of it: many have one and rent nothing there.
    isInUse: async () => huggingface.settings().isWanted,

    async discover(projectDir, signal) {
      throwIfAborted(signal);
      return discoverJobs(projectDir, huggingface, provider, signal);
    },

    async kept(handle, signal) {
      throwIfAborted(signal);
      return keptOutputs(handle, huggingface, signal);
    },

    close: () => huggingface.ways.close(),
  });
}
