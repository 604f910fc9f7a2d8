/** A host that is reached through the user's own OpenSSH: one shared connection, a few sessions at a time. */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { sleep, systemClock, type Clock } from './clock.ts';
import type { Host, HostCommandOptions, HostCommandResult, HostStream } from './host.ts';
import { commandFiles } from './host-files.ts';
import { openProgram, toHostStream } from './process-stream.ts';
import { runCommand } from './process.ts';
import { parseRemoteOutput, renderRemoteRun, renderRemoteStream } from './remote-script.ts';
import { createSlots } from './slots.ts';
import { createSshControl, type SshControl } from './ssh-control.ts';
import { isSessionRefused, translateSshFailure, unreachable } from './ssh-errors.ts';
import { channelArguments, sshEnvironment, type SshSettings } from './ssh-options.ts';
import { createSshRoute } from './ssh-route.ts';

/** sshd allows 10 for a connection by default, and other processes of ours may share it. */
const MAX_SESSIONS = 6;
/** Relays hold theirs for hours; commands must still find one. */
const MAX_STREAMS = 4;
const REFUSED_PAUSE_MS = 250;
const REFUSED_LIMIT_MS = 30_000;
const OPEN_LIMIT_MS = 60_000;
const MAX_BANNER_BYTES = 1024 * 1024;

/** Does no I/O. One for a destination and process: the sessions are counted here. */
export function createSshHost(settings: SshSettings, clock: Clock = systemClock): Host {
  const name = settings.destination;
  const sessions = createSlots(MAX_SESSIONS);
  const streams = createSlots(MAX_STREAMS);
  const control = createSshControl(settings);

  async function run(
    argv: readonly string[],
    options: HostCommandOptions,
  ): Promise<HostCommandResult> {
    const giveBack = await sessions.take(options.signal);
    try {
      return await untilAccepted(clock, options.signal, () =>
        runOnce(settings, control, argv, options),
      );
    } finally {
      giveBack();
    }
  }

  async function open(
    argv: readonly string[],
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<HostStream> {
    const giveStreamBack = await streams.take(signal);
    const giveSessionBack = await sessions.take(signal).catch((error: unknown) => {
      giveStreamBack();
      throw error;
    });
    const giveBack = (): void => {
      giveSessionBack();
      giveStreamBack();
    };
    try {
      const opened = await untilAccepted(clock, signal, () =>
        openOnce(settings, control, argv, signal),
      );
      void opened.ended.then(giveBack);
      return opened;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  return {
    name,
    isRemote: true,
    run,
    open,
    routeTo: (to) => createSshRoute(settings, to),
    ...commandFiles(name, run),
  };
}

const REFUSED = Symbol('refused');

/** A session that sshd refused was not begun, so it may be asked for again. */
async function untilAccepted<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T | typeof REFUSED>,
): Promise<T> {
  const deadline = clock.monotonic() + REFUSED_LIMIT_MS;
  for (;;) {
    const result = await attempt();
    if (result !== REFUSED) return result;
    if (clock.monotonic() >= deadline) {
      throw new GloveboxError('host/unreachable', 'The SSH server allows no further session.', {
        hint: 'Other programs use the same connection: end some of them, or ask for a larger MaxSessions.',
      });
    }
    await sleep(clock, REFUSED_PAUSE_MS, signal);
  }
}

async function runOnce(
  settings: SshSettings,
  control: SshControl,
  argv: readonly string[],
  options: HostCommandOptions,
): Promise<HostCommandResult | typeof REFUSED> {
  const { destination } = settings;
  const { timeoutMs, signal } = options;
  const [program = ''] = argv;
  const mark = newMark();
  const input = Buffer.from(options.input ?? '');
  const line = renderRemoteRun(mark, { argv, ...options }, input.length);
  const route = await control.ensure(signal);
  let begun = false;
  const channel = await runCommand(channelArguments(settings, route, line), {
    env: sshEnvironment(settings.env),
    input,
    holdStdin: true,
    timeoutMs,
    signal,
    onLine: (text) => (begun ||= text === mark),
  }).catch((error: unknown) => {
    if (!isGloveboxError(error, 'timeout')) throw error;
    const limit = renderDuration(timeoutMs);
    throw begun
      ? new GloveboxError('timeout', `${program} on ${destination} was ended after ${limit}.`)
      : unreachable(destination, `${destination} did not answer within ${limit}.`, error);
  });
  const output = parseRemoteOutput(mark, channel);
  if (output.missing) throw programMissing(destination, program);
  if (output.code !== undefined) {
    return { code: output.code, signal: null, stdout: output.stdout, stderr: output.stderr };
  }
  if (output.begun) {
    throw unreachable(
      destination,
      `The connection to ${destination} broke while ${program} ran there; what it did is not known.`,
      channel.stderr,
    );
  }
  if (isSessionRefused(channel.stderr)) return REFUSED;
  throw translateSshFailure(destination, channel.stderr || channel.stdout);
}

async function openOnce(
  settings: SshSettings,
  control: SshControl,
  argv: readonly string[],
  signal: AbortSignal | undefined,
): Promise<HostStream | typeof REFUSED> {
  const { destination } = settings;
  const mark = newMark();
  const line = renderRemoteStream(mark, { argv });
  const route = await control.ensure(signal);
  const program = await openProgram(channelArguments(settings, route, line), {
    env: sshEnvironment(settings.env),
    signal,
  });
  const limit = AbortSignal.timeout(OPEN_LIMIT_MS);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const first = await readToMark(program.stdout, mark, either);
  if (first === 'begun') {
    const ended = program.ended.then((end) => ({ ...end, stderr: afterMark(end.stderr, mark) }));
    return toHostStream(program, ended);
  }
  program.close();
  throwIfAborted(signal);
  if (first === 'missing') throw programMissing(destination, argv[0] ?? '');
  if (limit.aborted) throw unreachable(destination, `${destination} did not answer within 60 s.`);
  const { stderr } = await program.ended;
  if (isSessionRefused(stderr)) return REFUSED;
  throw translateSshFailure(destination, stderr);
}

/** Takes what login files print, and the line with the mark, from the beginning of a stream, and leaves the rest in it. */
function readToMark(
  stream: Readable,
  mark: string,
  signal: AbortSignal,
): Promise<'begun' | 'missing' | 'ended'> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const finish = (outcome: 'begun' | 'missing' | 'ended'): void => {
      stream.off('data', onData).off('close', onEnd).off('end', onEnd);
      signal.removeEventListener('abort', onEnd);
      resolve(outcome);
    };
    const onEnd = (): void => finish('ended');
    const onData = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      if (seen.includes(`\n${mark} missing\n`)) return finish('missing');
      const line = `\n${mark}\n`;
      const at = seen.indexOf(line);
      if (at !== -1) {
        stream.pause();
        finish('begun');
        if (seen.length > at + line.length) stream.unshift(seen.subarray(at + line.length));
      } else if (seen.length > MAX_BANNER_BYTES) finish('ended');
      return undefined;
    };
    stream.on('data', onData).on('close', onEnd).on('end', onEnd);
    signal.addEventListener('abort', onEnd, { once: true });
    if (signal.aborted) onEnd();
  });
}

const newMark = (): string => `glovebox-${randomBytes(16).toString('hex')}`;

const afterMark = (text: string, mark: string): string => text.split(`${mark}\n`, 2).at(-1) ?? '';

function programMissing(destination: string, program: string): GloveboxError {
  return new GloveboxError('path/not-found', `${program} is not installed on ${destination}.`, {
    hint: `Make this work first: ssh ${destination} 'bash -lc "command -v ${program}"'`,
  });
}
