/** Starts a set-up script in a process of its own, and takes what it says over the channel. */
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { ScriptEvents } from '#cli/host.ts';
import { runScriptProcess } from '#platform/script-process.ts';

/** Long enough to end a machine at its provider. */
const GRACE_MS = 30_000;

const message = z.union([z.object({ created: z.string() }), z.object({ ready: z.string() })]);
/** What a script says to the command that runs it. */
export type ScriptMessage = z.output<typeof message>;

export interface ScriptRequest {
  /** An absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function startScript(
  { file, args, cwd, env }: ScriptRequest,
  events: ScriptEvents,
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  const isSource = import.meta.url.endsWith('.ts');
  const runner = new URL(isSource ? '../bin/script.ts' : './script.mjs', import.meta.url);
  return runScriptProcess({
    argv: [...process.execArgv, fileURLToPath(runner), file, ...args],
    cwd,
    env,
    signal,
    graceMs: GRACE_MS,
    onMessage: (raw) => {
      const said = message.safeParse(raw);
      if (!said.success) return; // The script's own, for nobody.
      if ('created' in said.data) events.onCreated(said.data.created);
      else events.onReady(said.data.ready);
    },
  });
}
