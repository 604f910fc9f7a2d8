/** Runs the example notebook through the built program, shows what came out, and ends what it started (but with --keep). */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { fail, root, say, setup } from './setup.mjs';

const keep = process.argv.includes('--keep');
/** Somebody is there to look at it, or will be. */
const home = path.join(root, '.cache/demo');
const project = path.join(home, 'project');
const cli = path.join(root, 'plugin/dist/cli.mjs');
/** One cell of the example fails on purpose. */
const EXPECTED_FAILURES = 1;

// Everything lies below the checkout, so the second demo finds its Python environment and nothing else is touched.
const env = {
  ...process.env,
  GLOVEBOX_DIR: path.join(home, 'state'),
  GLOVEBOX_PROJECT_DIR: project,
  GLOVEBOX_PYTHON: process.env['GLOVEBOX_PYTHON'] ?? 'managed',
};

setup();
build();
rmSync(project, { recursive: true, force: true });
mkdirSync(project, { recursive: true });
const notebook = path.join(project, 'first-look.ipynb');
copyFileSync(path.join(root, 'examples/first-look.ipynb'), notebook);

say(
  'Running examples/first-look.ipynb (the first time a Python environment is made; that takes a minute or two).\n',
);
let isDone = false;
try {
  const { code, stdout } = await glovebox([
    'run',
    notebook,
    '--continue-on-error',
    '--keep',
    '--json',
  ]);
  const result = parseJson(stdout);
  if (result?.['session_id'] === undefined)
    fail(`The demo did not work (exit code ${code}).\n${stdout}`);
  showNotebook();
  const failures = countFailures();
  if (failures !== EXPECTED_FAILURES)
    fail(`${failures} cells failed; ${EXPECTED_FAILURES} should have.`);
  console.log(`\nThe notebook with its outputs: ${notebook}`);
  console.log(
    'The exception is part of the example: an answer like any other, after which the session went on.',
  );
  if (keep) {
    const page = (await glovebox(['open', result['session_id'], '--print'])).stdout.trim();
    console.log(`The live notebook in a browser: ${pathToFileURL(page).href}\n`);
  } else {
    const sessions = parseJson((await glovebox(['sessions', '--json'])).stdout);
    const live = JSON.stringify(sessions).match(/http:\/\/[^"]+/)?.[0];
    console.log(`It was live in JupyterLab at ${live}, which ends now.`);
    console.log('To have it stay and be signed in: npm run demo -- --keep\n');
  }
  isDone = true;
} finally {
  if (keep && isDone)
    console.log(
      `It runs on. To end it: GLOVEBOX_DIR=${env.GLOVEBOX_DIR} node ${cli} stop --all --project ${project}`,
    );
  else await glovebox(['stop', '--all']);
}

/** Runs the built program; its progress goes to our stderr. */
function glovebox(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: project,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout }));
  });
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeCells() {
  return JSON.parse(readFileSync(notebook, 'utf8')).cells.filter(
    (cell) => cell.cell_type === 'code',
  );
}

function countFailures() {
  return codeCells().filter(({ outputs }) =>
    outputs.some((output) => output.output_type === 'error'),
  ).length;
}

function showNotebook() {
  for (const { source, outputs, execution_count: count } of codeCells()) {
    console.log(`\n[${count}] ${joined(source).split('\n')[0]} ...`);
    for (const output of outputs) console.log(indent(describe(output)));
  }
}

function describe({ output_type: type, text, data = {}, ename, evalue }) {
  if (type === 'stream') return joined(text).trimEnd();
  if (type === 'error') return `${ename}: ${evalue}`;
  const picture = Object.keys(data).find((mime) => mime.startsWith('image/'));
  if (picture === undefined) return joined(data['text/plain'] ?? '');
  const bytes = joined(data[picture]).length;
  return `(a picture: ${picture}, ${Math.round(bytes / 1024)} KB)`;
}

function joined(text) {
  return Array.isArray(text) ? text.join('') : text;
}

function indent(text) {
  return text.replaceAll(/^/gm, '    ');
}
