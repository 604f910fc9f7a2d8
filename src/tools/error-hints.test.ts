import { expect, it } from 'vitest';
import type { CellOutput } from '#notebook/contract.ts';
import { hintForRun } from './error-hints.ts';

const after = (name: string, value: string): string | undefined =>
  hintForRun({ error: { name, value }, outputs: [] });

it('a module that is missing is installed by its top name; a name of no module is left alone', () => {
  expect(after('ModuleNotFoundError', "No module named 'torch.nn'")).toBe(
    '%pip install torch puts it into the Python of this kernel (a package may be named otherwise than its module).',
  );
  for (const value of ['', 'No module named x; y', "No module named '$(reboot)'"])
    expect(after('ModuleNotFoundError', value)).toBeUndefined();
  expect(after('StdinNotImplementedError', '')).toContain('input()');
  expect(after('KeyError', "'a'")).toBeUndefined();
});

it('an environment without pip is told as one, whatever failed after it', () => {
  const said = '/p/.venv/bin/python: No module named pip\nNote: you may need to restart the kernel';
  const outputs: readonly CellOutput[] = [{ output_type: 'stream', name: 'stdout', text: said }];
  const error = { name: 'ModuleNotFoundError', value: "No module named 'einops'" };
  for (const hint of [hintForRun({ outputs }), hintForRun({ outputs, error })])
    expect(hint).toContain('uv pip install --python {sys.executable} PACKAGE');
  const other: CellOutput = { output_type: 'stream', name: 'stdout', text: 'No module named pip?' };
  expect(hintForRun({ outputs: [other] })).toBeUndefined();
});
