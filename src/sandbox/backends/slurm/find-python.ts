/** Chooses the Python of a job, and says before the job burns time when it surely cannot work. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { Host } from '#platform/host.ts';
import { checkPythonVersion } from '#sandbox/own-machine.ts';
import type { JobRequest } from './request.ts';

/** Prints the first that is there; a folder stands for the environment in it. */
const LOOK = `
for candidate in "$@"; do
  [ -d "$candidate" ] && candidate=$candidate/bin/python
  if [ -x "$candidate" ]; then printf '%s\\n' "$candidate"; exit 0; fi
done
`;
const CHECK = `
import importlib.util, sys
print("%d.%d.%d" % sys.version_info[:3])
print(" ".join(n for n in ("jupyter_server", "ipykernel") if importlib.util.find_spec(n) is None))
`;
const LOOK_LIMIT_MS = 20_000;
/** The first import from a busy network disk. */
const CHECK_LIMIT_MS = 60_000;

/**
 * A path, or a name for the node to look up. What the login node does not have may still be on the compute nodes, or come with a
 * module or a container: then the job itself checks it.
 *
 * @throws `python/kernel-missing` with the command that helps; `config/invalid` for another version than was asked for.
 */
export async function findNodePython(
  host: Host,
  request: JobRequest,
  projectDir: string,
  signal: AbortSignal,
): Promise<string> {
  const { python, container, modules = [], setup = [] } = request;
  if (container !== undefined) return python ?? 'python3';
  if (python !== undefined && !python.includes('/')) return python;
  const home = await host.home(signal);
  const wanted = python ?? path.posix.join(projectDir, '.venv');
  const absolute = wanted.replace(/^~(?=\/|$)/, home);
  const options = { timeoutMs: LOOK_LIMIT_MS, signal };
  const { stdout } = await host.run(['/bin/sh', '-c', LOOK, 'sh', absolute], options);
  const found = stdout.trim();
  if (found === '') return python === undefined ? 'python3' : absolute;
  const isPrepared = modules.length > 0 || setup.length > 0;
  if (!isPrepared) await check(host, found, request.python_version, signal);
  return found;
}

async function check(
  host: Host,
  python: string,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const result = await host.run([python, '-c', CHECK], { timeoutMs: CHECK_LIMIT_MS, signal });
  if (result.code !== 0) return;
  const [version = '', missing = ''] = result.stdout.trim().split('\n');
  checkPythonVersion(wanted, { version, where: python });
  if (missing === '') return;
  throw new GloveboxError('python/kernel-missing', `${python} lacks ${missing}.`, {
    hint: `On ${host.name} run: ${python} -m pip install ${missing}. Or choose another Python with the option python, or GLOVEBOX_SLURM_PYTHON.`,
  });
}
