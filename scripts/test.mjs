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
 * @returns {{ ok: boolean, passed: number, failed: number, line: string }}
 */
export function runTests(args) {
  const report = path.join(root, `.cache/test-report.${process.pid}.json`);
  mkdirSync(path.dirname(report), { recursive: true });
  const faults = path.join(root, `.cache/fault-summary.${process.pid}.txt`);
  const reporters = [
    '--reporter=default',
    `--reporter=${path.join(root, 'scripts/end-reporter.mjs')}`,
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const { status } = spawnSync(
    process.execPath,
    [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args],
    { cwd: root, stdio: 'inherit', env: { ...process.env, GLOVEBOX_FAULT_SUMMARY: faults } },
  );
  const ok = status === 0;
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  rmSync(report, { force: true });
  // Printed in the middle of a long run, and wanted at its end.
  if (existsSync(faults)) console.log(readFileSync(faults, 'utf8'));
  rmSync(faults, { force: true });
  const {
    numPassedTests: passed = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    numTodoTests = 0,
  } = counts;
  // A file that cannot be loaded, or an error outside a test, has no test to count as failed.
  const failed = numFailedTests === 0 && !ok ? 1 : numFailedTests;
  const skipped = numPendingTests + numTodoTests;
  const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return { ok, passed, failed, line };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  setup();
  build();
  const { ok, line } = runTests(process.argv.slice(2));
  console.log(line);
  process.exitCode = ok ? 0 : 1;
}
