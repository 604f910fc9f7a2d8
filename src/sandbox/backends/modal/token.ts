/** Makes the token of a sandbox's Jupyter server, so that every machine with the account's credentials can make it again. */
import { createHmac, randomBytes } from 'node:crypto';
import path from 'node:path';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';

export const newNonce = (): string => randomBytes(16).toString('hex');

/** The nonce is public; without the account's secret it says nothing. */
export function deriveToken(accountSecret: string, nonce: string): string {
  return createHmac('sha256', accountSecret).update(`glovebox:jupyter:${nonce}`).digest('hex');
}

/** The account's secret; a login that has none gets one that only this machine has, 0600. */
export async function secretOf(accountSecret: string | undefined, dir: string): Promise<string> {
  if (accountSecret !== undefined) return accountSecret;
  const file = path.join(dir, 'modal-secret');
  const known = await readTextIfExists(file);
  if (known !== undefined) return known;
  const secret = randomBytes(32).toString('hex');
  await ensurePrivateFolder(path.dirname(file));
  await writeFileAtomic(file, secret);
  return secret;
}
