/**
 * `npm run release`: makes what users get, in `.cache/release/`: the folder `glovebox/`, which is a marketplace and an npm
 * package and needs nothing beside it, and the same as a tarball. `--to FOLDER` puts both elsewhere. `--branch NAME` also commits
 * the folder to a branch of this repository, or of the one that `--into` names, for
 * `claude plugin marketplace add ADDRESS#NAME`. Nothing is published and nothing is pushed.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { fail, root, say, setup } from './setup.mjs';

/** Copied as they are; `plugin/` with what was built. */
const COPIED = ['.claude-plugin', 'plugin', 'docs', 'bench/RESULTS.md', 'LICENSE'];
/** Everything else of `package.json` is for those who work on it: all JavaScript is in the bundle, so nothing is installed. */
const MANIFEST_KEYS =
  'name version description keywords license repository homepage type bin exports types engines'.split(
    ' ',
  );
/** What only makes sense in a clone. */
const FOR_CLONES = /<!-- in a clone -->[\s\S]*?<!-- everywhere -->\n*/g;

const { values } = parseArgs({
  options: { to: { type: 'string' }, branch: { type: 'string' }, into: { type: 'string' } },
});
setup();
build();
const out = path.resolve(values.to ?? path.join(root, '.cache/release'));
const folder = path.join(out, 'glovebox');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const name of COPIED)
  cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
const manifest = readJson('package.json');
write('package.json', `${JSON.stringify(shortened(manifest), null, 2)}\n`);
write('README.md', readFileSync(path.join(root, 'README.md'), 'utf8').replaceAll(FOR_CLONES, ''));
write('THIRD-PARTY-LICENSES.txt', licenses());
const tarball = pack();
say(`${folder}\n${tarball}`);
if (values.branch !== undefined)
  say(`${values.branch}: ${commitTo(values.branch, path.resolve(values.into ?? root))}`);

function write(name, content) {
  writeFileSync(path.join(folder, name), content);
}

function readJson(name) {
  return JSON.parse(readFileSync(path.join(root, name), 'utf8'));
}

function shortened(whole) {
  return Object.fromEntries(
    MANIFEST_KEYS.filter((key) => key in whole).map((key) => [key, whole[key]]),
  );
}

/** Of every package that may be in the bundle: the bundle carries their code, so it carries their terms. */
function licenses() {
  const packages = Object.entries(readJson('package-lock.json').packages)
    .filter(
      ([place, { dev, optional, devOptional }]) =>
        place !== '' && !dev && !optional && !devOptional,
    )
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return packages
    .map(([place, { version, license }]) => {
      const name = place.replace(/^.*node_modules\//, '');
      const installed = path.join(root, place);
      const files = readdirSync(installed).filter((file) =>
        /^(licen[cs]e|notice|copying)/i.test(file),
      );
      const texts = files.map((file) => readFileSync(path.join(installed, file), 'utf8').trim());
      return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n');
    })
    .join(`\n\n${'-'.repeat(72)}\n\n`)
    .concat('\n');
}

function pack() {
  const name = `${manifest.name}-${manifest.version}.tgz`;
  run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', out], {
    cwd: folder,
    shell: process.platform === 'win32',
  });
  const file = path.join(out, name);
  if (!existsSync(file)) fail(`npm pack did not make ${file}.`);
  return file;
}

/** A commit with the folder as its whole tree, on top of the branch where there is one. No working tree and no index is touched. */
function commitTo(branch, repository) {
  const git = (args, options) => run('git', args, { cwd: repository, ...options }).trim();
  const index = path.join(out, 'index');
  const ref = `refs/heads/${branch}`;
  const env = {
    ...process.env,
    GIT_DIR: path.resolve(repository, git(['rev-parse', '--git-dir'])),
    GIT_WORK_TREE: folder,
    GIT_INDEX_FILE: index,
  };
  const inFolder = { cwd: folder, env };
  rmSync(index, { force: true });
  // What is built is ignored in a clone, and is the point here.
  git(['add', '--all', '--force', '.'], inFolder);
  const tree = git(['write-tree'], inFolder);
  rmSync(index, { force: true });
  const parent = git(['for-each-ref', '--format=%(objectname)', ref]);
  const parents = parent === '' ? [] : ['-p', parent];
  const source = run('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).trim();
  const message = `Release ${manifest.version}, built from ${source}`;
  const commit = git(['commit-tree', tree, ...parents, '-m', message]);
  git(['update-ref', ref, commit]);
  return commit;
}

function run(command, args, options) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0)
    fail(`${command} ${args[0]} failed: ${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`);
  return stdout;
}
