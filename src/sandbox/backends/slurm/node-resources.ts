/** Asks a node, through a step of the job, what the job has there and uses: without a kernel, and without holding a device. */
import { GloveboxError } from '#core/errors.ts';
import { parseNvidia } from '#platform/host-resources.ts';
import type { Resources } from '#sandbox/backend.ts';
import { runOnNode, type NodePlace } from './node-step.ts';
import type { JobRecord } from './record.ts';
import { lastWords } from './scheduler-command.ts';
import type { SlurmContext } from './settings.ts';

/** Lines that begin with what they are about. The nearest limit of a control group counts, the job's or one above. */
const QUESTION = `
echo "host $(hostname)"
echo "cpus $(nproc)"
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
sed -n 's/^\\(MemTotal\\|MemAvailable\\): */\\1 /p' /proc/meminfo
climb() {
  group=$1
  while [ -n "$group" ] && [ "$group" != / ]; do
    limit=$(cat "$2$group/$3" 2>/dev/null)
    case $limit in
      '' | *[!0-9]*) ;;
      *) echo "limit $limit $(cat "$2$group/$4" 2>/dev/null)" ;;
    esac
    group=\${group%/*}
  done
}
climb "$(sed -n 's/^0:://p' /proc/self/cgroup)" /sys/fs/cgroup memory.max memory.current
climb "$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)" /sys/fs/cgroup/memory memory.limit_in_bytes memory.usage_in_bytes
df -Pk "$@" 2>/dev/null | sed -n 's/^/disk /; 2,$p'
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=index,name,memory.used,memory.total,utilization.gpu,temperature.gpu --format=csv,noheader,nounits | sed 's/^/gpu /'
else
  echo 'remark gpus: none seen (nvidia-smi is not on the node)'
fi
`;
const LIMIT_MS = 20_000;
const KIB = 1024;

/** @throws `server/unreachable` when no step can be started. */
export async function nodeResources(
  context: SlurmContext,
  record: JobRecord,
  at: NodePlace,
  folders: readonly string[],
  signal: AbortSignal,
): Promise<Resources> {
  const argv = ['/bin/sh', '-c', QUESTION, 'sh', ...folders];
  const result = await runOnNode(context, record, at, argv, { signal, timeoutMs: LIMIT_MS });
  const resources = parseNodeResources(result.stdout);
  if (resources !== undefined) return resources;
  throw new GloveboxError(
    'server/unreachable',
    `Node ${at.node} does not say what it has: ${lastWords(result)}`,
    { hint: 'Ask again; sandbox_list with this sandbox says whether its job still runs.' },
  );
}

export function parseNodeResources(text: string): Resources | undefined {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const about = (word: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const [name] = about('host');
  const totalBytes = Number.parseInt(about('MemTotal')[0] ?? '', 10) * KIB;
  if (name === undefined || !Number.isFinite(totalBytes)) return undefined;
  const availableBytes = Number.parseInt(about('MemAvailable')[0] ?? '0', 10) * KIB;
  const limits = about('limit').map((line) => line.split(' ').map(Number));
  // Without a limit a control group says a number larger than any machine.
  const [nearest] = limits
    .filter(([limit = totalBytes]) => limit < totalBytes)
    .toSorted(([a = 0], [b = 0]) => a - b);
  return {
    host: name,
    cpus: Number(about('cpus')[0] ?? 0),
    load: (about('load')[0] ?? '').split(' ').map(Number).filter(Number.isFinite),
    memory:
      nearest === undefined
        ? { usedBytes: totalBytes - availableBytes, limitBytes: totalBytes }
        : {
            usedBytes: nearest[1] ?? 0,
            limitBytes: nearest[0] ?? totalBytes,
            limitSource: 'control group',
          },
    disk: about('disk').flatMap(parseDisk),
    gpus: parseNvidia(about('gpu').join('\n')),
    remarks: about('remark'),
  };
}

/** A line of `df -Pk`; the device and the folder it is mounted on may hold blanks. */
function parseDisk(line: string): Resources['disk'] {
  const match = /\s(\d+)\s+\d+\s+(-?\d+)\s+\d+%\s+(\/.*)$/.exec(line);
  if (match === null) return [];
  const [, total, free, mount = ''] = match;
  return [{ path: mount, totalBytes: Number(total) * KIB, freeBytes: Number(free) * KIB }];
}
