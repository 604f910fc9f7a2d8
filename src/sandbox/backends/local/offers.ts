/** Says what this machine has: cores, memory, and NVIDIA GPUs where its driver can tell. */
import { availableParallelism, hostname, totalmem } from 'node:os';
import { childEnvironment, type Environment } from '#platform/environment.ts';
import { findProgram, runCommand } from '#platform/process.ts';
import type { Offer } from '#sandbox/backend.ts';

const LIMIT_MS = 10_000;
const MIB = 1024 * 1024;

export async function localOffers(
  environment: Environment,
  signal: AbortSignal,
): Promise<readonly Offer[]> {
  const gpus = await nvidiaGpus(environment, signal);
  return [
    {
      name: 'this machine',
      description: `${hostname()}, without isolation from your account`,
      cpus: availableParallelism(),
      memoryMiB: Math.floor(totalmem() / MIB),
      usdPerHour: 0,
      priceSource: 'your own machine',
      ...(gpus.length > 0 && { gpus }),
    },
  ];
}

type Gpus = NonNullable<Offer['gpus']>;

async function nvidiaGpus(environment: Environment, signal: AbortSignal): Promise<Gpus> {
  const program = await findProgram('nvidia-smi', environment['PATH']);
  if (program === undefined) return [];
  const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
  const env = childEnvironment(environment);
  const result = await runCommand([program, ...query], { env, timeoutMs: LIMIT_MS, signal }).catch(
    () => undefined,
  );
  return result?.code === 0 ? parseGpus(result.stdout) : [];
}

/** One line `NVIDIA H100 80GB HBM3, 81559` per device; equal ones are counted. */
export function parseGpus(text: string): Gpus {
  const found = new Map<string, { name: string; count: number; memoryMiB?: number }>();
  for (const line of text.split('\n')) {
    const comma = line.lastIndexOf(',');
    if (comma === -1) continue;
    const name = line.slice(0, comma).trim();
    const memoryMiB = Number(line.slice(comma + 1));
    const known = found.get(line);
    if (known !== undefined) known.count += 1;
    else found.set(line, { name, count: 1, ...(Number.isFinite(memoryMiB) && { memoryMiB }) });
  }
  return [...found.values()];
}
