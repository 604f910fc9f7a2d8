/** Names the one command that adds a kernel to somebody's Python environment. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { pathExists, readTextIfExists } from '#platform/files.ts';
import { findProgram } from '#platform/process.ts';
import { hasModule, versionText, type Python } from './probe-python.ts';

const PACKAGE = 'ipykernel>=6.29,<8';

/** The error for an interpreter without (a usable) ipykernel. */
export async function kernelMissing(
  python: Python,
  source: string,
  projectDir: string,
  searchPath: string | undefined,
): Promise<GloveboxError> {
  const old = python.modules['ipykernel'];
  const what = old === undefined ? 'has no ipykernel' : `has ipykernel ${old}, which is too old`;
  const command = await commandThatAdds(python, projectDir, searchPath);
  return new GloveboxError(
    'python/kernel-missing',
    `Python ${versionText(python)} from ${source} (${python.executable}) ${what}, so no kernel can run there.`,
    {
      hint: `Run: ${command}\nOr set GLOVEBOX_PYTHON=managed to use Glovebox's own environment instead.`,
    },
  );
}

async function commandThatAdds(
  python: Python,
  projectDir: string,
  searchPath: string | undefined,
): Promise<string> {
  const { prefix, executable } = python;
  const isProjects = prefix === path.join(projectDir, '.venv');
  if (isProjects && (await pathExists(path.join(projectDir, 'uv.lock')))) {
    return `uv add --project ${quote(projectDir)} --dev ${quote(PACKAGE)}`;
  }
  if (await pathExists(path.join(prefix, 'conda-meta'))) {
    return `conda install --prefix ${quote(prefix)} ${quote(PACKAGE)}`;
  }
  const pip = `${quote(executable)} -m pip install ${quote(PACKAGE)}`;
  if (hasModule(python, 'pip')) return pip;
  const madeByUv = /^uv = /m.test((await readTextIfExists(path.join(prefix, 'pyvenv.cfg'))) ?? '');
  if (madeByUv || (await findProgram('uv', searchPath)) !== undefined) {
    return `uv pip install --python ${quote(executable)} ${quote(PACKAGE)}`;
  }
  return `${quote(executable)} -m ensurepip && ${pip}`;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
