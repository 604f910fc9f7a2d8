/** The exit codes of every command; documented in the help. */
import type { ErrorCode, GloveboxError } from '#core/errors.ts';
import type { SandboxView } from './host.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  pending: 3,
  nothing: 4,
  unreachable: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0    done, or ready
  1    failed, or ended
  2    wrong usage
  3    still on its way; nothing is lost
  4    nothing is running
  5    cannot be reached; may still be alive
  130  interrupted with Ctrl-C`;

const BY_ERROR: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  'input/invalid': EXIT.usage,
  'backend/unknown': EXIT.usage,
  'sandbox/pending': EXIT.pending,
  'sandbox/unknown': EXIT.nothing,
  'session/unknown': EXIT.nothing,
  'server/unreachable': EXIT.unreachable,
  'host/unreachable': EXIT.unreachable,
  'host/login-needed': EXIT.unreachable,
  'kernel/unresponsive': EXIT.unreachable,
  cancelled: EXIT.interrupted,
};

export const exitCodeOf = (error: GloveboxError): ExitCode => BY_ERROR[error.code] ?? EXIT.failed;

const BY_STATE: Readonly<Record<SandboxView['status']['state'], ExitCode>> = {
  ready: EXIT.done,
  preparing: EXIT.pending,
  queued: EXIT.pending,
  starting: EXIT.pending,
  suspended: EXIT.pending,
  stopping: EXIT.pending,
  unreachable: EXIT.unreachable,
  unknown: EXIT.unreachable,
  ended: EXIT.failed,
};

export const exitCodeOfState = (state: SandboxView['status']['state']): ExitCode => BY_STATE[state];
