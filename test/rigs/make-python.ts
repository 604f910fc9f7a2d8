/** Makes the environment of `testPython()`. Several at once make one. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, symlink } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#platform/clock.ts';
import {
  ensureManagedEnvironment,
  SERVER_REQUIREMENTS,
} from '#sandbox/backends/local/managed-environment.ts';

const root = path.resolve(import.meta.dirname, '../..');
const cache = path.join(root, '.cache');

const interpreter = await ensureManagedEnvironment({
  envsDir: path.join(cache, 'envs'),
  pythonDir: path.join(root, 'python'),
  requirements: [...SERVER_REQUIREMENTS, 'numpy', 'pandas', 'matplotlib'],
  environment: process.env,
  offline: false,
  clock: systemClock,
  signal: new AbortController().signal,
  report: ({ message }) => process.stderr.write(`Python for tests: ${message}\n`),
});
const link = path.join(cache, 'python');
if (!existsSync(link)) {
  const temporary = `${link}.${randomUUID()}`;
  await symlink(path.dirname(path.dirname(interpreter)), temporary);
  await rename(temporary, link);
}
