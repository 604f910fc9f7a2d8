/** What is sent over SSH to run one argv list as given, and how its result is told from everything else that is printed there. */
import { GloveboxError } from '#core/errors.ts';

export interface RemoteCommand {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly withoutEnv?: readonly string[] | undefined;
}

/** A login shell takes its command as one argument, and Linux limits one argument to 128 KiB. */
const MAX_COMMAND_CHARS = 120_000;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ENV_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*\*?$/;

/**
 * A command line that runs `command` to its end, its output between two lines with `mark`: login files print too.
 *
 * Its stdin is `inputBytes` of input, after which the channel stays open: its end is the sign that nobody waits any more, and
 * ends the whole process group, which sshd made for the session.
 *
 * @throws `input/invalid` for what no argument can hold, `input/too-large`.
 */
export function renderRemoteRun(mark: string, command: RemoteCommand, inputBytes: number): string {
  const start =
    inputBytes === 0
      ? 'watch; (exec "$@" 3<&-) </dev/null'
      : `{ head -c ${inputBytes} <&3; exec >&-; watch; } | (exec "$@" 3<&-)`;
  return wrap(command, [
    ...opening(mark, command),
    // The shell is gone by the time its channel is closed in the ordinary way: then nobody is left to be ended.
    `watch() { (trap '' TERM; cat; kill -0 $$ || exit; kill -s TERM -- -$$; sleep 2; kill -s KILL -- -$$) <&3 >/dev/null 2>&1 & }`,
    'exec 3<&0',
    start,
    `printf '\\n%s %s\\n' ${mark} $?`,
    `printf '\\n%s\\n' ${mark} >&2`,
  ]);
}

/** A command line whose stdout is, after a line with `mark`, that of the command, and its stdin that of the channel. */
export function renderRemoteStream(mark: string, command: RemoteCommand): string {
  return wrap(command, [...opening(mark, command), 'exec "$@"']);
}

function opening(mark: string, { env = {}, withoutEnv = [] }: RemoteCommand): readonly string[] {
  return [
    ...withoutEnv.map(renderUnset),
    ...Object.entries(env).map(([name, value]) => {
      if (!ENV_NAME.test(name)) throw invalid(`"${name}" is not the name of a variable.`);
      return `${name}=${quote(value)}; export ${name}`;
    }),
    `command -v "$1" >/dev/null 2>&1 || { printf '\\n%s missing\\n' ${mark}; exit 0; }`,
    `printf '\\n%s\\n' ${mark}`,
    `printf '\\n%s\\n' ${mark} >&2`,
  ];
}

function renderUnset(pattern: string): string {
  if (!ENV_PATTERN.test(pattern)) throw invalid(`"${pattern}" is not the name of a variable.`);
  if (!pattern.endsWith('*')) return `unset ${pattern}`;
  const names = `env | sed -n 's/^\\(${pattern.slice(0, -1)}[A-Za-z0-9_]*\\)=.*/\\1/p'`;
  return `for name in $(${names}); do unset "$name"; done`;
}

/** Runs the lines with the words as `$@`, in a login shell of bash when the program is not on the plain PATH. */
function wrap({ argv }: RemoteCommand, lines: readonly string[]): string {
  const body = quote(lines.join('\n'));
  const script = [
    `set -- ${argv.map(quote).join(' ')}`,
    `body=${body}`,
    'if command -v "$1" >/dev/null 2>&1 || ! command -v bash >/dev/null 2>&1; then eval "$body"',
    'else exec bash -lc "$body" bash "$@"; fi',
  ].join('\n');
  const line = `exec /bin/sh -c 'eval "$(printf %b "$0")"' '${escape(script)}'`;
  if (line.length > MAX_COMMAND_CHARS) {
    throw new GloveboxError('input/too-large', 'The command is too long to be sent over SSH.', {
      hint: 'Write the long part into a file on that machine and name the file.',
    });
  }
  return line;
}

/** One word for `sh`. @throws `input/invalid` for a NUL. */
function quote(word: string): string {
  if (word.includes('\0')) throw invalid('A word of a command holds a NUL character.');
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The user's login shell may be csh or fish, and none of them agree on these characters within single quotes. */
function escape(script: string): string {
  return script.replaceAll(
    /['\\!\n]/g,
    (character) => `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

const invalid = (message: string): GloveboxError => new GloveboxError('input/invalid', message);

export interface RemoteOutput {
  /** Whether the program was started: a line with the mark came, or its end. */
  readonly begun: boolean;
  readonly missing: boolean;
  /** Undefined when the end did not come through. */
  readonly code?: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Takes the program's own output out of what came through the channel. */
export function parseRemoteOutput(
  mark: string,
  channel: { readonly stdout: string; readonly stderr: string },
): RemoteOutput {
  const { stdout } = channel;
  const begin = stdout.indexOf(`\n${mark}\n`);
  const end = stdout.lastIndexOf(`\n${mark} `);
  const last = end === -1 ? '' : stdout.slice(end + mark.length + 2).trimEnd();
  const code = /^\d+$/.test(last) ? Number(last) : undefined;
  return {
    // Of very long output only the end is kept, without its first line.
    begun: begin !== -1 || code !== undefined,
    missing: last === 'missing',
    ...(code === undefined ? {} : { code }),
    stdout: stdout.slice(
      begin === -1 ? 0 : begin + mark.length + 2,
      code === undefined ? undefined : end,
    ),
    stderr: between(channel.stderr, `\n${mark}\n`),
  };
}

function between(text: string, line: string): string {
  const begin = text.indexOf(line);
  const end = text.lastIndexOf(line);
  if (begin === -1) return text;
  return text.slice(begin + line.length, end === begin ? undefined : end);
}
