/** Whether transcripts may leave the machine: off, unless a person said otherwise. */
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import {
  ensurePrivateFolder,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from '#platform/files.ts';
import { isSigned, sign } from '#policy/signing.ts';
import type { Consent, UploadSettings } from './contract.ts';
import { transcriptsDir } from './queue.ts';

const fileIn = (dir: string): string => path.join(transcriptsDir(dir), 'consent.json');

/** What cannot be read is no consent, and neither is what this program did not write. */
export async function readConsent(dir: string): Promise<Consent | undefined> {
  const text = await readTextIfExists(fileIn(dir)).catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const raw: unknown = JSON.parse(text);
    if (!isRecord(raw) || typeof raw['grantedAt'] !== 'string') return undefined;
    const { repo, isPublic, grantedAt, version, mac } = raw;
    const consent = {
      ...(typeof repo === 'string' && { repo }),
      isPublic: isPublic === true,
      grantedAt,
      version: typeof version === 'string' ? version : '',
    };
    return (await isSigned(dir, agreement(consent), mac)) ? consent : undefined;
  } catch {
    return undefined;
  }
}

export async function writeConsent(dir: string, consent: Consent): Promise<void> {
  await ensurePrivateFolder(transcriptsDir(dir));
  const mac = await sign(dir, agreement(consent));
  await writeFileAtomic(fileIn(dir), `${JSON.stringify({ ...consent, mac }, undefined, 2)}\n`);
}

const agreement = ({ repo, isPublic, grantedAt }: Consent): string =>
  JSON.stringify(['transcripts', repo ?? null, isPublic, grantedAt]);

export const removeConsent = (dir: string): Promise<void> => removeIfExists(fileIn(dir));

/** A variable beats what was recorded, in both directions. */
export const isUploadOn = (
  settings: Pick<UploadSettings, 'isOn'>,
  consent: Consent | undefined,
): boolean => settings.isOn ?? consent !== undefined;

/** The dataset that a person named; the variable counts first. */
export const namedRepo = (
  settings: Pick<UploadSettings, 'repo'>,
  consent: Consent | undefined,
): string | undefined => settings.repo ?? consent?.repo;

/** Only for the very dataset that was agreed to be public. */
export const mayBePublic = (repo: string, consent: Consent | undefined): boolean =>
  consent?.isPublic === true && consent.repo?.toLowerCase() === repo.toLowerCase();
