/** The name of the workspace that pays, kept beside a mark of the token it belongs to, for those who cannot ask Modal. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';

const fileIn = (dir: string): string => path.join(dir, 'modal-account.json');

const markOf = (tokenId: string): string =>
  createHash('sha256').update(`modal\0${tokenId}`).digest('hex').slice(0, 16);

/** Undefined where nobody has asked with this token yet. Never rejects. */
export async function rememberedAccount(dir: string, tokenId: string): Promise<string | undefined> {
  try {
    const found: unknown = JSON.parse((await readTextIfExists(fileIn(dir))) ?? '');
    if (!isRecord(found) || found['token'] !== markOf(tokenId)) return undefined;
    return typeof found['name'] === 'string' ? found['name'] : undefined;
  } catch {
    return undefined;
  }
}

/** Never rejects: it is asked again another time. */
export async function rememberAccount(dir: string, tokenId: string, name: string): Promise<void> {
  if ((await rememberedAccount(dir, tokenId)) === name) return;
  const text = JSON.stringify({ token: markOf(tokenId), name });
  await ensurePrivateFolder(dir)
    .then(() => writeFileAtomic(fileIn(dir), text, { durable: false }))
    .catch(() => undefined);
}
