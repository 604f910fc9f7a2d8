/** The Python environment that tests run Jupyter and kernels from. Made once per checkout, below `.cache/`, by the product itself. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** Absolute path of an interpreter that has JupyterLab, ipykernel, numpy, pandas and matplotlib. Takes minutes the first time. */
export function testPython(): string {
  const interpreter = path.join(root, '.cache/python/bin/python');
  if (existsSync(interpreter)) return interpreter;
  const program = path.join(root, 'test/rigs/make-python.ts');
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', program], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0)
    throw new Error('The Python environment of the tests could not be made; see above.');
  return interpreter;
}
