/** Builds `plugin/dist/`, unless nothing has changed since it was built. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, root, setup } from './setup.mjs';

const SOURCES = [
  'src',
  'python',
  'scripts/bundle',
  'tsdown.config.ts',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
];
const dist = path.join(root, 'plugin/dist');
const stamp = path.join(root, '.cache/built');

export function build() {
  const hash = hashOfSources();
  const isCurrent = existsSync(path.join(dist, 'mcp.mjs')) && readIfExists(stamp) === hash;
  if (isCurrent) return;
  // Built beside and moved into place, so that a server that starts meanwhile finds the old files or the new ones.
  const fresh = path.join(root, `.cache/dist.${process.pid}`);
  const tsdown = path.join(root, 'node_modules/tsdown/dist/run.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsdown, '--out-dir', fresh], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  if (status !== 0) fail(`The build failed:\n${stdout}${stderr}`);
  const old = `${fresh}.old`;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of filesIn(path.join(root, source))) {
      if (file.endsWith('.test.ts')) continue;
      hash
        .update(`${path.relative(root, file)}\0`)
        .update(readFileSync(file))
        .update('\0');
    }
  }
  return hash.digest('hex');
}

/** @returns {string[]} */
function filesIn(place) {
  const entries = tryReadFolder(place);
  if (entries === undefined) return [place];
  return entries.toSorted().flatMap((name) => filesIn(path.join(place, name)));
}

function tryReadFolder(place) {
  try {
    return readdirSync(place);
  } catch (error) {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

const readIfExists = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  setup();
  build();
}
