/** Runs a few lines of our own TypeScript in a process of its own, so that a test can kill it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface Program {
  readonly process: ChildProcess;
  /** Resolves with everything printed so far as soon as `text` is among it. */
  printed(text: string): Promise<string>;
  /** Resolves at the end of the process. */
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly output: string;
  }>;
}

/** `code` is a module; it may import `#folder/file.ts` and use top-level await. Its stderr counts as output. */
export function runProgram(code: string, env: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      child.emit('printed');
    });
  }
  const ended = once(child, 'close').then(() => ({
    code: child.exitCode,
    signal: child.signalCode,
    output,
  }));
  return {
    process: child,
    ended,
    async printed(text) {
      while (!output.includes(text)) {
        const over = await Promise.race([
          once(child, 'printed').then(() => false),
          ended.then(() => true),
        ]);
        if (over && !output.includes(text))
          throw new Error(`The program ended without "${text}": ${output}`);
      }
      return output;
    },
  };
}
