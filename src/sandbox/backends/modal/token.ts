/** The secret of a Modal account, from which the tokens of its sandboxes are made. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';

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
