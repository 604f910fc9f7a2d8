/** Runs the hook of one event: reads its input, calls it, and turns a crash into what is safe for that event. */
import { messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import {
  HOOK_EVENTS,
  SILENT,
  type Hook,
  type HookEvent,
  type HookOutcome,
  type HookWorld,
} from './contract.ts';
import { preToolUse } from './pre-tool-use.ts';

interface Row {
  /** Loaded when its event happens: start-up is most of what a hook costs. PreToolUse comes with the program: it is nearly every event. */
  readonly load: () => Promise<Hook>;
  /** What a crash does. `block`: the call does not happen. `ignore`: nothing depends on the hook. */
  readonly onCrash: 'block' | 'ignore';
}

/** One row for each event; a new hook is a file and a row here, and an entry in `plugin/hooks/hooks.json`. */
const HOOKS: Readonly<Record<HookEvent, Row>> = {
  PreToolUse: {
    load: async () => preToolUse,
    onCrash: 'block',
  },
  SessionStart: {
    load: async () => (await import('./session-start.ts')).sessionStart,
    onCrash: 'ignore',
  },
};

/**
 * Never rejects. An event that nobody knows is a mistake in a configuration file: it blocks nothing and says so.
 *
 * @param stdin everything that stood on stdin
 */
export async function runHook(
  event: string | undefined,
  stdin: string,
  world: HookWorld,
): Promise<HookOutcome> {
  const known = HOOK_EVENTS.find((name) => name === event);
  if (known === undefined) {
    return {
      exitCode: 0,
      stderr: `glovebox: there is no hook "${event}"; there are ${HOOK_EVENTS.join(', ')}.\n`,
    };
  }
  const { load, onCrash } = HOOKS[known];
  try {
    const hook = await load();
    return await hook(parseInput(stdin), world);
  } catch (error) {
    const words = `Glovebox's ${known} hook failed: ${messageOf(error).slice(0, 300)}\n`;
    // Claude Code blocks a call on exit code 2 and on no other.
    return onCrash === 'block' ? { exitCode: 2, stderr: words } : { ...SILENT, stderr: words };
  }
}

function parseInput(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
