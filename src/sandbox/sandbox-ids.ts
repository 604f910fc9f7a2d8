/** Names sandboxes so that the same project finds the same local one again, from every process. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { newSandboxSuffix } from '#core/ids.ts';
import type { JsonObject } from '#core/json.ts';
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

/**
 * A sandbox that the project has once: `local-<folder>-<12 hex of the real path>`. A further one has the name in it; with `options`
 * there is one for each set of them.
 */
export function projectSandboxId(
  backend: BackendId,
  realDir: string,
  name: string | undefined,
  options?: JsonObject,
): string {
  const parts = [
    realDir,
    ...(name === undefined ? [] : [name]),
    ...(options === undefined ? [] : ['', JSON.stringify(Object.entries(options).toSorted(byKey))]),
  ];
  const hash = createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
  return `${backend}-${slug(name ?? path.basename(realDir), 40) || 'project'}-${hash}`;
}

/** The one that takes the place of another: of two calls that want the same, both mean it. */
export const replacementId = (
  backend: BackendId,
  realDir: string,
  name: string | undefined,
  replaces: string,
): string => projectSandboxId(backend, realDir, name, { replaces });

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1;

/** What several of a project are called where nobody named them. */
export const projectName = (projectDir: string): string =>
  slug(path.basename(projectDir), 40) || 'sandbox';

/** A local one on a home folder that several hosts share, when the plain id belongs to another host. */
export const onThisHost = (id: string): string => `${id}-${slug(hostname(), 40) || 'host'}`;

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
