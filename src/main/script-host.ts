/** Whom a program that uses the library belongs to: `glovebox run`, which started it, or nobody. */
import type { Progress } from '#sandbox/backend.ts';
import type { ScriptHost } from '#library/engine.ts';
import type { AskPerson } from '#tools/authorize.ts';

export interface Host extends ScriptHost {
  readonly report: (progress: Progress) => void;
  /** Before something is rented. */
  readonly ask: AskPerson;
}

/**
 * Without one, the ready line goes to stdout as it is, progress nowhere, and nobody can be asked: a budget agrees, or an approval that
 * was given before.
 */
const NOBODY: Host = {
  ask: async () => 'unavailable',
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
