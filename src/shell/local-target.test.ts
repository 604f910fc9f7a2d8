/** Names that come from a sandbox, and what they may never lead to on this machine. */
import { expect, it } from 'vitest';
import { checkName } from './local-target.ts';

it.each([
  '../x',
  'a/../../x',
  '/etc/x',
  'a\\b',
  '.git/hooks/post-checkout',
  'a/.git/config',
  // The same folder on a disk that knows no case.
  '.GIT/hooks/post-checkout',
  'a/.Venv/bin/python',
])('%s is refused', (name) => {
  expect(() => checkName(name, name)).toThrow(
    expect.objectContaining({ code: 'path/not-allowed' }),
  );
});

it.each(['a', 'a/b.txt', '.gitignore', 'git/x', 'a/..b'])('%s is taken', (name) => {
  expect(() => checkName(name, name)).not.toThrow();
});
