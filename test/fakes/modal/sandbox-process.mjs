/** A process "inside" a fake sandbox: a real one, whose whole output is kept so that a reader can begin at any byte. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const CHUNK_BYTES = 64 * 1024;
export const STDOUT = 0;
export const STDERR = 1;

export class SandboxProcess {
  /** @type {{ code: number } | { signal: number } | undefined} Set once the process has ended. */
  result;
  #output = [Buffer.alloc(0), Buffer.alloc(0)];
  #wakers = [];
  #child;

  constructor([program, ...args], { cwd, env }) {
    // It leads a group of its own, so that kill() reaches its children too.
    this.#child = spawn(program, args, { cwd, env, detached: true });
    this.#child.stdout.on('data', (data) => this.#append(STDOUT, data));
    this.#child.stderr.on('data', (data) => this.#append(STDERR, data));
    this.#child.stdin.on('error', () => {}); // the reader may close its end at any time
    this.#child.on('error', () => this.#end({ code: 127 })); // "command not found", as a shell says it
    this.#child.on('exit', (code, signal) => {
      this.exit = signal ? { signal: constants.signals[signal] } : { code };
    });
    this.#child.on('close', () => this.#end(this.exit));
  }

  get pid() {
    return this.#child.pid;
  }

  get output() {
    return Buffer.concat(this.#output).toString();
  }

  write(data) {
    this.#child.stdin.write(data);
  }

  closeStdin() {
    this.#child.stdin.end();
  }

  /** Ends the process and its group. Processes that left the group are found by their mark. */
  kill() {
    if (this.result !== undefined || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // ended meanwhile
    }
  }

  /** Resolves when the process has ended or the caller has gone away. */
  async ended(signal) {
    this.#wakeOnAbort(signal);
    await this.#until(() => this.result || signal.aborted);
    return this.result;
  }

  /** Yields the output of one stream from `offset` on, live, until the process ends. */
  async *read(stream, offset, signal) {
    this.#wakeOnAbort(signal);
    let from = offset;
    for (;;) {
      await this.#until(() => this.#output[stream].length > from || this.result || signal.aborted);
      if (signal.aborted) return;
      const data = this.#output[stream].subarray(from, from + CHUNK_BYTES);
      if (data.length === 0) return;
      yield { data, startingOffset: from };
      from += data.length;
    }
  }

  #append(stream, data) {
    this.#output[stream] = Buffer.concat([this.#output[stream], data]);
    this.#wake();
  }

  #end(result) {
    this.result ??= result ?? { code: 127 };
    this.#wake();
  }

  #wake() {
    for (const waker of this.#wakers.splice(0)) waker();
  }

  #wakeOnAbort(signal) {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  #until(condition) {
    return new Promise((resolve) => {
      const check = () => (condition() ? resolve() : this.#wakers.push(check));
      check();
    });
  }
}
