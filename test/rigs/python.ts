/** The Python environment that tests run Jupyter and kernels from. Made once per checkout, below `.cache/`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const PACKAGES = ['jupyterlab', 'ipykernel', 'numpy', 'pandas', 'matplotlib'];

/** Absolute path of an interpreter that has JupyterLab, ipykernel, numpy, pandas and matplotlib. */
export function testPython(): string {
  const folder = path.join(root, '.cache/python');
  const interpreter = path.join(folder, 'bin/python');
  if (existsSync(interpreter)) return interpreter;
  const building = `${folder}.${process.pid}`;
  mkdirSync(path.dirname(folder), { recursive: true });
  run('python3', ['-m', 'venv', building]);
  run(path.join(building, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...PACKAGES]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(building, folder);
  return interpreter;
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
}
