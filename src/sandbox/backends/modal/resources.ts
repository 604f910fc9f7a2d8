/** What a Modal sandbox has and uses, asked by a command beside its kernels. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { parseNvidia } from '#platform/host-resources.ts';
import type { Resources, SandboxHandle } from '#sandbox/backend.ts';
import { runningMachine } from '#sandbox/rented/life.ts';
import type { Connection } from './connection.ts';

const LIMIT_MS = 20_000;

/** Fixed text; the folder is an argument. */
const READ = `
import json, os, shutil, subprocess, sys

def number(file):
    try:
        with open(file) as stream:
            return int(stream.read())
    except (OSError, ValueError):
        return None

with open("/proc/meminfo") as stream:
    info = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in stream}
limit, used = number("/sys/fs/cgroup/memory.max"), number("/sys/fs/cgroup/memory.current")
grouped = limit is not None and used is not None and limit < info["MemTotal"]
fields = "index,name,memory.used,memory.total,utilization.gpu,temperature.gpu"
try:
    smi = ["nvidia-smi", "--query-gpu=" + fields, "--format=csv,noheader,nounits"]
    gpus = subprocess.run(smi, capture_output=True, text=True, timeout=10).stdout
except (OSError, subprocess.TimeoutExpired):
    gpus = ""
disk = shutil.disk_usage(sys.argv[1])
print(json.dumps({
    "host": os.uname().nodename,
    "cpus": len(os.sched_getaffinity(0)),
    "load": list(os.getloadavg()),
    "used": used if grouped else info["MemTotal"] - info["MemAvailable"],
    "limit": limit if grouped else info["MemTotal"],
    "grouped": grouped,
    "path": os.path.abspath(sys.argv[1]),
    "free": disk.free,
    "total": disk.total,
    "gpus": gpus,
}))
`.trim();

const answer = z.object({
  host: z.string(),
  cpus: z.number(),
  load: z.array(z.number()),
  used: z.number(),
  limit: z.number(),
  grouped: z.boolean(),
  path: z.string(),
  free: z.number(),
  total: z.number(),
  gpus: z.string(),
});

/** @throws `sandbox/ended`, `sandbox/pending`, `remote/failed`. */
export async function modalResources(
  handle: SandboxHandle,
  connection: Connection,
  signal: AbortSignal,
): Promise<Resources> {
  const { id } = handle;
  const machine = await runningMachine(handle, connection.provider, signal);
  const sdk = await connection.sdk();
  const argv = ['python3', '-I', '-c', READ, '.'];
  const { code, stdout, stderr } = await sdk.exec(machine.id, argv, {
    timeoutMs: LIMIT_MS,
    signal,
  });
  if (code !== 0) {
    throw new GloveboxError(
      'remote/failed',
      `Sandbox ${id} does not tell its resources (exit code ${code}): ${stderr.slice(-500)}`,
    );
  }
  const told = answer.parse(JSON.parse(stdout));
  const gpus = parseNvidia(told.gpus);
  return {
    host: told.host,
    cpus: told.cpus,
    load: told.load,
    memory: {
      usedBytes: told.used,
      limitBytes: told.limit,
      ...(told.grouped && { limitSource: 'control group' }),
    },
    disk: [{ path: told.path, freeBytes: told.free, totalBytes: told.total }],
    gpus,
    remarks: gpus.length === 0 ? ['gpus: none'] : [],
  };
}
