/** Signs what only this program may have written into its state folder: what a person agreed to, and what a hook has asked. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants, copyFile, link, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { ensurePrivateFolder, errnoOf, readTextIfExists, removeIfExists } from '#platform/files.ts';
import { keyFile } from './policy-dir.ts';

const KEY_BYTES = 32;

/**
 * The mark of a text, made with the key of the state folder. It keeps a file that was merely put there from counting as an
 * agreement; whoever can read the key can sign too, and no file can keep a user's own programs from that.
 *
 * @throws `storage/failed` when there is no key and none can be made.
 */
export async function sign(dir: string, text: string): Promise<string> {
  return macOf(text, await loadKey(dir));
}

/** Whether `mac` is the mark of that very text. Without a key nothing is; never rejects. */
export async function isSigned(dir: string, text: string, mac: unknown): Promise<boolean> {
  const key = await readKey(dir);
  if (key === undefined || typeof mac !== 'string') return false;
  const expected = Buffer.from(macOf(text, key));
  const given = Buffer.from(mac);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

const macOf = (text: string, key: Buffer): string =>
  createHmac('sha256', key).update(text).digest('hex');

async function readKey(dir: string): Promise<Buffer | undefined> {
  const text = await readTextIfExists(keyFile(dir)).catch(() => undefined);
  const key = Buffer.from(text ?? '', 'hex');
  return key.length === KEY_BYTES ? key : undefined;
}

/** Made once for a state folder; of two processes at once the first one's is used by both. */
async function loadKey(dir: string): Promise<Buffer> {
  const known = await readKey(dir);
  if (known !== undefined) return known;
  const fresh = randomBytes(KEY_BYTES);
  await ensurePrivateFolder(path.dirname(keyFile(dir)));
  try {
    await makeWhole(keyFile(dir), fresh.toString('hex'));
    return fresh;
  } catch (error) {
    const theirs = errnoOf(error) === 'EEXIST' ? await readKey(dir) : undefined;
    if (theirs !== undefined) return theirs;
    throw new GloveboxError(
      'storage/failed',
      `There is no key in ${keyFile(dir)}, and none can be made: ${messageOf(error)}`,
      {
        hint: 'Remove that file: what was agreed to until now (caps, approvals) has to be agreed to again.',
        cause: error,
      },
    );
  }
}

/** Never seen half made, where the disk has links. @throws an `EEXIST` of Node where it is there already. */
async function makeWhole(file: string, text: string): Promise<void> {
  const part = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(part, text, { flag: 'wx', mode: 0o600 });
  try {
    await link(part, file);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw error;
    await copyFile(part, file, constants.COPYFILE_EXCL);
  } finally {
    await removeIfExists(part);
  }
}
