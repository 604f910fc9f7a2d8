/** Asks a Python interpreter what it is and which modules it has, without importing them. */
import * as z from 'zod';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { childEnvironment, type Environment } from '#platform/environment.ts';
import { runCommand } from '#platform/process.ts';

const MODULES = ['ipykernel', 'jupyterlab', 'jupyter_server', 'pip', 'venv', 'ensurepip'] as const;
type Module = (typeof MODULES)[number];

const python = z.object({
  /** `sys.executable`: for a version manager's stand-in the program behind it. */
  executable: z.string(),
  version: z.tuple([z.number(), z.number(), z.number()]),
  implementation: z.string(),
  prefix: z.string(),
  isVirtual: z.boolean(),
  /** Version by module; an empty one where the module is there and its version is not known. */
  modules: z.record(z.string(), z.string()),
});
export type Python = z.output<typeof python>;

const SCRIPT = `
import sys, json, importlib.util, importlib.metadata
modules = {}
for name in ${JSON.stringify(MODULES)}:
    try:
        found = importlib.util.find_spec(name) is not None
    except Exception:
        found = False
    if found:
        try:
            modules[name] = importlib.metadata.version(name)
        except Exception:
            modules[name] = ""
print(json.dumps({"executable": sys.executable, "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name, "prefix": sys.prefix,
    "isVirtual": sys.prefix != sys.base_prefix, "modules": modules}))
`;
const LIMIT_MS = 20_000;

/**
 * `isolated`: neither PYTHONPATH nor the user's own site-packages count, as for an environment of ours. Else they do, as for a
 * kernel of somebody's own Python.
 *
 * @throws `python/missing` naming the interpreter, when it does not run or is no Python 3; `cancelled`.
 */
export async function probePython(
  program: string,
  environment: Environment,
  mode: 'isolated' | 'open',
  signal: AbortSignal,
): Promise<Python> {
  const pass = ['PYENV_*', 'ASDF_*', 'MISE_*', ...(mode === 'open' ? ['PYTHONPATH'] : [])];
  const env = childEnvironment(environment, { pass });
  const argv = [program, ...(mode === 'isolated' ? ['-I'] : []), '-c', SCRIPT];
  const result = await runCommand(argv, {
    cwd: '/',
    env,
    timeoutMs: LIMIT_MS,
    signal,
  }).catch((error: unknown) => {
    if (isGloveboxError(error, 'cancelled')) throw error;
    throw unusable(program, error instanceof Error ? error.message : String(error));
  });
  if (result.code !== 0) throw unusable(program, lastLine(result.stderr));
  try {
    return python.parse(JSON.parse(result.stdout));
  } catch {
    throw unusable(program, 'its answer is not that of a Python 3');
  }
}

export const hasModule = (found: Python, module: Module): boolean =>
  Object.hasOwn(found.modules, module);

export function versionText({ version }: Python): string {
  return version.join('.');
}

function unusable(program: string, why: string): GloveboxError {
  return new GloveboxError(
    'python/missing',
    `The Python interpreter ${program} cannot be used: ${why}`,
    {
      hint: 'Set GLOVEBOX_PYTHON to a Python 3.9 or later, or unset it.',
    },
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
