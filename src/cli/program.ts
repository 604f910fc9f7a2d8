/** The command line: parses it, runs one command, and turns what happened into an exit code. */
import { Command, CommanderError } from 'commander';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { Config, Flags } from '#config/config.ts';
import type { CliCommand } from './command.ts';
import { approve } from './commands/approve.ts';
import { budget } from './commands/budget.ts';
import { completion } from './commands/completion.ts';
import { doctor } from './commands/doctor.ts';
import { exec } from './commands/exec.ts';
import { keepAlive } from './commands/keep-alive.ts';
import { login } from './commands/login.ts';
import { logs } from './commands/logs.ts';
import { mcp } from './commands/mcp.ts';
import { open } from './commands/open.ts';
import { run } from './commands/run.ts';
import { protectScriptWords } from './commands/run-script.ts';
import { sandboxes } from './commands/sandboxes.ts';
import { serve } from './commands/serve.ts';
import { sessions } from './commands/sessions.ts';
import { start } from './commands/start.ts';
import { status } from './commands/status.ts';
import { stop } from './commands/stop.ts';
import { findTool, tool, toolHelp } from './commands/tool.ts';
import { transcripts } from './commands/transcripts.ts';
import { wait } from './commands/wait.ts';
import { complete } from './completion.ts';
import { EXIT, EXIT_HELP, exitCodeOf, type ExitCode } from './exit-codes.ts';
import type { CliHost, CliServices, Progress } from './host.ts';
import { ProgressLine } from './progress.ts';

const COMMANDS: readonly CliCommand[] = [
  start,
  wait,
  status,
  stop,
  keepAlive,
  logs,
  serve,
  login,
  open,
  run,
  exec,
  sessions,
  sandboxes,
  transcripts,
  tool,
  approve,
  budget,
  doctor,
  mcp,
  completion,
];

/** Hidden: the shells' completion scripts call it. */
const COMPLETE = '__complete';

interface GlobalOptions {
  /** Text only in `tool`, where it holds the arguments. */
  readonly json?: boolean | string;
  readonly debug?: boolean;
  readonly project?: string;
}

interface Chosen {
  readonly spec: CliCommand;
  readonly command: Command;
  /** Options before the command's name. */
  readonly before: GlobalOptions;
}

/**
 * Runs one command line and resolves with its exit code; never rejects. Results go to stdout, everything else to stderr.
 * The first Ctrl-C cancels the command, the second resolves at once, so the caller ends the process with the code it gets.
 */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  if (argv[0] === COMPLETE) return completeWords(argv.slice(1), host);
  const chosen = parse(argv, host);
  if (typeof chosen === 'number') return chosen;
  const interrupt = new AbortController();
  const impatience = new EventTarget();
  const unwatch = host.onInterrupt(() => {
    if (interrupt.signal.aborted) impatience.dispatchEvent(new Event('again'));
    interrupt.abort();
  });
  const again = new Promise<ExitCode>((resolve) => {
    impatience.addEventListener('again', () => resolve(EXIT.interrupted), { once: true });
  });
  try {
    return await Promise.race([execute(chosen, host, interrupt.signal), again]);
  } finally {
    unwatch();
  }
}

/** The command that was meant, or the exit code when all is said: help, version, wrong usage. */
function parse(argv: readonly string[], host: CliHost): Chosen | ExitCode {
  const end = argv.indexOf('--');
  if (
    argv
      .slice(0, end === -1 ? undefined : end)
      .some((word) => word === '--version' || word === '-V')
  ) {
    host.stdout.write(`${host.version}\n`);
    return EXIT.done;
  }
  let chosen: Chosen | undefined;
  const program = buildProgram(host, (spec, command) => {
    chosen = { spec, command, before: program.opts<GlobalOptions>() };
  });
  try {
    program.parse(protectScriptWords(meantCommand(argv)), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    const named = COMMANDS.map(nameOf).find((name) => argv.includes(name));
    const next = `glovebox ${named === undefined ? '' : `${named} `}--help`;
    // Without any command the help itself has been written.
    if (error.code !== 'commander.help') {
      const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
      host.stderr.write(`glovebox: ${message}\n  next: ${next}\n`);
    }
    return EXIT.usage;
  }
  return chosen ?? EXIT.usage;
}

/** `sandbox create` is what `start` does, in the words of the tools. */
const meantCommand = (argv: readonly string[]): readonly string[] =>
  argv[0] === 'sandbox' && argv[1] === 'create' ? ['start', ...argv.slice(2)] : argv;

function buildProgram(
  host: CliHost,
  choose: (spec: CliCommand, command: Command) => void,
): Command {
  const program = new Command('glovebox')
    .description('Live Jupyter notebooks for agents and people, on any compute.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => host.stdout.columns ?? 100,
      getErrHelpWidth: () => host.stderr.columns ?? 100,
    })
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText('after', `\n${EXIT_HELP}`);
  addGlobals(program);
  for (const spec of COMMANDS) {
    const command = program.command(spec.usage).description(spec.about);
    spec.configure?.(command);
    addGlobals(command);
    command.action(() => choose(spec, command));
    if (spec === tool) command.addHelpText('after', () => helpOfNamedTool(host, command.args));
  }
  return program;
}

function addGlobals(command: Command): void {
  if (!command.options.some(({ long }) => long === '--json'))
    command.option('--json', 'results as JSON on stdout');
  command
    .option('--debug', 'log every step on stderr')
    .option('--project <folder>', 'the project (default: found from the current folder upwards)')
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help');
}

function helpOfNamedTool(host: CliHost, words: readonly string[]): string {
  const name = words.find((word) => !word.startsWith('-'));
  if (name === undefined) return '';
  try {
    return `\n${toolHelp(findTool(host.tools, name))}`;
  } catch (error) {
    return `\n${messageOf(error)}`;
  }
}

const nameOf = ({ usage }: CliCommand): string => usage.split(' ', 1)[0] ?? usage;

async function execute(
  { spec, command, before }: Chosen,
  host: CliHost,
  signal: AbortSignal,
): Promise<ExitCode> {
  const given = { ...before, ...command.opts<GlobalOptions>() };
  const json = before.json === true || given.json === true;
  const progress = new ProgressLine(host.stderr, host.clock);
  let interruptHint: string | undefined;
  let opening: Promise<CliServices> | undefined;
  const report = (step: Progress): void => progress.report(step);
  const say = (text: string): void => {
    progress.clear();
    host.stderr.write(`${text}\n`);
  };
  const print = (text: string): void => {
    progress.clear();
    host.stdout.write(`${text}\n`);
  };
  let loaded: Config | undefined;
  try {
    const config = await loadConfig(host, given);
    loaded = config;
    if (spec !== doctor) warn(config, say);
    return await spec.run(
      {
        host,
        config,
        services: () => (opening ??= host.openServices(config)),
        signal,
        progress,
        json,
        print,
        printJson: (value) => print(JSON.stringify(value, undefined, 2)),
        say,
        report,
        wait: (waitMs) => ({ waitMs, signal, report }),
        onInterruptSay: (hint) => {
          interruptHint = hint;
        },
      },
      command,
    );
  } catch (error) {
    const failure = toFailure(error, signal, interruptHint);
    // The words of a service may hold what was sent to it.
    const safe = (text: string): Promise<string> => host.redact(loaded, text);
    const { code, message, hint, retryable } = failure;
    const told: Told = {
      code,
      retryable,
      message: await safe(message),
      hint: hint === undefined ? undefined : await safe(hint),
    };
    if (json) print(JSON.stringify({ error: errorJson(told) }, undefined, 2));
    say(renderFailure(told));
    if (given.debug === true && error instanceof Error) say(await safe(error.stack ?? ''));
    return exitCodeOf(failure);
  } finally {
    progress.clear();
    // That they could not be opened was told already.
    const opened = await opening?.catch(() => undefined);
    await opened
      ?.close()
      .catch(async (error: unknown) =>
        say(await host.redact(loaded, `glovebox: at the end: ${messageOf(error)}`)),
      );
  }
}

function loadConfig(host: CliHost, { debug, project }: GlobalOptions): Promise<Config> {
  const flags: Flags = {
    ...(debug === true && { 'log.debug': true }),
    ...(project !== undefined && { project_dir: project }),
  };
  return host.loadConfig(flags);
}

function warn(config: Config, say: (text: string) => void): void {
  for (const { severity, message } of config.problems()) {
    if (severity !== 'notice') say(`glovebox: ${severity}: ${message}`);
  }
}

/** Whatever breaks after Ctrl-C is taken for its consequence. */
function toFailure(error: unknown, signal: AbortSignal, hint: string | undefined): GloveboxError {
  if (signal.aborted) {
    return new GloveboxError('cancelled', 'interrupted', {
      ...(hint !== undefined && { hint }),
      cause: error,
    });
  }
  if (isGloveboxError(error)) return error;
  return new GloveboxError('internal', messageOf(error), {
    hint: 'Try again with --debug for the whole story.',
    cause: error,
  });
}

type Told = Pick<GloveboxError, 'code' | 'message' | 'retryable' | 'hint'>;

function renderFailure({ message, hint }: Told): string {
  return hint === undefined ? `glovebox: ${message}` : `glovebox: ${message}\n  next: ${hint}`;
}

const errorJson = ({ code, message, hint, retryable }: Told) => ({
  code,
  message,
  retryable,
  ...(hint !== undefined && { hint }),
});

/** Never fails and never writes to stderr: it runs while somebody types. */
async function completeWords(typed: readonly string[], host: CliHost): Promise<ExitCode> {
  const { words, project } = withoutGlobals(typed);
  const program = buildProgram(host, () => undefined);
  const commands = new Map(
    program.commands.map((command) => [
      command.name(),
      command.options.flatMap(({ long }) => long ?? []),
    ]),
  );
  const config = () => loadConfig(host, { ...(project !== undefined && { project }) });
  let opening: Promise<CliServices> | undefined;
  const services = (): Promise<CliServices> =>
    (opening ??= config().then((loaded) => host.openServices(loaded)));
  const profiles = async () => [...(await config()).profiles().keys()];
  const { signal } = new AbortController();
  const request = { words, commands, tools: host.tools, services, profiles, signal };
  const found = await complete(request).catch(() => []);
  if (found.length > 0) host.stdout.write(`${found.join('\n')}\n`);
  await opening?.then((opened) => opened.close()).catch(() => undefined);
  return EXIT.done;
}

/** The words from the command's name on. */
function withoutGlobals(words: readonly string[]): {
  readonly words: readonly string[];
  readonly project?: string;
} {
  const [first, second, ...rest] = words;
  if (second === undefined) return { words };
  if (first === '--json' || first === '--debug') return withoutGlobals([second, ...rest]);
  if (first !== '--project' || rest.length === 0) return { words };
  return { project: second, ...withoutGlobals(rest) };
}
