/** What an agent is told of libraries stays short, and says where the rest is. */
import { expect, it } from 'vitest';
import { workspaceLines } from './workspace-answers.ts';

it('W3: names every library and cuts their docs to 4 KiB together', () => {
  const long = Array.from({ length: 400 }, (_, index) => `f${index}(x): does ${index}`).join('\n');
  const text = workspaceLines(
    [
      { name: 'long', docs: long },
      { name: 'quiet', docs: '' },
      { name: 'other', docs: long },
    ],
    undefined,
  ).join('\n');
  expect(text.length).toBeLessThanOrEqual(4096);
  expect(text).toContain('libraries to import: long, quiet, other');
  expect(text.match(/\[cut; help\(\) has the rest\]/g)).toHaveLength(2);
  expect(text).not.toContain('--- quiet');
});

it('says what cells wait for', () => {
  expect(workspaceLines([], 'r-1')).toEqual([
    'imports and init code: still running (run r-1); cells wait for it',
  ]);
  expect(workspaceLines([], undefined)).toEqual([]);
});
