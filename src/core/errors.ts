/** Every failure Glovebox reports, by code, and the one error class that carries it. */

/**
 * The closed list of error codes, as `area/problem`.
 *
 * `retryable` says that the same call may succeed later without anybody changing anything. It never means that code
 * may be sent to a kernel again: a run is at most once, whatever its error says.
 */
export const ERROR_CODES = {
  'input/invalid': {
    retryable: false,
    about: 'An argument is missing, of the wrong type or out of range.',
  },
  'input/too-large': {
    retryable: false,
    about: 'An argument is larger than the kernel or the client can take.',
  },
  'config/invalid': {
    retryable: false,
    about: 'An option, a profile or a configuration file is not valid.',
  },
  'path/not-allowed': {
    retryable: false,
    about: 'A path leads outside the folder it must stay in.',
  },
  'path/not-found': { retryable: false, about: 'A file or folder does not exist.' },
  'path/exists': { retryable: false, about: 'Something with that name is there already.' },
  'file/not-read': {
    retryable: false,
    about: 'A file in a sandbox would be overwritten that was not read before.',
  },
  'file/changed': { retryable: false, about: 'A file in a sandbox was changed since it was read.' },
  'file/no-match': {
    retryable: false,
    about: 'The text to replace is not in the file, or is there several times.',
  },
  'file/unsupported': {
    retryable: false,
    about: 'Something in a sandbox is no text file, or no file at all.',
  },
  'shell/unavailable': {
    retryable: false,
    about: 'The sandbox has nothing through which commands and files could work.',
  },
  'shell/failed': {
    retryable: false,
    about: 'A command ended with another exit code than 0, which its caller had forbidden.',
  },
  'storage/failed': { retryable: true, about: 'The disk refused a read or a write.' },
  'record/missing': { retryable: false, about: 'A record was removed meanwhile.' },
  'record/exists': { retryable: false, about: 'A record with that id is already there.' },
  'record/damaged': {
    retryable: false,
    about: 'A record on disk cannot be read; it was set aside.',
  },
  'lock/timeout': {
    retryable: true,
    about: 'Another process holds a lock for longer than expected.',
  },
  'notebook/invalid': { retryable: false, about: 'The file is not a notebook that can be read.' },
  'notebook/unsupported': {
    retryable: false,
    about: 'The notebook has a format that is not supported.',
  },
  'notebook/conflict': {
    retryable: false,
    about: 'The same cell was changed here and by someone else.',
  },
  'notebook/save-failed': {
    retryable: true,
    about: 'The notebook could not be written; outputs are kept in the run.',
  },
  'cell/unknown': { retryable: false, about: 'No cell has that id or index.' },
  'cell/wrong-type': {
    retryable: false,
    about: 'The operation does not fit the type of the cell.',
  },
  'cell/running': {
    retryable: true,
    about: 'The cell is running and cannot be changed in that way.',
  },
  'cell/no-match': {
    retryable: false,
    about: 'The text to replace is not in the cell, or is there several times.',
  },
  'session/unknown': { retryable: false, about: 'No session has that id.' },
  'session/ended': { retryable: false, about: 'The session was shut down.' },
  'run/unknown': { retryable: false, about: 'No run has that id.' },
  'run/queue-full': { retryable: true, about: 'Too many runs wait for the same kernel.' },
  'code/failed': {
    retryable: false,
    about: 'Code ended with an exception or not at all, which its caller had forbidden.',
  },
  'kernel/spec-unknown': { retryable: false, about: 'The server has no kernel of that name.' },
  'kernel/unknown': { retryable: false, about: 'The server has no running kernel with that id.' },
  'kernel/start-failed': {
    retryable: false,
    about: 'The kernel did not start or did not answer in time.',
  },
  'kernel/preload-failed': {
    retryable: false,
    about: 'A model could not be loaded into the kernel; the session is there without it.',
  },
  'kernel/library-failed': {
    retryable: false,
    about:
      'A library of the user could not be installed or imported, or hidden code at the beginning of a session failed.',
  },
  'kernel/dead': { retryable: false, about: 'The kernel process ended and was not started again.' },
  'kernel/gone': { retryable: false, about: 'Somebody deleted or culled the kernel.' },
  'kernel/unresponsive': {
    retryable: true,
    about: 'The server is fine but the kernel does not answer.',
  },
  'kernel/protocol': {
    retryable: false,
    about: 'The kernel or the server broke the Jupyter protocol.',
  },
  'server/unreachable': {
    retryable: true,
    about: 'The Jupyter server does not answer; it may still be alive.',
  },
  'server/refused': {
    retryable: false,
    about: 'The Jupyter server does not accept our credentials.',
  },
  'server/error': { retryable: true, about: 'The Jupyter server answered with an error.' },
  'sandbox/in-the-way': {
    retryable: false,
    about: 'The project has a sandbox on another back end, and a second one was not asked for.',
  },
  'sandbox/unknown': { retryable: false, about: 'No sandbox has that id or name.' },
  'sandbox/pending': {
    retryable: true,
    about: 'The sandbox is still on its way; nothing is lost by waiting.',
  },
  'sandbox/ended': {
    retryable: false,
    about: 'The sandbox has ended; variables in its kernels are lost.',
  },
  'sandbox/closed': {
    retryable: false,
    about:
      'Only the functions that a sandbox exposes may be called; it runs no code and shows no files.',
  },
  'sandbox/no-notebooks': {
    retryable: false,
    about: 'The sandbox was started for commands and files only.',
  },
  'sandbox/start-failed': { retryable: false, about: 'The sandbox could not be started.' },
  'sandbox/stop-failed': {
    retryable: true,
    about: 'The sandbox could not be stopped, or not be seen to end.',
  },
  'sandbox/image-failed': {
    retryable: false,
    about: 'The image of the sandbox could not be built; nothing was rented.',
  },
  'sandbox/weights-failed': {
    retryable: true,
    about: 'The weights of a model could not be fetched; what was fetched is kept.',
  },
  'sandbox/no-capacity': {
    retryable: true,
    about: 'No machine of that kind was free in time; nothing runs.',
  },
  'sandbox/name-taken': {
    retryable: false,
    about: 'Another running sandbox of the account has that name.',
  },
  'sandbox/not-owned': {
    retryable: false,
    about:
      'The sandbox belongs to another conversation or project: ending it takes its exact id, and force.',
  },
  'sandbox/over-budget': {
    retryable: false,
    about: 'It could cost more than allowed, or its price is not known; nothing was started.',
  },
  'interface/failed': {
    retryable: false,
    about: 'A function that a sandbox exposes raised an error, or refused its arguments.',
  },
  'interface/gone': {
    retryable: false,
    about: 'An interface of a sandbox does not run, or ended during a call.',
  },
  'interface/start-failed': {
    retryable: false,
    about: 'A file with exposed functions could not be served.',
  },
  'backend/unknown': { retryable: false, about: 'No back end has that name.' },
  'backend/unavailable': { retryable: false, about: 'The back end cannot work on this machine.' },
  'python/missing': { retryable: false, about: 'No usable Python interpreter was found.' },
  'python/kernel-missing': { retryable: false, about: 'The interpreter lacks ipykernel.' },
  'python/setup-failed': {
    retryable: true,
    about: 'The managed Python environment could not be made.',
  },
  'host/unreachable': {
    retryable: true,
    about: 'The connection to another machine failed or broke; what runs there goes on.',
  },
  'host/login-needed': {
    retryable: false,
    about: 'Only a person can log in to the machine: a second factor or a passphrase is asked for.',
  },
  'host/key-refused': {
    retryable: false,
    about: 'The machine showed another host key than the known one, so nothing was sent to it.',
  },
  'http/failed': { retryable: true, about: 'An HTTP request failed.' },
  'http/refused': {
    retryable: false,
    about: 'The address may not be contacted; nothing was sent to it.',
  },
  'http/too-large': { retryable: false, about: 'An answer is longer than what is accepted.' },
  'remote/not-found': { retryable: false, about: 'The service has nothing of that name.' },
  'remote/auth-required': {
    retryable: false,
    about: 'The service wants a token, or another one; the text names variable, scope and page.',
  },
  'remote/forbidden': { retryable: false, about: 'The token has no right to do this.' },
  'remote/gated': {
    retryable: false,
    about: 'Access must be asked for on the page that the text names.',
  },
  'remote/rate-limited': {
    retryable: true,
    about: 'The service allows no more requests for now; the text says until when.',
  },
  'remote/billing': { retryable: false, about: 'The account has no credit for this.' },
  'remote/conflict': {
    retryable: false,
    about: 'It was changed or made by somebody else meanwhile.',
  },
  'remote/unsupported': { retryable: false, about: 'The service does not offer this here.' },
  'remote/not-ready': { retryable: true, about: 'The service is still preparing the answer.' },
  'remote/failed': {
    retryable: true,
    about: 'The service answered with an error or with something that is no answer.',
  },
  'job/failed': {
    retryable: false,
    about: 'A Job ended in another way than by finishing; its last lines are in the text.',
  },
  'job/unconfirmed': {
    retryable: false,
    about:
      'A Job was asked for, and nobody can say whether it runs; it must not be asked for again.',
  },
  'script/failed': {
    retryable: false,
    about: 'A set-up script failed, or ended before it handed over a session.',
  },
  'policy/needs-approval': {
    retryable: false,
    about: 'A person has to agree first and could not be asked.',
  },
  'policy/refused': {
    retryable: false,
    about: 'A person or a rule refused it; nothing was changed.',
  },
  'policy/over-budget': {
    retryable: false,
    about: 'It could cost more than the budget leaves; nothing was started.',
  },
  'policy/unknown-approval': {
    retryable: false,
    about: 'No call waits for approval under that id.',
  },
  cancelled: { retryable: false, about: 'The caller cancelled the call.' },
  timeout: { retryable: true, about: 'Something took longer than its limit.' },
  internal: { retryable: false, about: 'A defect in Glovebox.' },
} as const satisfies Record<string, { readonly retryable: boolean; readonly about: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface GloveboxErrorOptions {
  /** The exact next step: a tool, a command or a variable by its full name. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The only error class that crosses a folder. Foreign errors are translated into it once, at the edge. */
export class GloveboxError extends Error {
  override readonly name = 'GloveboxError' as const;
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: GloveboxErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** True for a GloveboxError, narrowed to the given code when there is one. */
export function isGloveboxError(error: unknown, code?: ErrorCode): error is GloveboxError {
  return error instanceof GloveboxError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown, for a sentence of ours. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
