/** The toolkit of kernels on tiny real models: its Python tests, and what is written about it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readKernelFiles } from '#sandbox/kernel-files.ts';
import { testPython } from '../rigs/python.ts';
import { isTorchMissing, TORCH_PYTHON } from '../rigs/torch.ts';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

describe('what is written of it', () => {
  it('P2, P4: the skill names every function that is there, and none that is not', async () => {
    const files = await readKernelFiles(path.join(root, 'python'));
    const [, all = ''] =
      /__all__ = \[([^\]]+)\]/.exec(files['glovebox_interp/__init__.py'] ?? '') ?? [];
    const exported = [...all.matchAll(/"(\w+)"/g)].map(([, name = '']) => name);
    const functions = exported.filter((name) => /^[a-z]/.test(name));
    expect(functions.length).toBeGreaterThan(20);
    const skill = readFileSync(path.join(root, 'plugin/skills/interpretability/SKILL.md'), 'utf8');
    const called = [...skill.matchAll(/\binterp\.(\w+)/g)].map(([, name = '']) => name);
    expect(called.filter((name) => !exported.includes(name))).toEqual([]);
    // Shown where they are needed, or not worth an agent's attention.
    const untold = ['brief_tensors', 'cosine', 'load_vector'];
    expect(functions.filter((name) => !new RegExp(`\\b${name}\\b`).test(skill))).toEqual(untold);
  });

  it('K9: the list of functions in docs/toolkit.md is what their source says', async () => {
    await run(testPython(), ['scripts/toolkit-reference.py', '--check'], { cwd: root });
  });
});

describe.skipIf(isTorchMissing())('K2: on tiny models of each family', () => {
  it('K1 to K9, acceptance 39, 40, 41, 42, 43, 44, 45: its own tests pass, and none is skipped', async () => {
    const argv = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test/toolkit/python'];
    const env = { ...process.env, HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
    const told = await run(TORCH_PYTHON, argv, { cwd: root, env, maxBuffer: 1 << 24 }).catch(
      (error: unknown) => Object(error),
    );
    expect(String(told.stdout)).toMatch(/\n\d{2,} passed(, \d+ warnings?)? in /);
  }, 300_000);

  it('the example finds its direction', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gb-example-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await run(TORCH_PYTHON, ['test/toolkit/python/tiny.py', folder], { cwd: root });
    const argv = [path.join(root, 'examples/steering.py'), folder];
    const env = {
      ...process.env,
      PYTHONPATH: path.join(root, 'python'),
      MPLBACKEND: 'agg',
      HF_HUB_OFFLINE: '1',
    };
    const { stdout } = await run(TORCH_PYTHON, argv, { cwd: folder, env });
    expect(stdout).toMatch(/^\+0\.6 {2}Today was\|/m);
  }, 60_000);
});
