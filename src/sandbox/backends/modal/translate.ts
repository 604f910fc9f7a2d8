/** Turns what the Modal SDK throws into our errors, by name and code: it throws raw gRPC errors beside its own classes. */
import { cancelled } from '#core/abort.ts';
import { GloveboxError, messageOf, type ErrorCode } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/ */
const GRPC_NOT_FOUND = 5;
const GRPC_PERMISSION_DENIED = 7;
const GRPC_RESOURCE_EXHAUSTED = 8;
const GRPC_INVALID_ARGUMENT = 3;
const GRPC_UNAUTHENTICATED = 16;

const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  NotFoundError: 'sandbox/unknown',
  AlreadyExistsError: 'sandbox/name-taken',
  ResourceExhaustedError: 'sandbox/no-capacity',
  InvalidError: 'config/invalid',
  ConflictError: 'sandbox/ended',
  TimeoutError: 'timeout',
  SandboxTimeoutError: 'timeout',
};

const BY_GRPC: Readonly<Record<number, ErrorCode>> = {
  [GRPC_NOT_FOUND]: 'sandbox/unknown',
  [GRPC_PERMISSION_DENIED]: 'remote/forbidden',
  [GRPC_UNAUTHENTICATED]: 'remote/forbidden',
  [GRPC_RESOURCE_EXHAUSTED]: 'sandbox/no-capacity',
  [GRPC_INVALID_ARGUMENT]: 'config/invalid',
};

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  'remote/forbidden': 'Check MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or run "modal token new".',
  'sandbox/no-capacity':
    'Ask for another GPU (several can be given in order of preference), or try again later; nothing runs and nothing is charged.',
};

/** Modal's own words always reach the caller. */
export function translate(error: unknown, signal?: AbortSignal): GloveboxError {
  if (error instanceof GloveboxError) return error;
  if (signal?.aborted === true) return cancelled(signal);
  const code = codeOf(error) ?? 'remote/failed';
  const hint = HINTS[code];
  return new GloveboxError(code, `Modal: ${wordsOf(error)}`, {
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}

export function isNotFound(error: unknown): boolean {
  return (error instanceof GloveboxError ? error.code : codeOf(error)) === 'sandbox/unknown';
}

function codeOf(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error)) return undefined;
  const named = BY_NAME[error.name] ?? BY_NAME[error.constructor.name];
  if (named !== undefined) return named;
  const grpc: unknown = isRecord(error) ? error['code'] : undefined;
  return typeof grpc === 'number' ? BY_GRPC[grpc] : undefined;
}

function wordsOf(error: unknown): string {
  const details: unknown = isRecord(error) ? error['details'] : undefined;
  return typeof details === 'string' && details !== '' ? details : messageOf(error);
}
