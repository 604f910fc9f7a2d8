/** The log: lines for people on stderr and in a private file. Never on stdout, which belongs to the protocol. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { systemClock, type Clock } from './clock.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Callers pass no secrets on purpose; what others wrote may hold some: see `LogOptions.redact`. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface LogOptions {
  /** The least important level that reaches stderr. */
  readonly level: LogLevel;
  /** Gets `info` and above whatever `level` says, `debug` only when `level` is `debug`. Made on the first line, 0600. */
  readonly file?: string;
  readonly clock?: Clock;
  /** Applied to every line before it goes anywhere. */
  readonly redact?: (text: string) => string;
  /** Where lines go instead of stderr. */
  readonly write?: (text: string) => void;
}

const MAX_FILE_BYTES = 5 * 1024 * 1024;

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A log that never throws and never waits: a full disk or a closed stderr loses lines, not work. */
export function createLog({
  level,
  file,
  clock = systemClock,
  redact = (text) => text,
  write = writeToStderr,
}: LogOptions): Log {
  const least = LOG_LEVELS.indexOf(level);
  const leastInFile = Math.min(least, LOG_LEVELS.indexOf('info'));
  const append = file === undefined ? undefined : appender(file);
  const at =
    (name: LogLevel) =>
    (message: string): void => {
      const rank = LOG_LEVELS.indexOf(name);
      if (rank < least && (append === undefined || rank < leastInFile)) return;
      const text = redact(message).replaceAll('\n', '\n  ');
      if (rank >= least) write(`glovebox ${name}: ${text}\n`);
      if (rank >= leastInFile)
        append?.(`${new Date(clock.now()).toISOString()} ${process.pid} ${name} ${text}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

let stderrIsGuarded = false;

function writeToStderr(text: string): void {
  // A client that closed our stderr must not end us with an unhandled EPIPE.
  if (!stderrIsGuarded) process.stderr.on('error', () => undefined);
  stderrIsGuarded = true;
  process.stderr.write(text);
}

/** Appends each line with one system call, so that several processes share a file and a killed one loses nothing. */
function appender(file: string): (line: string) => void {
  let ready = false;
  return (line) => {
    try {
      if (!ready) {
        mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
        rotate(file);
        ready = true;
      }
      appendFileSync(file, line, { mode: 0o600 });
    } catch {
      ready = false;
    }
  };
}

function rotate(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_FILE_BYTES) renameSync(file, `${file}.1`);
}
