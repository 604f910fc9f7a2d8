/** `glovebox exec`: a piece of code, its output as if it ran here. */
import { isGloveboxError, GloveboxError } from '#core/errors.ts';
import { hintForRun } from '#tools/error-hints.ts';
import { WITHOUT_LIMIT_MS, type CliCommand, type CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliRun, CliServices, CliSession } from '../host.ts';
import { imageSaver } from '../images.ts';
import { OutputPrinter } from '../print-outputs.ts';
import { parseSeconds } from '../time.ts';

interface ExecOptions {
  readonly session?: string;
  readonly cell?: boolean;
  readonly kernel?: string;
  readonly sandbox?: string;
  readonly timeout?: string;
  readonly saveImages?: string;
}

export const exec: CliCommand = {
  usage: 'exec <code>',
  about:
    'Run code and print what it prints. "-" reads it from stdin. Without --session in a fresh kernel that is gone afterwards.',
  configure: (command) =>
    command
      .option('--session <id>', 'run it in the kernel of this session')
      .option('--cell', "keep it as a new cell of the session's notebook")
      .option('--kernel <name>', 'kernel for a fresh start')
      .option(
        '--sandbox <id>',
        "where a fresh kernel runs (default: the project's own, else this machine)",
      )
      .option('--timeout <seconds>', 'interrupt the code after this long')
      .option('--save-images <folder>', 'where images go'),
  async run(context, command) {
    const given = command.opts<ExecOptions>();
    const [word = ''] = command.args;
    if (given.cell === true && given.session === undefined) {
      throw new GloveboxError('input/invalid', '--cell needs --session.', {
        hint: 'glovebox sessions lists the sessions.',
      });
    }
    const code = word === '-' ? await context.host.readStdin() : word;
    const services = await context.services();
    context.progress.report({ message: 'starting' });
    const { session, run } = await begin(context, services, code, given);
    await follow(context, session, run, given.saveImages);
    return finish(context, run);
  },
};

async function begin(
  context: CommandContext,
  { sessions }: CliServices,
  code: string,
  given: ExecOptions,
): Promise<{ readonly session: CliSession; readonly run: CliRun }> {
  const limit =
    given.timeout === undefined ? {} : { timeoutMs: parseSeconds('--timeout', given.timeout) };
  if (given.session === undefined) {
    const request = { code, sandboxId: given.sandbox, kernelName: given.kernel, ...limit };
    return sessions.runScratch(request, context.wait(WITHOUT_LIMIT_MS));
  }
  const session = await sessions.get(given.session, context.signal);
  const run =
    given.cell === true
      ? await session.execute({ code, ...limit })
      : session.scratch(code, limit.timeoutMs);
  return { session, run };
}

/** Prints while the code runs. Ctrl-C interrupts the code; what it printed until then is shown. */
async function follow(
  context: CommandContext,
  session: CliSession,
  run: CliRun,
  folder: string | undefined,
): Promise<void> {
  const { host } = context;
  const saveImage = imageSaver(context, 'exec', folder);
  const printer = new OutputPrinter({ stdout: host.stdout, stderr: host.stderr, saveImage });
  const rest = context.json ? undefined : printRest(run, printer, context);
  const show = async (isFinal: boolean): Promise<void> => {
    if (context.json) return;
    if (rest?.hasBegun() === true) return rest.printed();
    const { outputs } = run.view();
    if (outputs.length > 0) context.progress.clear();
    await printer.update(outputs, isFinal);
  };
  const { signal } = context;
  const report = context.json ? context.report : (): void => undefined;
  try {
    while (!run.isFinal && run.state !== 'waiting_input') {
      await run.wait({ waitMs: 250, signal, report });
      await show(false);
      // As a program ends whose pipe is closed: code without an end would run on for nobody.
      if (host.stdout.isClosed === true && !run.isFinal) return void (await session.interrupt(run));
    }
  } catch (error) {
    if (!isGloveboxError(error, 'cancelled')) throw error;
    await session.interrupt(run);
    await show(true);
    throw error;
  }
  context.progress.clear();
  await show(true);
  if (run.isFinal) return;
  await session.interrupt(run);
  throw new GloveboxError(
    'input/invalid',
    'The code waits for a line of input, which nobody can give here.',
    {
      hint: 'Set the value in the code instead of calling input().',
    },
  );
}

/** What the run does not keep is printed as it comes, and kept nowhere here either. */
function printRest(
  run: CliRun,
  printer: OutputPrinter,
  { progress }: CommandContext,
): { hasBegun(): boolean; printed(): Promise<void> } {
  let last: Promise<void> | undefined;
  const then = (work: () => Promise<void>): void => {
    last = (last ?? Promise.resolve()).then(work);
    // Told by `printed`.
    last.catch(() => undefined);
  };
  run.followRest({
    begin(kept) {
      progress.clear();
      then(() => printer.update(kept, true));
    },
    output: (output) => then(() => printer.print(output)),
  });
  return { hasBegun: () => last !== undefined, printed: async () => last };
}

function finish(context: CommandContext, run: CliRun): ExitCode {
  const view = run.view();
  if (context.json) {
    context.printJson({
      run_id: view.id,
      session_id: view.sessionId,
      state: view.state,
      execution_count: view.executionCount,
      elapsed_ms: view.elapsedMs,
      ...(view.error !== undefined && { error: view.error }),
      ...(view.explanation !== undefined && { explanation: view.explanation }),
      outputs: view.outputs,
      ...(view.droppedBytes > 0 && { dropped_bytes: view.droppedBytes }),
    });
  } else if (view.explanation !== undefined) context.say(view.explanation);
  const hint = hintForRun(view);
  if (hint !== undefined) context.say(`  next: ${hint}`);
  for (const notice of view.notices) context.say(notice);
  return view.state === 'ok' ? EXIT.done : EXIT.failed;
}
