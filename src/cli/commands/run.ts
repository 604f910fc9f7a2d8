/** `glovebox run`: a notebook from top to bottom, cell by cell, saved as it goes; or a set-up script. */
import { throwIfAborted } from '#core/abort.ts';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { WITHOUT_LIMIT_MS, type CliCommand, type CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { CliRun, CliServices, CliSession } from '../host.ts';
import type { ToolResult } from '#tools/define-tool.ts';
import { hintForRun } from '#tools/error-hints.ts';
import { CellTally } from '../cell-tally.ts';
import { isScript, runScript } from './run-script.ts';

interface RunOptions {
  readonly kernel?: string;
  readonly sandbox?: string;
  readonly continueOnError?: boolean;
  readonly keep?: boolean;
  readonly keepOnError?: boolean;
}

export const run: CliCommand = {
  usage: 'run <file> [args...]',
  about:
    'Run a notebook from top to bottom in a fresh kernel and save the outputs into it; or a set-up script (.ts, .mts, .js, .mjs), which makes a sandbox and prints one line for attach_to_session.',
  configure: (command) =>
    command
      .option('--kernel <name>', 'kernel to use (default: the one the notebook names)')
      .option('--sandbox <id>', "where to run (default: the project's own, else this machine)")
      .option('--continue-on-error', 'go on after a cell that fails')
      .option('--keep', 'keep the session and its variables afterwards')
      .option('--keep-on-error', 'of a script: keep what it made when it fails')
      .addHelpText(
        'after',
        '\nOptions stand before a script: all words after it are its own. docs/library.md describes scripts.',
      ),
  async run(context, command) {
    const given = command.opts<RunOptions>();
    const [file = '', ...words] = command.args;
    if (isScript(file))
      return runScript(context, command.args, { keepOnError: given.keepOnError === true });
    if (!file.endsWith('.ipynb')) {
      throw new GloveboxError('input/invalid', `"${file}" is neither a notebook nor a script.`, {
        hint: 'glovebox run NAME.ipynb, or glovebox run NAME.ts',
      });
    }
    if (words.length > 0) {
      throw new GloveboxError(
        'input/invalid',
        `A notebook takes no arguments: ${words.join(' ')}.`,
        {
          hint: `glovebox run ${file}`,
        },
      );
    }
    const services = await context.services();
    const session = await openFresh(context, services, file, given);
    const { path: notebook } = session.notebook;
    const told =
      given.keep === true ? `The session is kept: ${session.id}.` : 'Its kernel is gone.';
    context.onInterruptSay(`The outputs so far are saved in ${notebook}. ${told}`);
    const tally = new CellTally();
    try {
      await runAll(context, session, given.continueOnError === true, tally);
    } finally {
      context.progress.clear();
      await session.notebook.flush();
      if (given.keep !== true)
        await services.sessions.shutdown(session.id, new AbortController().signal);
    }
    if (context.json)
      context.printJson({
        notebook_path: notebook,
        ...(given.keep === true && { session_id: session.id }),
        ...tally.toJson(),
      });
    else {
      context.print(`${tally.summary()} Saved: ${notebook}`);
      if (given.keep === true) context.say(`The session is kept: ${session.id}.`);
    }
    return tally.failed === 0 ? EXIT.done : EXIT.failed;
  },
};

/** A live session is not used: its variables would hide what is missing, and its owner would be surprised. */
async function openFresh(
  context: CommandContext,
  services: CliServices,
  file: string,
  given: RunOptions,
): Promise<CliSession> {
  const before = new Set((await services.sessions.list(false)).map(({ id }) => id));
  const { meta } = await openNotebook(context, services, file, given);
  context.progress.clear();
  const id = meta?.['session_id'];
  if (typeof id !== 'string')
    throw new GloveboxError('internal', 'start_notebook named no session.');
  if (before.has(id)) {
    throw new GloveboxError('input/invalid', `${file} is open in session ${id}.`, {
      hint: `Shut that down first (glovebox tool shutdown_session --session-id ${id}), or run its cells there with run_cell.`,
    });
  }
  const view = (await services.sessions.list(false)).find((session) => session.id === id);
  if (view?.ownsKernel === false) {
    await services.sessions.shutdown(id, context.signal);
    throw new GloveboxError(
      'input/invalid',
      `${file} is open in JupyterLab, with a kernel that somebody else started.`,
      {
        hint: 'Shut that kernel down in JupyterLab first.',
      },
    );
  }
  return services.sessions.get(id, context.signal);
}

/** A relative path counts from the current folder, else as for an agent: from the folder of notebooks and the project. */
async function openNotebook(
  context: CommandContext,
  services: CliServices,
  file: string,
  given: RunOptions,
): Promise<ToolResult> {
  const { host, signal, report } = context;
  const tool = host.tools.find(({ name }) => name === 'start_notebook');
  if (tool === undefined) throw new GloveboxError('internal', 'There is no tool start_notebook.');
  const open = (notebookPath: string): Promise<ToolResult> => {
    const input = {
      notebook_path: notebookPath,
      wait_s: 600,
      ...(given.kernel !== undefined && { kernel: given.kernel }),
      ...(given.sandbox !== undefined && { sandbox_id: given.sandbox }),
    };
    return services.callTool(tool, input, { signal, report, ask: context.host.ask });
  };
  try {
    return await open(path.resolve(host.cwd, file));
  } catch (error) {
    const isElsewhere =
      isGloveboxError(error, 'path/not-found') || isGloveboxError(error, 'path/not-allowed');
    if (!isElsewhere || path.isAbsolute(file)) throw error;
    // When it is not there either, the first answer is the one that names the path a person means.
    return open(file).catch((second: unknown) => {
      throw isGloveboxError(second, 'path/not-found') ? error : second;
    });
  }
}

async function runAll(
  context: CommandContext,
  session: CliSession,
  continueOnError: boolean,
  tally: CellTally,
): Promise<void> {
  const cells = session.notebook
    .cells()
    .filter((cell) => cell.type === 'code' && cell.source.trim() !== '');
  tally.total = cells.length;
  for (const [index, { id }] of cells.entries()) {
    throwIfAborted(context.signal);
    const [started] = await session.runCells([id]);
    if (started?.run === undefined) continue;
    await follow(context, session, started.run, { done: index, total: cells.length });
    await session.notebook.flush();
    const line = tally.add(started.cell, started.run);
    context.progress.clear();
    context.say(`[${index + 1}/${cells.length}] ${line}`);
    printError(context, started.run);
    const { state } = started.run;
    if (state !== 'ok' && (!continueOnError || state === 'lost')) return;
  }
}

/** Until the run has ended. Ctrl-C interrupts it, and what it printed until then is kept. */
async function follow(
  context: CommandContext,
  session: CliSession,
  cellRun: CliRun,
  count: { readonly done: number; readonly total: number },
): Promise<void> {
  try {
    await cellRun.wait({
      waitMs: WITHOUT_LIMIT_MS,
      signal: context.signal,
      report: ({ message }) => context.report({ message, ...count }),
    });
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) await session.interrupt(cellRun);
    throw error;
  }
  if (cellRun.isFinal) return;
  await session.interrupt(cellRun);
  throw new GloveboxError(
    'input/invalid',
    'A cell waits for a line of input, which nobody can give here.',
    {
      hint: 'Set the value in the code instead of calling input().',
    },
  );
}

/** The traceback, so that a log of an unattended run is enough to see what went wrong. */
function printError({ host }: CommandContext, cellRun: CliRun): void {
  const { outputs } = cellRun.view();
  const error = outputs.findLast((output) => output.output_type === 'error');
  if (error?.output_type !== 'error') return;
  const text = shortTraceback(error.traceback) || `${error.ename}: ${error.evalue}`;
  host.stderr.write(`${host.stderr.isTTY ? text : stripVTControlCharacters(text)}\n`);
  const hint = hintForRun({ error: { name: error.ename, value: error.evalue }, outputs });
  if (hint !== undefined) host.stderr.write(`  next: ${hint}\n`);
}

/** The frames in cells and the message; the notebook has the frames in libraries too. */
function shortTraceback(traceback: readonly string[]): string {
  const shown: string[] = [];
  let hidden = 0;
  for (const [index, part] of traceback.entries()) {
    const place = stripVTControlCharacters(part).split('\n', 1)[0] ?? '';
    const isFrame = /\bline \d+|:\d+\b/.test(place);
    const isOwn = /Cell In|<ipython-input/.test(place);
    if (isOwn || !isFrame || index === traceback.length - 1) {
      if (hidden > 0) shown.push(`... ${hidden} frames in libraries ...`);
      hidden = 0;
      shown.push(part);
    } else hidden += 1;
  }
  return shown.join('\n');
}
