/** Programs that run for as long as a test wants: started in the foreground, ended by force, never left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The daemons of Debian are there, which the PATH of a plain user does not name. */
export const DAEMON_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

export class Daemon {
  readonly #child: ChildProcess;

  /** What it prints goes to `logFile`. */
  constructor(argv: readonly string[], env: Readonly<Record<string, string>>, logFile: string) {
    const [program = '', ...args] = argv;
    const log = openSync(logFile, 'a');
    this.#child = spawn(program, args, {
      env: { PATH: DAEMON_PATH, ...env },
      stdio: ['ignore', log, log],
      detached: true, // a Ctrl-C in the terminal ends the tests, which end it
    });
    closeSync(log);
    this.#child.unref();
    this.#child.on('error', () => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.pid > 0;
  }

  /** Processes it is the parent of, e.g. the one in the spaces that `unshare` or `nsenter` made. */
  get children(): readonly number[] {
    return childrenOf(this.pid);
  }

  /** Asks it to end, which a controller does after it has saved what it knows. Resolves when it is gone. */
  async end(): Promise<void> {
    if (!this.isAlive) return;
    const ended = once(this.#child, 'exit');
    this.#child.ref();
    // Wrapped by nsenter it is that one's child; else its children are its own business.
    const isWrapped = readFileSync(`/proc/${this.pid}/comm`, 'utf8').trim() === 'nsenter';
    for (const pid of isWrapped ? this.children : [this.pid]) signal(pid, 'SIGTERM');
    await ended;
  }

  /** Ends it and its children at once, as a power cut would. Resolves when it is gone. */
  async kill(): Promise<void> {
    for (const pid of [...this.children, this.pid]) signal(pid, 'SIGKILL');
    if (!this.isAlive) return;
    this.#child.ref();
    await once(this.#child, 'exit');
  }

  signal(name: NodeJS.Signals): void {
    for (const pid of [...this.children, this.pid]) signal(pid, name);
  }
}

export function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').map(Number).filter(Boolean);
  } catch {
    return []; // it has ended
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended
  }
}

/** Ends a process and all below it. */
export function killTree(pid: number): void {
  const children = childrenOf(pid);
  signal(pid, 'SIGKILL');
  for (const child of children) killTree(child);
}

/** Waits for something outside of this process. @throws with `what` and the ends of the logs after the limit. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limits: { readonly timeoutMs?: number; readonly logs?: readonly string[] } = {},
): Promise<void> {
  const { timeoutMs = 20_000, logs = [] } = limits;
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      const tails = logs.map((file) => `--- ${path.basename(file)}\n${tailOf(file)}`);
      throw new Error(`${what}: not within ${timeoutMs / 1000} s\n${tails.join('\n')}`);
    }
    await sleep(50);
  }
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
  } catch {
    return '(none)';
  }
}
