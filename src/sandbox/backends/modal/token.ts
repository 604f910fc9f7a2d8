/** The secret of a Modal account, from which the tokens of its sandboxes are made. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';
import { deriveToken } from '#sandbox/server-token.ts';
import type { Connection } from './connection.ts';

/** Of the Jupyter server in a machine with that nonce. It is a secret. */
export async function serverTokenOf(
  nonce: string,
  connection: Pick<Connection, 'sdk' | 'settings'>,
): Promise<string> {
  const { tokenSecret } = await connection.sdk();
  return deriveToken(await secretOf(tokenSecret, connection.settings().dir), nonce);
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
