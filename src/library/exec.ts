/** Runs commands in a sandbox for a program: what they print comes back whole. */
import { Buffer } from 'node:buffer';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { shellResultOf, streamOf, type ShellResult } from '#shell/shell-result.ts';
import type { Run } from '#session/run.ts';
import type { ShellRequest, StartedCommand } from '#shell/shell.ts';
import type { Call } from './call.ts';
import type { ExecOptions, ExecResult } from './contract.ts';

const HOUR_S = 3600;
const NAMES = ['stdout', 'stderr'] as const;
type Ended = Exclude<ShellResult, { refused: string }>;

export function runCommand(
  sandboxId: string,
  command: string | readonly string[],
  options: ExecOptions,
  call: Call,
): Promise<ExecResult> {
  return execute({ ...requestOf(sandboxId, options), command }, options, call);
}

export function runPython(
  sandboxId: string,
  source: string,
  options: ExecOptions & { readonly args?: readonly string[] },
  call: Call,
): Promise<ExecResult> {
  const request = requestOf(sandboxId, { ...options, stdin: source });
  // Source and arguments never meet in one text: the interpreter reads the source from its input.
  const command = ['-', ...(options.args ?? [])];
  return execute({ ...request, command, program: 'python' }, options, call);
}

function requestOf(
  sandboxId: string,
  { cwd, stdin, timeoutSeconds = HOUR_S }: ExecOptions,
): Omit<ShellRequest, 'command'> {
  return {
    sandboxId,
    timeoutMs: timeoutSeconds * 1000,
    ...(cwd !== undefined && { cwd }),
    ...(stdin !== undefined && { stdin }),
  };
}

async function execute(
  request: ShellRequest,
  options: ExecOptions,
  call: Call,
): Promise<ExecResult> {
  const { engine, wait } = call;
  const started = await engine.shell.start(request, wait);
  const tell = createTeller(started.run, options);
  try {
    await started.run.wait({
      ...wait,
      report: (progress) => {
        tell();
        if (options.onProgress !== undefined) wait.report(progress);
      },
    });
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) await started.session.cancelRun(started.run);
    throw error;
  }
  const result = await collect(started, call);
  tell();
  if (options.check !== true || result.exitCode === 0) return result;
  const how =
    result.exitCode === null ? `by ${result.signal}` : `with exit code ${result.exitCode}`;
  throw new CommandFailure(`The command ended ${how}: ${result.stderr.slice(-2000)}`, result);
}

/** What `check` throws: the result is there all the same. */
export class CommandFailure extends GloveboxError implements ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;

  constructor(message: string, result: ExecResult) {
    super('shell/failed', message);
    this.stdout = result.stdout;
    this.stderr = result.stderr;
    this.exitCode = result.exitCode;
    this.signal = result.signal;
    this.timedOut = result.timedOut;
  }
}

/** Passes on what has come since it was called last. */
function createTeller(run: Run, { onStdout, onStderr }: ExecOptions): () => void {
  const told = { stdout: 0, stderr: 0 };
  const listeners = { stdout: onStdout, stderr: onStderr };
  return () => {
    for (const name of NAMES) {
      const listener = listeners[name];
      if (listener === undefined) continue;
      const text = streamOf(run.collector.outputs, name);
      if (text.length > told[name]) listener(text.slice(told[name]));
      told[name] = text.length;
    }
  };
}

async function collect({ run, sandboxId }: StartedCommand, call: Call): Promise<ExecResult> {
  const { outputs, explanation } = run.view();
  const result = shellResultOf(outputs);
  if (result === undefined) {
    throw new GloveboxError(
      'kernel/unresponsive',
      `How the command ended was not seen. ${explanation ?? ''}`.trim(),
      { hint: 'It may have been executed in part: look before running it again.' },
    );
  }
  if ('refused' in result) {
    throw new GloveboxError(
      result.refused === 'cwd' ? 'path/not-found' : 'shell/unavailable',
      `${result.message} Nothing was started.`,
    );
  }
  const [stdout, stderr] = await Promise.all(
    NAMES.map((name) => whole(streamOf(outputs, name), result[name], sandboxId, call)),
  );
  return {
    stdout: stdout ?? '',
    stderr: stderr ?? '',
    exitCode: result.exit_code,
    signal: result.signal,
    timedOut: result.ended_by === 'timeout',
  };
}

/** What was streamed, where that is all of it and as it was written; else the file. */
async function whole(
  streamed: string,
  file: Ended['stdout'],
  sandboxId: string,
  { engine, wait }: Call,
): Promise<string> {
  if (file === null || Buffer.byteLength(streamed) === file.bytes) return streamed;
  const quiet = { ...wait, report: () => undefined };
  return (await engine.transfer.read({ sandboxId, path: file.path }, quiet)).toString('utf8');
}
