/** What is on record about a sandbox, as far as money is concerned. Reads one small file, and needs no schema for it. */
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import { MICRO_PER_USD } from '#core/money.ts';
import { readTextIfExists } from '#platform/files.ts';
import type { SandboxFate } from '#policy/settle.ts';

/** Undefined when there is no record, or none that can be read. */
export async function fateOfSandbox(dir: string, id: string): Promise<SandboxFate | undefined> {
  const record = await readSandboxRecord(dir, id);
  if (record === undefined) return undefined;
  const { state, end, changedMs, createdMs, failure, paidSinceMs, data } = record;
  const { beforehandUsd, isRented } = isRecord(data) ? data : {};
  const claimedMs = typeof changedMs === 'number' ? changedMs : createdMs;
  if (typeof claimedMs !== 'number') return undefined;
  const endMs = isRecord(end) && typeof end['atMs'] === 'number' ? end['atMs'] : undefined;
  const code = isRecord(failure) ? failure['code'] : undefined;
  return {
    hasEnded: state === 'ended',
    claimedMs,
    ...(typeof paidSinceMs === 'number' && { paidSinceMs }),
    ...(typeof beforehandUsd === 'number' && {
      beforehandMicroUsd: Math.ceil(beforehandUsd * MICRO_PER_USD),
    }),
    ...(isRented === true && { wasRented: true }),
    ...(endMs !== undefined && { endMs }),
    ...(typeof code === 'string' && { failureCode: code }),
  };
}

/** The fields of the record as they stand on disk. */
export async function readSandboxRecord(
  dir: string,
  id: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) return undefined;
  try {
    const text = await readTextIfExists(path.join(dir, 'sandboxes', `${id}.json`));
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
