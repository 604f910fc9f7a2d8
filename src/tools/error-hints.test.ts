import { expect, it } from 'vitest';
import { hintForError } from './error-hints.ts';

it('a module that is missing is installed by its top name; a name of no module is left alone', () => {
  expect(hintForError({ name: 'ModuleNotFoundError', value: "No module named 'torch.nn'" })).toBe(
    '%pip install torch puts it into the Python of this kernel (a package may be named otherwise than its module).',
  );
  for (const value of ['', 'No module named x; y', "No module named '$(reboot)'"])
    expect(hintForError({ name: 'ModuleNotFoundError', value })).toBeUndefined();
  expect(hintForError({ name: 'StdinNotImplementedError', value: '' })).toContain('input()');
  expect(hintForError({ name: 'KeyError', value: "'a'" })).toBeUndefined();
});
