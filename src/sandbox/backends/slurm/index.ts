/** The back end `slurm`: a Jupyter server as a batch job on a cluster, reached from a login node or over SSH. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { readTextIfExists } from '#platform/files.ts';
import { defineBackend, type Backend } from '#sandbox/backend.ts';
import { createDiscovery } from './discover-jobs.ts';
import { readJobLog } from './job-log.ts';
import { jobState } from './life.ts';
import { nodeResources } from './node-resources.ts';
import { slurmOptions } from './options.ts';
import { createParts } from './parts.ts';
import { tokenFile } from './record.ts';
import type { SlurmContext } from './settings.ts';
import { startJob } from './start-job.ts';
import { stopJob } from './stop-job.ts';
import { accountsOf, toOffers } from './survey.ts';
import { endpointAt } from './tunnels.ts';

/** Does no I/O: settings are read, and the cluster is asked, when something is asked. */
export function createSlurmBackend(context: SlurmContext): Backend {
  const parts = createParts(context);
  const discover = createDiscovery(parts);
  return defineBackend({
    id: 'slurm',
    summary: 'A SLURM cluster: a batch job of yours, within its limits, after its queue',
    needs: { anyCommand: ['sbatch', 'ssh'] },
    options: slurmOptions,
    sharesHost: false,

    async offers(signal) {
      throwIfAborted(signal);
      const survey = await parts.survey.get(signal);
      const accounts = await accountsOf(await abandonOn(context.host(), signal), signal);
      return toOffers(survey, accounts);
    },

    start: (options, start) => startJob(options, start, parts),

    state: (handle, signal) => jobState(handle, parts, signal),

    async endpoint({ id }, signal) {
      throwIfAborted(signal);
      const store = parts.store(id);
      const record = await store.read();
      if (record === undefined || record.phase === 'ended') throw ended(id);
      const { job, server, readyMs } = record;
      const token = await readTextIfExists(tokenFile(context.settings().dir, id));
      if (job === undefined || server === undefined || readyMs === undefined || token === undefined)
        throw pending(id);
      const at = { job, node: server.node, folder: server.folder };
      const to = { id, at, server, record, store };
      const port = await abandonOn(parts.tunnels.port(to, false, signal), signal).catch(
        (error: unknown) => {
          throw isGloveboxError(error, 'cancelled') ? error : unreachable(id, error);
        },
      );
      return endpointAt(port, token);
    },

    async logs({ id }, lines, signal) {
      throwIfAborted(signal);
      const record = await parts.store(id).read();
      if (record?.job === undefined) return [];
      return readJobLog(context, record, lines, signal);
    },

    stop: ({ id }, signal) => stopJob(id, parts, signal),

    async resources(handle, signal) {
      throwIfAborted(signal);
      if (handle === undefined) throw noSandbox();
      const record = await parts.store(handle.id).read();
      if (record === undefined || record.phase === 'ended') throw ended(handle.id);
      const { job, server } = record;
      if (job === undefined || server === undefined) throw pending(handle.id);
      const at = { job, node: server.node, folder: server.folder };
      return nodeResources(context, record, at, [server.root, server.folder], signal);
    },

    async discover(projectDir, signal) {
      throwIfAborted(signal);
      return discover(projectDir, signal);
    },

    close: () => parts.tunnels.closeAll(),
  });
}

function ended(id: string): GloveboxError {
  return new GloveboxError(
    'sandbox/ended',
    `Sandbox ${id} has ended; variables in its kernels are lost.`,
    { hint: 'sandbox_create(backend="slurm") submits a new job.' },
  );
}

function noSandbox(): GloveboxError {
  return new GloveboxError('input/invalid', 'A cluster has no resources of its own.', {
    hint: 'Name a sandbox, or ask sandbox_options(backend="slurm") what the cluster has.',
  });
}

function pending(id: string): GloveboxError {
  return new GloveboxError('sandbox/pending', `The server of sandbox ${id} is not up yet.`, {
    hint: `sandbox_wait(sandbox_id="${id}") waits for it.`,
  });
}

function unreachable(id: string, cause: unknown): GloveboxError {
  return new GloveboxError(
    'server/unreachable',
    `The server of sandbox ${id} cannot be reached: ${messageOf(cause)}`,
    {
      hint: `It may be alive: sandbox_wait(sandbox_id="${id}") asks SLURM and tries again.`,
      cause,
    },
  );
}
