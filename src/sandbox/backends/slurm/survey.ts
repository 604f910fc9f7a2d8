/** Asks a cluster once in a while what it has, and offers it. */
import { abandonOn } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { Host } from '#platform/host.ts';
import type { Offer } from '#sandbox/backend.ts';
import { parseSinfo, SINFO_FORMAT, type Partition, type Survey } from './parse-sinfo.ts';
import { lastWords, schedulerCommand } from './scheduler-command.ts';

const LIMIT_MS = 15_000;
const KEEP_MS = 600_000;

export class SurveyCache {
  readonly #host: () => Promise<Host>;
  readonly #clock: Clock;
  #known: { readonly survey: Survey; readonly at: number } | undefined;

  constructor(host: () => Promise<Host>, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  /** At most ten minutes old, or as old as is said. @throws `backend/unavailable`, `cancelled`, and what `schedulerCommand` throws. */
  async get(signal: AbortSignal, maxAgeMs = KEEP_MS): Promise<Survey> {
    const known = this.#known;
    if (known !== undefined && this.#clock.monotonic() - known.at < maxAgeMs) return known.survey;
    const host = await abandonOn(this.#host(), signal);
    const argv = ['sinfo', '-h', '-o', SINFO_FORMAT];
    const result = await schedulerCommand(host, argv, { signal, timeoutMs: LIMIT_MS });
    if (result.code !== 0) {
      throw new GloveboxError(
        'backend/unavailable',
        `sinfo on ${host.name} failed: ${lastWords(result)}`,
        { hint: 'Ask again in a while; "sinfo" on the login node shows the same.' },
      );
    }
    const survey = parseSinfo(result.stdout);
    this.#known = { survey, at: this.#clock.monotonic() };
    return survey;
  }
}

/** What may be used of it: accounts and their QOS, where the site keeps accounts. */
export async function accountsOf(host: Host, signal: AbortSignal): Promise<readonly string[]> {
  const user = await host.run(['id', '-un'], { timeoutMs: LIMIT_MS, signal });
  const format = 'format=account,partition,qos';
  const argv = ['sacctmgr', '-nP', 'show', 'assoc', `user=${user.stdout.trim()}`, format];
  try {
    const result = await schedulerCommand(host, argv, { signal, timeoutMs: LIMIT_MS });
    return result.code === 0 ? parseAssociations(result.stdout) : [];
  } catch (error) {
    if (signal.aborted) throw error;
    return [];
  }
}

/** `physics (QOS normal, long)`; one line per account. */
export function parseAssociations(stdout: string): readonly string[] {
  const found = new Map<string, Set<string>>();
  for (const line of stdout.split('\n')) {
    const [account = '', , qos = ''] = line.split('|');
    if (account === '') continue;
    const known = found.get(account) ?? new Set();
    for (const name of qos.split(',')) if (name !== '') known.add(name);
    found.set(account, known);
  }
  return [...found].map(([account, qos]) =>
    qos.size === 0 ? account : `${account} (QOS ${[...qos].join(', ')})`,
  );
}

export function toOffers(survey: Survey, accounts: readonly string[]): readonly Offer[] {
  return survey.partitions.map((partition) => ({
    name: partition.name,
    description: describe(partition, accounts),
    cpus: partition.cpusPerNode,
    memoryMiB: partition.memoryMiBPerNode,
    usdPerHour: 0,
    priceSource: 'no money; it counts against your share of the cluster',
    gpus: partition.gpus.map(({ name, perNode }) => ({ name, count: perNode })),
    availability: availability(partition),
  }));
}

function describe(partition: Partition, accounts: readonly string[]): string {
  const { isDefault, nodes, maxTimeMs, features } = partition;
  const limit =
    maxTimeMs === undefined
      ? []
      : [Number.isFinite(maxTimeMs) ? `at most ${renderDuration(maxTimeMs)}` : 'no time limit'];
  return [
    `${isDefault ? 'default ' : ''}partition of ${nodes} node${nodes === 1 ? '' : 's'}, each as follows`,
    ...limit,
    ...(features.length === 0 ? [] : [`features ${features.slice(0, 12).join(' ')}`]),
    ...(accounts.length === 0 ? [] : [`your accounts: ${accounts.join('; ')}`]),
  ].join(', ');
}

function availability({ isUp, idleNodes, cpus }: Partition): string {
  if (!isUp) return 'takes no jobs now (down or drained)';
  const nodes = `${idleNodes} node${idleNodes === 1 ? '' : 's'} idle`;
  return `${nodes} now, ${cpus.idle} of ${cpus.total} CPUs free`;
}
