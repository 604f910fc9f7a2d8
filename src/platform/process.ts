/** Starts, follows and ends other programs. Every program gets its own process group and is named by identity, never by pid alone. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { sleep, type Clock } from './clock.ts';
import { errnoOf } from './files.ts';
import { forgetGroup, rememberGroup, signalGroup } from './process-groups.ts';
import {
  currentIdentity,
  lifeOf,
  processRow,
  toIdentity,
  type ProcessIdentity,
} from './process-identity.ts';
import { listProcesses } from './process-list.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment; nothing of ours is added. See `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Written to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string | Uint8Array;
  /** Leaves stdin open after `input`, for a program that takes its end for ours. */
  readonly holdStdin?: boolean;
  /** Called with every complete line of stdout and stderr, in the order they came. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** At most the last 16 MiB of each. */
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_CHARS = 16 * 1024 * 1024;
const KILL_AFTER_MS = 2000;
const DRAIN_MS = 1000;
const KILL_LIMIT_MS = 5000;

/**
 * Runs a program to its end, without a shell. Any exit code is a result, not an error.
 *
 * A program that outlives its limit, or whose caller gives up, is ended with its whole process group (SIGTERM, 2 s later
 * SIGKILL). So are those still running when this process exits.
 *
 * @throws `timeout` after `timeoutMs`, `cancelled`, `path/not-found` when the program or `cwd` is not there.
 */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { signal, timeoutMs } = options;
  throwIfAborted(signal);
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { pid } = child;
  const stdout = collect(child.stdout, options.onLine);
  const stderr = collect(child.stderr, options.onLine);
  child.stdin.on('error', () => undefined); // It may end without reading.
  child.stdin.write(options.input ?? '');
  if (options.holdStdin !== true) child.stdin.end();

  let failure: GloveboxError | undefined;
  const timers: NodeJS.Timeout[] = [];
  const end = (reason: GloveboxError): void => {
    if (failure !== undefined) return;
    failure = reason;
    signalGroup(pid, 'SIGTERM');
    timers.push(setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_AFTER_MS));
  };
  const onAbort = (): void => end(cancelled(signal));
  signal?.addEventListener('abort', onAbort, { once: true });
  timers.push(setTimeout(() => end(overdue(program, timeoutMs)), timeoutMs));
  rememberGroup(pid);
  try {
    const ended = await new Promise<{ code: number | null; signal: string | null }>(
      (resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, endSignal) => {
          // What it left running may hold the pipes open for ever (ssh sharing its connection does).
          timers.push(setTimeout(() => resolve({ code, signal: endSignal }), DRAIN_MS));
          child.once('close', () => resolve({ code, signal: endSignal }));
        });
      },
    );
    if (failure !== undefined) {
      signalGroup(pid, 'SIGKILL');
      throw failure;
    }
    return { ...ended, stdout: stdout(), stderr: stderr() };
  } catch (error) {
    throw error === failure ? error : await spawnFailure(program, options.cwd, error);
  } finally {
    timers.forEach((timer) => clearTimeout(timer));
    signal?.removeEventListener('abort', onAbort);
    forgetGroup(pid);
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

export interface DetachedProcess {
  readonly identity: ProcessIdentity;
  /** Never rejects. Waiting for it does not keep this process alive. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/**
 * Starts a program that is meant to outlive this process: own session and process group, empty stdin, both outputs appended to
 * `logFile` (made with mode 0600). It survives the end of this process on purpose, however that end comes about; whoever
 * starts one must have written a record of it before.
 *
 * @throws `path/not-found` when the program or `cwd` is not there, `storage/failed` when the log cannot be opened.
 */
export async function spawnDetached(
  argv: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly logFile: string;
  },
): Promise<DetachedProcess> {
  const log = await open(options.logFile, 'a', 0o600).catch((error: unknown) => {
    throw new GloveboxError('storage/failed', `${options.logFile}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  try {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const { pid } = child;
    // Read in the same turn: even a program that ended at once has not been collected yet.
    const row = pid === undefined ? undefined : processRow(pid);
    const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    }).catch(async (error: unknown) => {
      throw await spawnFailure(program, options.cwd, error);
    });
    child.unref();
    const identity =
      row === undefined
        ? { ...currentIdentity(), pid: pid ?? 0, startTime: 'unknown' }
        : toIdentity(row);
    return { identity, exited };
  } finally {
    await log.close();
  }
}

export interface StopOptions {
  /** How long SIGTERM may take before SIGKILL follows. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * SIGTERM to the group, `graceMs`, SIGKILL to the group, and waits until the process is gone. The identity is verified before
 * every signal. A process that is gone already counts as done.
 *
 * @returns `not-ours` when it belongs to another host or user: nothing was sent.
 * @throws `timeout` when even SIGKILL did not end it within 5 s; `cancelled` (what was sent stays sent).
 */
export async function stopProcess(
  identity: ProcessIdentity,
  options: StopOptions,
): Promise<'gone' | 'not-ours'> {
  throwIfAborted(options.signal);
  if (!isOurs(identity)) return 'not-ours';
  const group = groupOf(identity);
  if (!send(identity, 'SIGTERM')) return 'not-ours';
  send(identity, 'SIGCONT'); // A stopped process would not see the first one.
  if (!(await waitUntilGone(identity, options.graceMs, options))) {
    group.push(...groupOf(identity));
    if (!send(identity, 'SIGKILL')) return 'not-ours';
    if (!(await waitUntilGone(identity, KILL_LIMIT_MS, options))) {
      throw new GloveboxError('timeout', `Process ${identity.pid} is still there after SIGKILL.`, {
        hint: 'It waits for a device or a network disk; it ends when that answers.',
      });
    }
  }
  for (const member of group) send(member, 'SIGKILL');
  return 'gone';
}

/** Resolves when the process is gone, or with false after `limitMs`. @throws `cancelled`. */
export async function waitUntilGone(
  identity: ProcessIdentity,
  limitMs: number,
  { clock, signal }: Pick<StopOptions, 'clock' | 'signal'>,
): Promise<boolean> {
  const deadline = clock.monotonic() + limitMs;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    if (lifeOf(identity) === 'gone') return true;
    if (clock.monotonic() >= deadline) return false;
    await sleep(clock, pauseMs, signal);
  }
}

/** The absolute path of a program on a PATH, as `execvp` would find it; folders that are not absolute are skipped. */
export async function findProgram(
  name: string,
  pathVariable: string | undefined,
): Promise<string | undefined> {
  const candidates = name.includes('/')
    ? [path.resolve(name)]
    : (pathVariable ?? '')
        .split(path.delimiter)
        .filter((folder) => path.isAbsolute(folder))
        .map((folder) => path.join(folder, name));
  for (const candidate of candidates) if (await isProgram(candidate)) return candidate;
  return undefined;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

function collect(stream: NodeJS.ReadableStream, onLine: CommandOptions['onLine']): () => string {
  let text = '';
  let line = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
    // Not for every chunk: a copy of all of it is made here.
    if (text.length > 2 * MAX_OUTPUT_CHARS) text = text.slice(-MAX_OUTPUT_CHARS);
    if (onLine === undefined) return;
    const lines = (line + chunk).split('\n');
    line = lines.pop() ?? '';
    for (const complete of lines) onLine(complete);
  });
  stream.on('end', () => {
    if (line !== '') onLine?.(line);
  });
  return () => text.slice(-MAX_OUTPUT_CHARS);
}

function overdue(program: string, timeoutMs: number): GloveboxError {
  return new GloveboxError(
    'timeout',
    `${program} was ended after its limit of ${renderDuration(timeoutMs)}.`,
  );
}

/** Debian's names of what is missing most often; elsewhere they are alike. */
const PACKAGES: Readonly<Record<string, string>> = {
  git: 'git',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
};

/** Says of a spawn that failed what was missing, and how to get it. */
export async function spawnFailure(
  program: string,
  cwd: string | undefined,
  error: unknown,
): Promise<GloveboxError> {
  const folderMissing =
    cwd !== undefined && (await stat(cwd).catch(() => undefined))?.isDirectory() !== true;
  if (folderMissing)
    return new GloveboxError('path/not-found', `The folder ${cwd} does not exist.`, {
      cause: error,
    });
  const name = path.basename(program);
  if (errnoOf(error) !== 'ENOENT')
    return new GloveboxError('path/not-found', `${name} did not start: ${messageOf(error)}`, {
      cause: error,
    });
  const packaged = PACKAGES[name];
  return new GloveboxError('path/not-found', `The program ${program} is not on this machine.`, {
    hint:
      packaged === undefined
        ? `Install ${name}, or put its folder on the PATH.`
        : `Install it (on Debian and Ubuntu: apt install ${packaged}), or put its folder on the PATH.`,
    cause: error,
  });
}

function isOurs(identity: ProcessIdentity): boolean {
  const life = lifeOf(identity);
  return life === 'gone' || (life === 'alive' && processRow(identity.pid)?.uid === identity.uid);
}

function groupOf(identity: ProcessIdentity): ProcessIdentity[] {
  if (lifeOf(identity) !== 'alive') return [];
  return listProcesses()
    .filter((row) => row.groupId === identity.pid && row.pid !== identity.pid)
    .map((row) => toIdentity(row));
}

/** False when the operating system does not let us. A process that is gone needs no signal. */
function send(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (lifeOf(identity) !== 'alive') return true;
  const leads = processRow(identity.pid)?.groupId === identity.pid;
  try {
    process.kill(leads ? -identity.pid : identity.pid, signal);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'EPERM');
  }
}
