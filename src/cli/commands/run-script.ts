/** `glovebox run setup.ts`: a set-up script, whose one line goes to stdout, and nothing of which stays when it fails. */
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

const LOG_LINES = 20;

export const isScript = (file: string): boolean => /\.m?[jt]s$/.test(file);

/**
 * So that words after a script are the script's, whatever they are: `run setup.ts --model x` reads as `run -- setup.ts --model x`.
 */
export function protectScriptWords(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf('run');
  const script = argv.findIndex((word, index) => index > at && isScript(word));
  const isFirst = at !== -1 && script !== -1 && argv.slice(0, at).every((word) => word !== '--');
  if (!isFirst || argv.slice(at, script).includes('--')) return argv;
  return [...argv.slice(0, script), '--', ...argv.slice(script)];
}

export async function runScript(
  context: CommandContext,
  [script = '', ...args]: readonly string[],
  { keepOnError }: { readonly keepOnError: boolean },
): Promise<ExitCode> {
  const { host, signal } = context;
  const created: string[] = [];
  let isReady = false;
  const ended = await host.runScript(
    { file: path.resolve(host.cwd, script), args },
    {
      onCreated: (id) => void created.push(id),
      onReady: (line) => {
        if (isReady) return;
        isReady = true;
        host.stdout.write(line);
      },
    },
    signal,
  );
  if (isReady) {
    if (ended.code === 0) return EXIT.done;
    context.say(
      `${script} ${howItEnded(ended)} after it had handed over its session, which lives.`,
    );
    return EXIT.failed;
  }
  const failure = new GloveboxError(
    signal.aborted ? 'cancelled' : 'script/failed',
    ended.code === 0
      ? `${script} ended without emitReady(session), so there is nothing to attach to.`
      : `${script} ${howItEnded(ended)}.`,
  );
  // After the signal too: the machines it rented must not stay.
  const kept = await settle(context, created, keepOnError);
  if (kept.length > 0) context.onInterruptSay(kept.join('\n'));
  for (const line of kept) context.say(line);
  throw failure;
}

const howItEnded = (ended: {
  readonly code: number | null;
  readonly signal: string | null;
}): string =>
  ended.signal === null ? `ended with exit code ${ended.code}` : `was ended by ${ended.signal}`;

/** Ends what a failed script has made. @returns a sentence about each that still lives. */
async function settle(
  context: CommandContext,
  created: readonly string[],
  keepOnError: boolean,
): Promise<readonly string[]> {
  if (created.length === 0) return [];
  const { sandboxes, sessions } = await context.services();
  const { signal } = new AbortController();
  const living: string[] = [];
  for (const id of created) {
    const view = await sandboxes.get(id, signal);
    if (view.status.state === 'ended') continue;
    const tail = await sandboxes.logs(id, LOG_LINES, signal).catch(() => []);
    if (tail.length > 0) context.say([`The last lines of the log of ${id}:`, ...tail].join('\n'));
    const price = view.status.usdPerHour;
    const cost = price === undefined ? '' : ` at about $${price.toFixed(2)} per hour`;
    if (keepOnError) {
      living.push(`Sandbox ${id} is kept${cost}. glovebox stop ${id} ends it.`);
      continue;
    }
    context.report({ message: `ending sandbox ${id}` });
    try {
      await sessions.endAllIn(id);
      await sandboxes.stop(id, signal);
      context.say(`Sandbox ${id} was ended.`);
    } catch (error) {
      living.push(
        `Sandbox ${id} could not be ended${cost}: ${messageOf(error)} glovebox stop ${id} tries again.`,
      );
    }
  }
  return living;
}
