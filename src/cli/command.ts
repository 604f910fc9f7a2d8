/** What a command is, and what it gets when it runs. */
import type { Command } from 'commander';
import type { Config } from '#config/config.ts';
import type { ExitCode } from './exit-codes.ts';
import type { CliHost, CliServices, Progress, SandboxWait } from './host.ts';
import type { ProgressLine } from './progress.ts';

/** Longer than anybody waits, and short enough for a timer. */
export const WITHOUT_LIMIT_MS = 2_000_000_000;

export interface CommandContext {
  readonly host: CliHost;
  readonly config: Config;
  /** Opened on the first call, closed at the end of the command. */
  services(): Promise<CliServices>;
  /** Fires on the first Ctrl-C; the second ends the program. */
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
  /** Results are wanted as JSON. */
  readonly json: boolean;
  /** A result, on stdout, with a newline. */
  print(text: string): void;
  printJson(value: unknown): void;
  /** Something for a person, on stderr. */
  say(text: string): void;
  /** Shows how far the command is. */
  readonly report: (progress: Progress) => void;
  /** How long to follow, with progress shown. */
  wait(waitMs: number): SandboxWait;
  /** What a person is told to do next when Ctrl-C ends the command. */
  onInterruptSay(hint: string): void;
}

/** One command: one file. */
export interface CliCommand {
  /** Name and arguments as the help shows them, e.g. `run <notebook>`. */
  readonly usage: string;
  readonly about: string;
  /** Adds options; `--json`, `--debug`, `--project`, `--help` and `--version` are everywhere. */
  readonly configure?: (command: Command) => void;
  /** Reads `command.args` and `command.opts()`. @throws GloveboxError. */
  readonly run: (context: CommandContext, command: Command) => Promise<ExitCode>;
}
