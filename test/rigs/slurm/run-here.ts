/** Runs one program to its end. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';

export interface RunOptions {
  readonly input?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

export interface Finished {
  /** `null` when a signal ended it, e.g. after its limit. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `env` is the whole environment. */
export async function runHere(argv: readonly string[], options: RunOptions): Promise<Finished> {
  const { input, env = {}, cwd, timeoutMs = 60_000 } = options;
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { env, cwd, detached: true });
  const timer = setTimeout(() => killGroup(child.pid), timeoutMs);
  child.stdin.on('error', () => undefined); // it may end without reading
  child.stdin.end(input ?? '');
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]).finally(() => clearTimeout(timer));
  return { code: child.exitCode, stdout, stderr };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}
