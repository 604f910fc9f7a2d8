/** Makes the checkout ready: checks Node, installs what package-lock.json names. Quiet and quick when nothing is to do. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = path.resolve(
  import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
  '..',
);
const OLDEST_NODE = [20, 19];

/**
 * Idempotent.
 *
 * @returns {void}
 */
export function setup() {
  requireNode();
  const missing = missingPackages();
  if (missing.length === 0) return;
  // npm ci empties the folder first, also one that others share through a link.
  if (lstatSync(path.join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink())
    fail(
      `node_modules is a link, and it lacks ${missing.slice(0, 5).join(', ')}. Install them where it leads to, or remove the link.`,
    );
  say(
    `Installing ${missing.length} packages named in package-lock.json (npm ci; about a minute) ...`,
  );
  const started = Date.now();
  installPackages();
  const left = missingPackages();
  if (left.length > 0)
    fail(`npm ci ended without an error, but these are missing: ${left.slice(0, 5).join(', ')}`);
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  fail(
    `Glovebox needs Node ${OLDEST_NODE.join('.')} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install a newer one from https://nodejs.org, or switch to it with your version manager (for example: nvm install 22).',
  );
}

/**
 * Packages of package-lock.json that are not installed in that version. npm writes the list of what it installed at the
 * end of an installation, so an interrupted one counts as nothing.
 */
function missingPackages() {
  const wanted = readPackages('package-lock.json');
  const installed = readPackages('node_modules/.package-lock.json');
  return Object.entries(wanted)
    .filter(([name, { optional, devOptional }]) => name !== '' && !optional && !devOptional)
    .filter(([name, { version }]) => installed[name]?.version !== version)
    .map(([name]) => name);
}

/** @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>} */
function readPackages(file) {
  const absolute = path.join(root, file);
  if (!existsSync(absolute)) return {};
  return JSON.parse(readFileSync(absolute, 'utf8')).packages ?? {};
}

/** No install script runs: no dependency needs one, and none should. */
function installPackages() {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  // Under npm its own program is known; it may not be on the PATH by that name.
  const npm = process.env['npm_execpath'];
  const isScript = npm !== undefined && /\.[cm]?js$/.test(npm);
  const [command, ...all] = isScript ? [process.execPath, npm, ...args] : ['npm', ...args];
  const { status, error, stdout, stderr } = spawnSync(command, all, {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32' && !isScript,
  });
  if (status === 0) return;
  fail(
    `npm ci failed${error ? ` (${error.message})` : ''}:\n${stdout ?? ''}${stderr ?? ''}\n` +
      'Check that the npm registry can be reached (npm ping), then run the same command again.',
  );
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @returns {never} */
export function fail(text) {
  process.stderr.write(`\n${text}\n`);
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) setup();
