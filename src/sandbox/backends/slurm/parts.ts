/** What the steps of a SLURM sandbox's life share within one back end. */
import type { Host } from '#platform/host.ts';
import { QueueWatch } from './queue-watch.ts';
import { jobStore, type JobStore } from './record.ts';
import type { SlurmContext } from './settings.ts';
import { SurveyCache } from './survey.ts';
import { Tunnels } from './tunnels.ts';

export interface SlurmParts extends SlurmContext {
  readonly queue: QueueWatch;
  readonly tunnels: Tunnels;
  readonly survey: SurveyCache;
  store(id: string): JobStore;
}

/** Does no I/O. */
export function createParts(context: SlurmContext): SlurmParts {
  const { host, clock } = context;
  return {
    ...context,
    queue: new QueueWatch({ host, clock, pollMinMs: () => context.settings().pollMinMs }),
    tunnels: new Tunnels(context),
    survey: new SurveyCache(host, clock),
    store: (id) => jobStore(context.settings().dir, id, clock),
  };
}

/** `~` is the home folder on the cluster. */
export async function folderOnCluster(
  host: Host,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  return /^~(\/|$)/.test(folder) ? `${await host.home(signal)}${folder.slice(1)}` : folder;
}
