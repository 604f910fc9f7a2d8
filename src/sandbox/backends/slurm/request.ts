/** Turns what a caller asked for, and the settings where it said nothing, into one checked request. */
import { renderDuration } from '#core/units.ts';
import { parseBackendOptions } from '#sandbox/backend.ts';
import { gresFor } from './gpu-names.ts';
import { slurmOptions, type SlurmOptions } from './options.ts';
import type { Partition, Survey } from './parse-sinfo.ts';
import type { SlurmSettings } from './settings.ts';
import { parseTimeLimitMs, renderTimeLimit } from './time-limit.ts';

/** Everything that `sbatch` is told about hardware and time. */
export type JobRequest = SlurmOptions & {
  readonly cpus: number;
  readonly mem: string;
  readonly time: string;
  /** Nobody said it. */
  readonly isTimeDefault: boolean;
};

const BUILT_IN = { cpus: 4, mem: '32000M', time: '4:00:00' } as const;

/** What a call says counts, then the settings. @throws `config/invalid` for a setting that is not valid. */
export function resolveRequest(options: SlurmOptions, { defaults }: SlurmSettings): JobRequest {
  const { max_lifetime_seconds: lifetimeS, cpu, memory_mib: memoryMiB, ...rest } = options;
  // Checked against what was asked for already; no words of the scheduler.
  const { cpu_limit: cpuLimit, memory_limit_mib: memoryLimitMiB, ...own } = rest;
  const time =
    own.time ?? (lifetimeS === undefined ? undefined : renderTimeLimit(lifetimeS * 1000));
  const asked = {
    ...withoutGaps(own),
    ...(time !== undefined && { time }),
    ...(cpu !== undefined && { cpus: Math.ceil(cpu) }),
    ...(memoryMiB !== undefined && { mem: `${memoryMiB}M` }),
  };
  const { gres, ...usual } = withoutGaps(defaults);
  const below = own.gpu === undefined && gres !== undefined ? { ...usual, gres } : usual;
  const said = Object.entries({ ...BUILT_IN, ...below, ...asked });
  // Settings come from a file or a variable, where nobody has checked them as options yet.
  const merged = parseBackendOptions('slurm', slurmOptions, Object.fromEntries(said));
  return {
    ...merged,
    cpus: Math.min(merged.cpus ?? BUILT_IN.cpus, Math.floor(cpuLimit ?? Infinity)),
    mem: notAbove(merged.mem ?? BUILT_IN.mem, memoryLimitMiB),
    time: merged.time ?? BUILT_IN.time,
    isTimeDefault: (options.time ?? defaults.time) === undefined,
  };
}

const MIB_OF = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 } as const;

/** In the words of SLURM, which takes a number without a unit for MB. */
function notAbove(mem: string, limitMiB: number | undefined): string {
  const [, number = '', unit = 'M'] = /^(\d+)([KMGT]?)$/i.exec(mem) ?? [];
  const letter = unit.toUpperCase();
  const factor = letter === 'K' || letter === 'G' || letter === 'T' ? MIB_OF[letter] : MIB_OF.M;
  return limitMiB === undefined || Number(number) * factor <= limitMiB ? mem : `${limitMiB}M`;
}

function withoutGaps(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/**
 * What the name of a GPU means on this cluster; `gpu:1` where nobody said anything and the partition has GPUs.
 *
 * @throws `config/invalid` for a GPU that is not there.
 */
export function withDefaultGres(request: JobRequest, survey: Survey | undefined): JobRequest {
  if (request.gres !== undefined) return request;
  const { gpu, gpu_count: count, partition: named } = request;
  if (gpu !== undefined) {
    const offered = survey === undefined ? undefined : partitionsOf(request, survey);
    const asked = { gpu, gpu_count: count, partition: named };
    return { ...request, gres: gresFor(asked, offered, survey?.partitions) };
  }
  const partition = partitionOf(request, survey);
  return partition === undefined || partition.gpus.length === 0
    ? request
    : { ...request, gres: 'gpu:1' };
}

/** Where nobody said how long, no longer than the partition allows: SLURM refuses a job that asks for more. */
export function withDefaultTime(
  request: JobRequest,
  survey: Survey | undefined,
): { readonly request: JobRequest; readonly reason?: string } {
  if (!request.isTimeDefault) return { request };
  const defaultMs = parseTimeLimitMs(BUILT_IN.time) ?? Infinity;
  const shortest = partitionsOf(request, survey)
    .filter(({ maxTimeMs = Infinity }) => maxTimeMs < defaultMs)
    .toSorted((a, b) => (a.maxTimeMs ?? 0) - (b.maxTimeMs ?? 0))[0];
  if (shortest?.maxTimeMs === undefined) return { request };
  const { name, maxTimeMs } = shortest;
  return {
    request: { ...request, time: renderTimeLimit(maxTimeMs) },
    reason: `its time limit is ${renderDuration(maxTimeMs)}, the most that partition ${name} allows, because none was asked for`,
  };
}

function partitionsOf({ partition }: JobRequest, survey: Survey | undefined): readonly Partition[] {
  const names = partition?.split(',');
  return (survey?.partitions ?? []).filter(({ name, isDefault }) =>
    names === undefined ? isDefault : names.includes(name),
  );
}

function partitionOf(request: JobRequest, survey: Survey | undefined): Partition | undefined {
  const [wanted] = request.partition?.split(',') ?? [];
  return survey?.partitions.find(({ name, isDefault }) =>
    wanted === undefined ? isDefault : name === wanted,
  );
}
