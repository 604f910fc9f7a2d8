/** What this machine has and uses: processors, memory within its control group, disk, GPUs. Without a kernel and without holding a device. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, hostname, loadavg, totalmem } from 'node:os';
import { runCommand } from './process.ts';

export interface GpuReading {
  readonly index: number;
  readonly name: string;
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly utilizationPercent?: number;
  readonly temperatureC?: number;
}

export interface HostResources {
  readonly host: string;
  readonly cpus: number;
  readonly load: readonly number[];
  readonly memory: {
    readonly usedBytes: number;
    readonly limitBytes: number;
    readonly limitSource?: string;
  };
  readonly disk: readonly {
    readonly path: string;
    readonly freeBytes: number;
    readonly totalBytes: number;
  }[];
  readonly gpus: readonly GpuReading[];
  readonly remarks: readonly string[];
}

export interface HostQuestion {
  /** Folders whose file systems matter. */
  readonly folders: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export async function readHostResources({
  folders,
  env,
  signal,
}: HostQuestion): Promise<HostResources> {
  const [memory, disk, gpus] = await Promise.all([
    readMemory(),
    readDisks(folders),
    readGpus(env, signal),
  ]);
  return {
    host: hostname(),
    cpus: availableParallelism(),
    load: loadavg(),
    memory,
    disk,
    gpus: gpus ?? [],
    remarks:
      gpus === undefined ? ['gpus: none seen (neither nvidia-smi nor rocm-smi is there)'] : [],
  };
}

/** A control group's limit (version 2, then 1) holds where it is below the machine's memory. */
async function readMemory(): Promise<HostResources['memory']> {
  const total = totalmem();
  const groups = [
    ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory.current'],
    ['/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory/memory.usage_in_bytes'],
  ] as const;
  for (const [limitFile, usageFile] of groups) {
    const [limit, usage] = await Promise.all([readNumber(limitFile), readNumber(usageFile)]);
    if (limit !== undefined && usage !== undefined && limit < total) {
      return { usedBytes: usage, limitBytes: limit, limitSource: 'control group' };
    }
  }
  return { usedBytes: total - ((await availableBytes()) ?? freemem()), limitBytes: total };
}

async function readNumber(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const value = Number(text.trim());
  return text.trim() === '' || !Number.isFinite(value) ? undefined : value;
}

/** `MemAvailable` counts caches as free, as a person would. */
async function availableBytes(): Promise<number | undefined> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

async function readDisks(folders: readonly string[]): Promise<HostResources['disk']> {
  const readings = await Promise.all(
    [...new Set(folders)].map(async (path) => {
      const stats = await statfs(path).catch(() => undefined);
      return (
        stats && {
          path,
          freeBytes: stats.bavail * stats.bsize,
          totalBytes: stats.blocks * stats.bsize,
        }
      );
    }),
  );
  return readings.filter((reading) => reading !== undefined);
}

/** Asks the vendors' tools; undefined when there is none. */
async function readGpus(
  env: HostQuestion['env'],
  signal: AbortSignal | undefined,
): Promise<readonly GpuReading[] | undefined> {
  const fields = 'index,name,memory.used,memory.total,utilization.gpu,temperature.gpu';
  const nvidia = await ask(
    ['nvidia-smi', `--query-gpu=${fields}`, '--format=csv,noheader,nounits'],
    env,
    signal,
  );
  if (nvidia !== undefined) return parseNvidia(nvidia);
  const amd = await ask(
    ['rocm-smi', '--showproductname', '--showmeminfo', 'vram', '--showuse', '--showtemp', '--json'],
    env,
    signal,
  );
  return amd === undefined ? undefined : parseRocm(amd);
}

async function ask(
  argv: readonly string[],
  env: HostQuestion['env'],
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const result = await runCommand(argv, {
      env,
      timeoutMs: 10_000,
      ...(signal !== undefined && { signal }),
    });
    return result.code === 0 ? result.stdout : undefined;
  } catch {
    return undefined;
  }
}

const MIB = 1024 * 1024;

/** One line per GPU of `nvidia-smi --query-gpu ... --format=csv,noheader,nounits`; memory in MiB. */
export function parseNvidia(text: string): readonly GpuReading[] {
  return text
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length >= 6)
    .map(([index, name, used, total, utilization, temperature]) => ({
      index: Number(index),
      name: name ?? '',
      usedBytes: Number(used) * MIB,
      totalBytes: Number(total) * MIB,
      ...optional('utilizationPercent', utilization),
      ...optional('temperatureC', temperature),
    }));
}

/** `rocm-smi --json`: an object per card; values are texts, memory in bytes. */
export function parseRocm(text: string): readonly GpuReading[] {
  const cards = parseJson(text);
  if (typeof cards !== 'object' || cards === null) return [];
  return Object.entries(cards)
    .filter(([name]) => /^card\d+$/.test(name))
    .map(([name, values]) => {
      const card: ReadonlyMap<string, unknown> = new Map(Object.entries(values ?? {}));
      const field = (pattern: RegExp): string | undefined => {
        const key = [...card.keys()].find((candidate) => pattern.test(candidate));
        return key === undefined ? undefined : String(card.get(key));
      };
      return {
        index: Number(name.slice(4)),
        name: field(/^card series$/i) ?? field(/product name/i) ?? name,
        usedBytes: Number(field(/used memory/i) ?? 0),
        totalBytes: Number(field(/total memory \(b\)/i) ?? 0),
        ...optional('utilizationPercent', field(/gpu use/i)),
        ...optional('temperatureC', field(/temperature .*edge/i)),
      };
    });
}

/** It prints warnings of its driver there too. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Left out where the tool says `[N/A]` or nothing. */
function optional<Key extends string>(
  key: Key,
  text: string | undefined,
): { readonly [K in Key]?: number } {
  const value = Number(text);
  const empty: { readonly [K in Key]?: number } = {};
  return text === undefined || text === '' || !Number.isFinite(value)
    ? empty
    : { ...empty, [key]: value };
}
