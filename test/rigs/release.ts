/** What users get, made by the same script that makes a release. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { VERSION } from '#core/version.ts';

const root = path.resolve(import.meta.dirname, '../..');

export interface Release {
  /** A folder that is a marketplace and an npm package. */
  readonly marketplace: string;
  readonly tarball: string;
}

export function makeRelease(to: string, ...args: readonly string[]): Release {
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'scripts/release.mjs'), '--to', to, ...args],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`scripts/release.mjs failed: ${stderr}`);
  return {
    marketplace: path.join(to, 'glovebox'),
    tarball: path.join(to, `glovebox-${VERSION}.tgz`),
  };
}
