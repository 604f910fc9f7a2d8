/** Whom a program that uses the library belongs to: `glovebox run`, which started it, or nobody. */
import type { Progress } from '#sandbox/backend.ts';
import type { ScriptHost } from '#library/engine.ts';

export interface Host extends ScriptHost {
  readonly report: (progress: Progress) => void;
}

/** Without one, the ready line goes to stdout as it is, and progress nowhere. */
const NOBODY: Host = {
  created: () => undefined,
  report: () => undefined,
  ready: (line) =>
    new Promise((resolve, reject) => {
      process.stdout.write(line, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(error);
      });
    }),
};

let host = NOBODY;

/** Called by the program that `glovebox run` starts, before it loads the script. */
export function belongTo(owner: Host): void {
  host = owner;
}

export const scriptHost = (): Host => host;
