/** Sets up, builds, and runs the tests. Arguments go to vitest: `npm test -- src/notebook`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { root, setup } from './setup.mjs';

/**
 * Runs vitest with its usual output, then one plain line that a program can read: `12 passed, 0 failed`, with what was
 * skipped when something was.
 *
 * @param {readonly string[]} args for vitest
 * @returns {{ ok: boolean, line: string }}
 */
export function runTests(args) {
  const report = path.join(root, `.cache/test-report.${process.pid}.json`);
  mkdirSync(path.dirname(report), { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { status } = spawnSync(
    process.execPath,
    [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args],
    { cwd: root, stdio: 'inherit' },
  );
  const line = existsSync(report)
    ? lineOf(JSON.parse(readFileSync(report, 'utf8')))
    : '0 passed, 1 failed';
  rmSync(report, { force: true });
  return { ok: status === 0, line };
}

function lineOf({
  numPassedTests,
  numFailedTests,
  numFailedTestSuites,
  numPendingTests,
  numTodoTests,
}) {
  // A file that cannot be loaded has no tests to count as failed.
  const failed =
    numFailedTests === 0 && numFailedTestSuites > 0 ? numFailedTestSuites : numFailedTests;
  const skipped = numPendingTests + numTodoTests;
  return `${numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  setup();
  build();
  const { ok, line } = runTests(process.argv.slice(2));
  console.log(line);
  process.exitCode = ok ? 0 : 1;
}
