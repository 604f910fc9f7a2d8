/** The process of a set-up script: loads TypeScript, gives the script the library, and tells `glovebox run` what comes of it. */
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { readEnvironment } from '#config/environment.ts';
import { isGloveboxError } from '#core/errors.ts';
import { abandonCalls, callsEnded } from '#library/call.ts';
import { close, engine } from '#library/engine.ts';
import { systemClock } from '#platform/clock.ts';
import type { AskPerson } from '#tools/authorize.ts';
import { askAtTerminal } from './ask-at-terminal.ts';
import { isRunByAgent } from './host-session.ts';
import { belongTo } from './script-host.ts';
import { createProgressLines } from './script-progress.ts';
import type { ScriptMessage } from './start-script.ts';

const EXIT_INTERRUPTED = 130;

/** Resolves when the script is loaded; what it has begun goes on, and the process ends by itself after that. */
export async function runScript([file = '', ...args]: readonly string[]): Promise<void> {
  const lines = createProgressLines({
    clock: systemClock,
    write: (line) => void process.stderr.write(`${line}\n`),
  });
  // With the frames of the library above them, those of the script would be cut off.
  Error.stackTraceLimit = 50;
  const created: string[] = [];
  let isReady = false;
  belongTo({
    created: (id) => {
      created.push(id);
      void tell({ created: id });
    },
    ready: (line) => {
      isReady = true;
      return tell({ ready: line });
    },
    report: lines.report,
    ask: oneAtATime(askAtTerminal(isRunByAgent(readEnvironment()))),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, giveUp);
  // Nobody else is left who would end what this script has made.
  process.on('disconnect', () => {
    if (isReady) return;
    abandonCalls();
    void callsEnded()
      .then(() => endAll(created))
      .finally(() => process.exit(EXIT_INTERRUPTED));
  });
  process.channel?.unref();
  // Once: what is closed here may keep the process for another moment.
  process.once('beforeExit', () => void close());

  const isSource = import.meta.url.endsWith('.ts');
  register(isSource ? './script-hooks.ts' : './script-hooks.mjs', import.meta.url, {
    data: { library: new URL(isSource ? '../index.ts' : './index.mjs', import.meta.url).href },
  });
  process.argv = [process.execPath, file, ...args];
  try {
    await import(pathToFileURL(file).href);
  } catch (error) {
    await close();
    if (!(error instanceof SyntaxError)) {
      process.stderr.write(`${renderError(error)}\n`);
      process.exit(1);
    }
    if (await usesUsing(file))
      process.stderr.write(
        `Node ${process.versions.node} does not know "using", which Node 24 does. Call terminate() in a finally block.\n`,
      );
    // As nobody's: Node then shows the line of the source, which it tells nobody else.
    process.nextTick(() => {
      throw error;
    });
  }
}

/** A script may ask for several machines at the same moment; a person is asked for one after the other. */
function oneAtATime(ask: AskPerson): AskPerson {
  let last: Promise<unknown> = Promise.resolve();
  return (question, signal) => {
    const asked = last.then(() => ask(question, signal));
    last = asked.catch(() => undefined);
    return asked;
  };
}

const usesUsing = async (file: string): Promise<boolean> =>
  /^\s*(await\s+)?using\s+\w+\s*=/m.test(await readFile(file, 'utf8').catch(() => ''));

/** Calls of the library that are under way end, and what they were making with them; then the process does. */
function giveUp(): void {
  abandonCalls();
  void callsEnded().then(() => process.exit(EXIT_INTERRUPTED));
}

async function endAll(ids: readonly string[]): Promise<void> {
  const { sessions, sandboxes } = await engine();
  for (const id of ids) {
    await sessions.endAllIn(id);
    await sandboxes.stop(id, new AbortController().signal);
  }
}

/** Resolves when it has left this process. */
function tell(message: ScriptMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) return resolve();
    process.send(message, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
    return undefined;
  });
}

function renderError(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!isGloveboxError(error)) return stack;
  // Where the script called is of use to its author, and where it came to in here is not.
  const ours = new URL('.', import.meta.url).href;
  const frames = stack.split('\n').filter((line) => /^\s+at .*(file:|\/)/.test(line));
  const where = frames.filter((line) => !line.includes(ours) && !line.includes('node:'));
  const next = error.hint === undefined ? [] : [`  next: ${error.hint}`];
  return [`${error.code}: ${error.message}`, ...next, ...where].join('\n');
}
