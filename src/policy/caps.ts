/** The caps in force: what `glovebox budget set` wrote down, else what the environment says. */
import { isRecord } from '#core/json.ts';
import type { MicroUsd } from '#core/money.ts';
import {
  ensurePrivateFolder,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from '#platform/files.ts';
import path from 'node:path';
import type { PolicySettings } from './contract.ts';
import { capsFile } from './policy-dir.ts';
import { isSigned, sign } from './signing.ts';

/** What may be spent; undefined is no limit. */
export interface Caps {
  readonly session: MicroUsd | undefined;
  readonly day: MicroUsd | undefined;
}

/** As a person set it at a terminal. What is left out is as the environment has it. */
export interface StoredCaps {
  readonly session?: MicroUsd | 'unlimited';
  readonly day?: MicroUsd | 'unlimited';
}

/**
 * Read anew for every decision, so that a cap that was raised works in a session that runs. A file that is damaged, or that
 * `glovebox budget` did not write, is the safe thing: $0.
 */
export async function loadCaps(dir: string, settings: PolicySettings): Promise<Caps> {
  const stored = await loadStoredCaps(dir);
  return {
    session: limitOf(stored.session ?? settings.sessionCap),
    day: limitOf(stored.day ?? settings.dayCap),
  };
}

export async function loadStoredCaps(dir: string): Promise<StoredCaps> {
  const text = await readTextIfExists(capsFile(dir));
  if (text === undefined) return {};
  try {
    const found: unknown = JSON.parse(text);
    if (!isRecord(found)) return NOTHING;
    const session = capIn(found['session']);
    const day = capIn(found['day']);
    if (!(await isSigned(dir, agreement({ session, day }), found['mac']))) return NOTHING;
    return { ...(session !== undefined && { session }), ...(day !== undefined && { day }) };
  } catch {
    return NOTHING;
  }
}

const NOTHING: StoredCaps = { session: 0, day: 0 };

/** Replaces both; nothing in either lets the environment decide again. */
export async function saveStoredCaps(dir: string, caps: StoredCaps): Promise<void> {
  const file = capsFile(dir);
  if (caps.session === undefined && caps.day === undefined) return removeIfExists(file);
  await ensurePrivateFolder(path.dirname(file));
  const mac = await sign(dir, agreement(caps));
  return writeFileAtomic(file, `${JSON.stringify({ ...caps, mac })}\n`);
}

type MaybeCaps = { readonly [K in keyof StoredCaps]: StoredCaps[K] | undefined };

const agreement = ({ session, day }: MaybeCaps): string =>
  JSON.stringify(['caps', session ?? null, day ?? null]);

const limitOf = (cap: MicroUsd | 'unlimited' | undefined): MicroUsd | undefined =>
  cap === 'unlimited' ? undefined : cap;

function capIn(value: unknown): MicroUsd | 'unlimited' | undefined {
  if (value === undefined || value === 'unlimited') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
