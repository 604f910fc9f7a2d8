/** Reads `sinfo` into partitions: what they have, what is idle now, what they allow. */
import { parseTimeLimitMs } from './time-limit.ts';

export const SINFO_FORMAT = '%P|%a|%l|%D|%t|%c|%m|%G|%C|%f';

export interface PartitionGpu {
  /** Type, such as a100; `gpu` where the site names none. */
  readonly name: string;
  readonly perNode: number;
}

export interface Partition {
  readonly name: string;
  readonly isDefault: boolean;
  /** False when it takes no work: down, drained, inactive. */
  readonly isUp: boolean;
  /** Infinite without a limit; undefined when it was not understood. */
  readonly maxTimeMs?: number;
  readonly nodes: number;
  readonly idleNodes: number;
  /** Of the largest node. */
  readonly cpusPerNode: number;
  readonly memoryMiBPerNode: number;
  readonly cpus: { readonly idle: number; readonly total: number };
  readonly gpus: readonly PartitionGpu[];
  readonly features: readonly string[];
}

export interface Survey {
  readonly partitions: readonly Partition[];
  /** Lines that were not understood. */
  readonly droppedRows: number;
}

interface Row extends Omit<Partition, 'isUp' | 'idleNodes'> {
  readonly available: boolean;
  readonly nodeState: string;
}

const USABLE_NODE = /^(idle|mix|alloc|comp|resv|plnd|power|pow_|maint|boot)/;

/** Rows of one partition, which differ in nodes and their state, become one. */
export function parseSinfo(stdout: string): Survey {
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const rows = lines.flatMap((line) => parseRow(line) ?? []);
  const byName = group(rows);
  return {
    partitions: [...byName.values()].map(merge),
    droppedRows: lines.length - rows.length,
  };
}

function group(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.name, [...(groups.get(row.name) ?? []), row]);
  return groups;
}

function parseRow(line: string): Row | undefined {
  const fields = line.split('|').map((field) => field.trim());
  const [partition = '', availability = '', limit = '', nodes = '', state = ''] = fields;
  const [cpus = '', memory = '', gres = '', cpuStates = '', features = ''] = fields.slice(5);
  const usage = /^(\d+)\/(\d+)\/(\d+)\/(\d+)$/.exec(cpuStates);
  const name = partition.replace(/\*$/, '');
  const cpusPerNode = atLeast(cpus);
  const memoryMiBPerNode = atLeast(memory);
  const isWhole = fields.length === 10 && name !== '' && /^\d+$/.test(nodes) && usage !== null;
  if (!isWhole || cpusPerNode === undefined || memoryMiBPerNode === undefined) return undefined;
  const maxTimeMs = parseTimeLimitMs(limit);
  return {
    name,
    isDefault: partition.endsWith('*'),
    available: availability === 'up',
    nodeState: state.toLowerCase(),
    nodes: Number(nodes),
    cpusPerNode,
    memoryMiBPerNode,
    cpus: { idle: Number(usage[2]), total: Number(usage[4]) },
    gpus: parseGres(gres),
    features: features === '(null)' ? [] : features.split(',').filter((word) => word !== ''),
    ...(maxTimeMs !== undefined && { maxTimeMs }),
  };
}

/** `64+`: at least. */
const atLeast = (text: string): number | undefined =>
  /^\d+\+?$/.test(text) ? Number(text.replace('+', '')) : undefined;

/** `gpu:a100:4(S:0-1),lustre:1`: sockets are left off, and so is what is no GPU. */
function parseGres(text: string): readonly PartitionGpu[] {
  return text
    .replaceAll(/\([^)]*\)/g, '')
    .split(',')
    .flatMap((item) => {
      const match = /^gpu(?::([A-Za-z][\w.-]*))?(?::(\d+))?$/.exec(item);
      return match === null ? [] : [{ name: match[1] ?? 'gpu', perNode: Number(match[2] ?? 1) }];
    });
}

function merge(rows: readonly Row[]): Partition {
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const most = (of: (row: Row) => number): number => Math.max(...rows.map(of));
  const usable = rows.filter((row) => row.available && USABLE_NODE.test(row.nodeState));
  const gpus = new Map<string, number>();
  for (const { name, perNode } of rows.flatMap((row) => row.gpus))
    gpus.set(name, Math.max(perNode, gpus.get(name) ?? 0));
  const [first] = rows;
  return {
    name: first?.name ?? '',
    isDefault: rows.some((row) => row.isDefault),
    isUp: usable.length > 0,
    nodes: sum((row) => row.nodes),
    idleNodes: sum((row) => (row.available && row.nodeState === 'idle' ? row.nodes : 0)),
    cpusPerNode: most((row) => row.cpusPerNode),
    memoryMiBPerNode: most((row) => row.memoryMiBPerNode),
    cpus: {
      idle: usable.reduce((total, row) => total + row.cpus.idle, 0),
      total: sum((row) => row.cpus.total),
    },
    gpus: [...gpus].map(([name, perNode]) => ({ name, perNode })),
    features: [...new Set(rows.flatMap((row) => row.features))],
    ...(first?.maxTimeMs !== undefined && { maxTimeMs: first.maxTimeMs }),
  };
}
