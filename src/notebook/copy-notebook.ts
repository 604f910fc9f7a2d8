/** Copies a notebook beside itself under another name; nothing is ever overwritten. */
import { constants, copyFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';

const MOST_COPIES = 10_000;

/** `probe.ipynb` -> `probe_continued.ipynb`, or `probe_continued_2.ipynb` where that exists. @throws `storage/failed`. */
export async function copyNotebook(file: string, suffix: string): Promise<string> {
  const { dir, name, ext } = path.parse(file);
  for (let copy = 1; copy <= MOST_COPIES; copy += 1) {
    const number = copy === 1 ? '' : `_${copy}`;
    const target = path.join(dir, `${name}${suffix}${number}${ext}`);
    try {
      await copyFile(file, target, constants.COPYFILE_EXCL);
      return target;
    } catch (error) {
      if (isRecord(error) && error['code'] === 'EEXIST') continue;
      throw new GloveboxError('storage/failed', `Cannot copy ${file}: ${messageOf(error)}`, {
        hint: 'Free some space or repair the permissions of the folder, or open it without fork.',
        cause: error,
      });
    }
  }
  throw new GloveboxError('path/exists', `${file} has ${MOST_COPIES} copies already.`, {
    hint: 'Open it without fork.',
  });
}
