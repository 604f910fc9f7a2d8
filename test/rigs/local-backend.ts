/** Local back ends with a folder and a project of their own, whose servers and kernels are surely gone after the test. */
import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { argumentsOf, listProcesses } from '#platform/process-list.ts';
import type { ProcessRow } from '#platform/process-identity.ts';
import type { Backend } from '#sandbox/backend.ts';
import { createLocalBackend } from '#sandbox/backends/local/index.ts';
import type { LocalSettings } from '#sandbox/backends/local/settings.ts';
import { testPython } from './python.ts';
import { killMarked, MARK, markedProcesses, startReaper } from './reaper.mjs';

export interface LocalRig {
  /** Glovebox's folder. */
  readonly dir: string;
  readonly projectDir: string;
  readonly settings: LocalSettings;
  newBackend(changes?: Partial<LocalSettings>): Backend;
  /** A server that dies at its start with some words in its log. */
  newFailingBackend(): Backend;
  /** The processes of Jupyter servers of this rig. */
  servers(): readonly ProcessRow[];
  /** Numbers of all processes that come from this rig. */
  processes(): readonly number[];
  dispose(): Promise<void>;
}

const PYTHON_DIR = path.resolve(import.meta.dirname, '../../python');
let reaper: ReturnType<typeof startReaper> | undefined;

/** A folder for the setting `pythonDir` with another `serve.py`, which may run the real one. */
export async function writePythonDir(folder: string, serve: string): Promise<void> {
  await cp(PYTHON_DIR, folder, { recursive: true });
  await writeFile(path.join(folder, 'serve.py'), serve);
}

export async function makeLocalRig(): Promise<LocalRig> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-')));
  const dir = path.join(folder, 'state');
  const projectDir = path.join(folder, 'my project');
  await mkdir(projectDir);
  const brokenPython = path.join(folder, 'broken');
  await writePythonDir(brokenPython, 'raise SystemExit("the server is broken on purpose")\n');
  const mark = randomUUID();
  reaper ??= startReaper();
  reaper.watch(mark);
  const settings: LocalSettings = {
    dir,
    pythonDir: PYTHON_DIR,
    environment: { PATH: process.env['PATH'], HOME: folder, [MARK]: mark },
    // The server runs from there too, so that no test installs anything.
    python: testPython(),
    offline: true,
    packages: [],
    bindIp: '127.0.0.1',
    idleMs: 3_600_000,
    passEnvironment: [MARK],
    hubUrl: 'http://127.0.0.1:1',
  };
  const newBackend = (changes: Partial<LocalSettings> = {}): Backend =>
    createLocalBackend({
      settings: () => ({ ...settings, ...changes }),
      clock: systemClock,
      log: silentLog,
    });
  return {
    dir,
    projectDir,
    settings,
    newBackend,
    newFailingBackend: () => newBackend({ pythonDir: brokenPython }),
    servers: () =>
      listProcesses().filter(
        ({ pid, state }) =>
          state !== 'zombie' &&
          argumentsOf(pid).some((word) => word.startsWith(`--config=${dir}/`)),
      ),
    processes: () => markedProcesses(mark),
    async dispose() {
      // A kernel may be born while its server dies.
      for (let tries = 0; tries < 50 && markedProcesses(mark).length > 0; tries += 1) {
        killMarked(mark);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      reaper?.forget(mark);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
