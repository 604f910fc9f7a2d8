/** Receipts: how the hook tells the server that the person was asked in the host's own prompt, and about what. */
import { randomBytes } from 'node:crypto';
import { readdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import type { MicroUsd } from '#core/money.ts';
import type { Clock } from '#platform/clock.ts';
import {
  ensurePrivateFolder,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from '#platform/files.ts';
import { sha256 } from './normalise.ts';
import { receiptsDir } from './policy-dir.ts';
import { isSigned, sign } from './signing.ts';

const VALID_MS = 12 * 3_600_000;

/**
 * The modes in which Claude Code 2.1.329 was seen to show the prompt for a hook's "ask". In any other one nobody may have been
 * asked, so there is no receipt and the server asks itself.
 */
export const PROMPTING_MODES: ReadonlySet<string> = new Set([
  'default',
  'acceptEdits',
  'plan',
  'dontAsk',
  'auto',
  'bypassPermissions',
]);

/** What the person was shown. */
export interface Receipt {
  readonly toolUseId: string;
  readonly tool: string;
  readonly argsHash: string;
  readonly scriptSha256: string | undefined;
  /** Who pays, where that was shown: the server may be configured for another account than the hook knows of. */
  readonly namespace?: string | undefined;
  /** The most it can cost, as it was shown; null: that nobody knows. 0: nothing. */
  readonly amountMicroUsd: MicroUsd | null;
  readonly permissionMode: string;
  readonly sessionId: string;
}

/** What the server is about to do. */
export interface Claim extends Omit<Receipt, 'permissionMode' | 'sessionId'> {}

export interface Receipts {
  /** Called by the hook when it asks. @throws `storage/failed`: then there is none, and the server asks. */
  write(receipt: Receipt): Promise<void>;
  /**
   * Whether the person agreed to exactly this: same call, same arguments, same script, and no dearer than what was shown. True once
   * for a receipt; any later call of the same id, whatever it says, is told false.
   */
  redeem(claim: Claim): Promise<boolean>;
}

/** Files of one use: whoever renames one away has it. */
export function createReceipts({
  dir,
  clock,
}: {
  readonly dir: string;
  readonly clock: Clock;
}): Receipts {
  const folder = receiptsDir(dir);
  const fileOf = (toolUseId: string): string => path.join(folder, `${sha256(toolUseId)}.json`);

  return {
    async write(receipt) {
      await ensurePrivateFolder(folder);
      const content = JSON.stringify({ ...receipt, atMs: clock.now() });
      const mac = await sign(dir, content);
      await writeFileAtomic(fileOf(receipt.toolUseId), JSON.stringify({ content, mac }), {
        durable: false,
      });
      await forgetOld(folder, clock.now());
    },

    async redeem(claim) {
      const file = fileOf(claim.toolUseId);
      const taken = `${file}.${randomBytes(4).toString('hex')}.used`;
      try {
        await rename(file, taken);
      } catch {
        return false;
      }
      const text = await readTextIfExists(taken).catch(() => undefined);
      await removeIfExists(taken).catch(() => undefined);
      if (text === undefined) return false;
      const { content, mac } = parse(text);
      if (typeof content !== 'string' || !(await isSigned(dir, content, mac))) return false;
      return covers(content, claim, clock.now());
    },
  };
}

function covers(content: string, claim: Claim, nowMs: number): boolean {
  const shown = parse(content);
  const { atMs, amountMicroUsd, permissionMode } = shown;
  if (typeof atMs !== 'number' || nowMs - atMs > VALID_MS || atMs > nowMs + VALID_MS) return false;
  if (typeof permissionMode !== 'string' || !PROMPTING_MODES.has(permissionMode)) return false;
  const isSame =
    shown['toolUseId'] === claim.toolUseId &&
    shown['tool'] === claim.tool &&
    shown['argsHash'] === claim.argsHash &&
    shown['scriptSha256'] === claim.scriptSha256 &&
    (shown['namespace'] === undefined || shown['namespace'] === claim.namespace);
  return isSame && isNoDearer(claim.amountMicroUsd, amountMicroUsd);
}

/** Who agreed to something that nobody can price has agreed to that, and not to an amount that turned up since. */
const isNoDearer = (now: MicroUsd | null, shown: unknown): boolean =>
  now === null ? shown === null : typeof shown === 'number' && now <= shown;

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** Calls that were never made leave their receipts behind. */
async function forgetOld(folder: string, nowMs: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length < 50) return;
  for (const name of names) {
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && nowMs - found.mtimeMs > VALID_MS)
      await removeIfExists(file).catch(() => undefined);
  }
}
