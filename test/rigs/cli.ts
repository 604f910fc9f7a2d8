/** The built command line as a person uses it: words in, exit code and two streams out, Ctrl-C in between. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';

export interface CliOptions {
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What runs `glovebox` without its arguments. */
  readonly program: readonly string[];
}

export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON. */
  readonly json: () => unknown;
}

export interface RunningCli {
  /** Resolves when `text` has been written to either stream. */
  says(text: string): Promise<void>;
  /** Ctrl-C. */
  interrupt(): void;
  /** What asks a process to end. */
  terminate(): void;
  kill(): void;
  readonly ended: Promise<CliEnd>;
}

/** Runs command lines in one place. */
export interface Cli {
  (...words: readonly string[]): Promise<CliEnd>;
  start(...words: readonly string[]): RunningCli;
}

export function createCli({ cwd, env, program }: CliOptions): Cli {
  const start = (...words: readonly string[]): RunningCli => {
    const [file = '', ...args] = program;
    const child = spawn(file, [...args, ...words], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => (written[name] += text));
    const ended = once(child, 'close').then(() => ({
      code: child.exitCode,
      ...written,
      json: (): unknown => JSON.parse(written.stdout),
    }));
    const everything = (): string => written.stdout + written.stderr;
    return {
      says: (text) => expect.poll(everything, { timeout: 30_000, interval: 20 }).toContain(text),
      interrupt: () => child.kill('SIGINT'),
      terminate: () => child.kill('SIGTERM'),
      kill: () => child.kill('SIGKILL'),
      ended,
    };
  };
  return Object.assign((...words: readonly string[]) => start(...words).ended, { start });
}
