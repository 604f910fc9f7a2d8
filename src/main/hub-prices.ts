/** What a minute of a Job costs, for a hook: remembered for six hours, else asked within a second, never waited for longer. */
import path from 'node:path';
import { variable, type Environment } from '#config/environment.ts';
import { isRecord } from '#core/json.ts';
import type { HookFlavor } from '#hooks/contract.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';
import { pricesFile } from '#policy/policy-dir.ts';

const FRESH_MS = 6 * 3_600_000;
const LIMIT_MS = 1000;

/** Undefined: nobody knows now. Needs no token. Never rejects. */
export async function hubPrices(
  env: Environment,
  dir: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly HookFlavor[] | undefined> {
  const hub = (variable(env, 'HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, '');
  try {
    const known = await remembered(dir, hub, nowMs);
    if (known !== undefined) return flavorsIn(known);
    const { httpRequest } = await import('#platform/http.ts');
    const { status, text } = await httpRequest({
      method: 'GET',
      url: `${hub}/api/jobs/hardware`,
      headers: {},
      timeoutMs: LIMIT_MS,
      maxBytes: 1_000_000,
      signal,
    });
    if (status !== 200) return undefined;
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list) || list.length === 0) return undefined;
    const file = pricesFile(dir);
    await ensurePrivateFolder(path.dirname(file));
    const content = JSON.stringify({ hub, at_ms: nowMs, list });
    await writeFileAtomic(file, content, { durable: false }).catch(() => undefined);
    return flavorsIn(list);
  } catch {
    return undefined;
  }
}

async function remembered(
  dir: string,
  hub: string,
  nowMs: number,
): Promise<readonly unknown[] | undefined> {
  const found = await readTextIfExists(pricesFile(dir))
    .then((text): unknown => JSON.parse(text ?? 'null'))
    .catch(() => undefined);
  if (!isRecord(found) || found['hub'] !== hub || !Array.isArray(found['list'])) return undefined;
  const { at_ms: atMs } = found;
  const isFresh = typeof atMs === 'number' && atMs <= nowMs && nowMs - atMs < FRESH_MS;
  return isFresh ? found['list'] : undefined;
}

const flavorsIn = (list: readonly unknown[]): readonly HookFlavor[] =>
  list.filter(isRecord).flatMap((one): HookFlavor[] => {
    const { name, cpu, ram, accelerator, unitCostMicroUSD: cost, unitLabel } = one;
    if (typeof name !== 'string') return [];
    const isPrice = unitLabel === 'minute' && typeof cost === 'number' && cost >= 0;
    const gpu = isRecord(accelerator)
      ? [`${String(accelerator['quantity'])}x ${String(accelerator['model'])}`]
      : [];
    const sizes = [cpu, ram].filter((size) => typeof size === 'string');
    return [
      {
        name,
        words: [...sizes, ...gpu].join(', '),
        hasGpu: isRecord(accelerator),
        ...(isPrice && { microUsdPerMinute: cost }),
      },
    ];
  });
