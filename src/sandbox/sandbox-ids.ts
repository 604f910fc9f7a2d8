/** Names sandboxes so that the same project finds the same local one again, from every process. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { newSandboxSuffix } from '#core/ids.ts';
import type { BackendId } from './backend.ts';

/** @throws `path/not-found`. */
export async function realProjectDir(projectDir: string): Promise<string> {
  return realpath(projectDir).catch((error: unknown) => {
    throw new GloveboxError(
      'path/not-found',
      `The project folder ${projectDir} cannot be read: ${messageOf(error)}`,
      {
        hint: 'Set GLOVEBOX_PROJECT_DIR to an existing folder.',
        cause: error,
      },
    );
  });
}

/** The project's one local sandbox: `local-<folder>-<12 hex of the real path>`; a further one has the name in it. */
export function localSandboxId(realDir: string, name?: string): string {
  const named = name === undefined ? realDir : `${realDir}\0${name}`;
  const hash = createHash('sha256').update(named).digest('hex').slice(0, 12);
  return `local-${slug(name ?? path.basename(realDir), 40) || 'project'}-${hash}`;
}

/** The same on a home folder that several hosts share, when the plain id belongs to another host. */
export const localSandboxIdOnThisHost = (realDir: string, name?: string): string =>
  `${localSandboxId(realDir, name)}-${slug(hostname(), 40) || 'host'}`;

/** Every other sandbox is its own. */
export const newSandboxId = (backend: BackendId, name: string): string =>
  `${backend}-${slug(name, 40) || 'sandbox'}-${newSandboxSuffix()}`;

function slug(text: string, maxLength: number): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, maxLength)
    .replace(/-+$/, '');
}
