/** Everything that must be green before a change is done, with one line for each at the end. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { build } from './build.mjs';
import { root, say, setup } from './setup.mjs';
import { runTests } from './test.mjs';

const bin = (name) => path.join(root, 'node_modules/.bin', name);
const claude = path.join(root, '.cache/claude-code/node_modules/.bin/claude');

/** What needs no build, in the order of a person's patience: quick ones first. */
const STATIC_CHECKS = [
  { name: 'format', command: [bin('oxfmt'), '--check'], repair: 'npm run fmt' },
  {
    name: 'lint',
    command: [bin('oxlint'), '--deny-warnings', 'src', 'test', 'scripts', 'bench', 'examples'],
  },
  { name: 'types', command: [bin('tsc'), '-p', '.'] },
  { name: 'dead code', command: [bin('knip')] },
  {
    name: 'reference',
    command: [bin('tsx'), 'scripts/gen-docs.ts', '--check'],
    repair: 'npm run gen',
  },
];

setup();
const results = await runAll(STATIC_CHECKS);
build();
results.push({ name: 'build', ok: true, seconds: 0 });
if (existsSync(claude)) {
  results.push(
    ...(await runAll([
      { name: 'plugin', command: [claude, 'plugin', 'validate', '--strict', 'plugin'] },
      { name: 'marketplace', command: [claude, 'plugin', 'validate', '--strict', '.'] },
    ])),
  );
} else {
  say(`claude is not in .cache/claude-code: the manifests of the plugin are not validated here.`);
}
const testsStarted = Date.now();
const tests = runTests(process.argv.slice(2));
results.push({ name: 'tests', ok: tests.ok, seconds: secondsSince(testsStarted) });

console.log(`\n${results.map(row).join('\n')}`);
const failed = results.filter(({ ok }) => !ok);
for (const { name, repair } of failed) if (repair) console.log(`${name}: ${repair} repairs it.`);
console.log(`tests: ${tests.line}`);
// One plain line for programs: every test and every other check counts as one.
const others = results.filter(({ name }) => name !== 'tests');
const otherFailures = others.filter(({ ok }) => !ok).length;
console.log(
  `${tests.passed + others.length - otherFailures} passed, ${tests.failed + otherFailures} failed`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

function row({ name, ok, seconds }) {
  return `${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${String(seconds).padStart(4)} s`;
}

/** Runs commands side by side, as many as there are cores, and prints the output of those that fail. */
async function runAll(checks) {
  const waiting = [...checks];
  const done = new Map();
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      done.set(check, await runOne(check));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return checks.map((check) => done.get(check));
}

function runOne({ name, command, repair }) {
  const [program, ...args] = command;
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (output += text));
    const end = (ok) => {
      if (!ok) process.stdout.write(`\n---- ${name} ----\n${output}\n`);
      resolve({ name, ok, repair, seconds: secondsSince(started) });
    };
    child.on('error', (error) => {
      output += error.message;
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

function secondsSince(start) {
  return Math.round((Date.now() - start) / 1000);
}
