/** Finds and ends the processes that a test left behind, by the folder that their command or environment names (Linux). */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/** Living processes with `folder` in their command line, their working folder or their environment, but for this one. */
export function processesNaming(folder: string): readonly FoundProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
      const names = command.includes(folder) || read(`/proc/${name}/environ`).includes(folder);
      // A zombie has no command line any more.
      return names && command !== '' ? [{ pid: Number(name), command }] : [];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it ended meanwhile, or is somebody else's
  }
}

const TERM_LIMIT_MS = 10_000;

/** Ends every process that names `folder`: politely first, so that a Jupyter server takes its kernels with it. */
export async function endProcessesNaming(folder: string): Promise<void> {
  signalAll(folder, 'SIGTERM');
  const deadline = Date.now() + TERM_LIMIT_MS;
  while (processesNaming(folder).length > 0 && Date.now() < deadline) await sleep(50);
  signalAll(folder, 'SIGKILL');
  while (processesNaming(folder).length > 0) await sleep(50);
}

function signalAll(folder: string, signal: NodeJS.Signals): void {
  for (const { pid } of processesNaming(folder)) {
    try {
      process.kill(pid, signal);
    } catch {
      // it ended meanwhile
    }
  }
}

/** Whether there is such a process, and one that has not ended. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
