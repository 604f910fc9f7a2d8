/** Kills, when its parent is gone in any way, every process whose environment carries one of the marks it was told. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const MARK = 'GLOVEBOX_TEST_MARK';

/** What SLURM puts into the environment of every job, which has nothing else of ours. The name of a test cluster is its mark. */
const SLURM_MARK = 'SLURM_CLUSTER_NAME';

/** The pids of all processes that inherited this mark, whatever process group they moved to. */
export function markedProcesses(mark) {
  return processesWith(`${MARK}=${mark}`).concat(processesWith(`${SLURM_MARK}=${mark}`));
}

/** The pids of all processes with all of these `NAME=value` in their environment. */
export function processesWith(...entries) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
        return entries.every((entry) => environment.includes(entry));
      } catch {
        return false; // ended meanwhile, or not ours
      }
    })
    .map(Number);
}

export function killMarked(mark) {
  killAll(markedProcesses(mark));
}

export function killAll(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended meanwhile
    }
  }
}

/** Starts the process that outlives this one for a moment. `watch` and `forget` take marks; a folder is removed in the end. */
export function startReaper() {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: {},
    detached: true, // a Ctrl-C in the terminal must not end it before its parent
  });
  child.unref();
  child.stdin.unref();
  child.stdin.on('error', () => undefined);
  return {
    watch: (mark, folder = '') => child.stdin.write(`+${mark} ${folder}\n`),
    forget: (mark) => child.stdin.write(`-${mark}\n`),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folders = new Map();
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [mark, ...folder] = line.slice(1).split(' ');
    if (line.startsWith('+')) folders.set(mark, folder.join(' '));
    else folders.delete(mark);
  });
  lines.on('close', () => {
    for (const [mark, folder] of folders) {
      killMarked(mark);
      if (folder === '') continue;
      while (markedProcesses(mark).length > 0) killMarked(mark);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
}
