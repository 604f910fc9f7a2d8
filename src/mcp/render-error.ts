/** The only place where an error becomes an answer of the protocol. */
import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import type { CallToolResult } from '@modelcontextprotocol/server';
import { randomBytes } from 'node:crypto';
import { isGloveboxError } from '#core/errors.ts';
import type { McpLog, Redact } from './contract.ts';

/** Codes of things that are not there, for which the protocol has an answer of its own. */
const NOT_FOUND = new Set<string>(['run/unknown', 'session/unknown', 'path/not-found']);

/** `[code] message`, then the next step, as the result of a tool call. */
export function renderToolError(
  error: unknown,
  toolName: string,
  log: McpLog,
  redact: Redact,
): CallToolResult {
  const text = redact(describeError(error, toolName, log));
  return { content: [{ type: 'text', text }], isError: true };
}

/** What to throw when a resource cannot be read. */
export function toProtocolError(error: unknown, uri: string, log: McpLog, redact: Redact): Error {
  const text = redact(describeError(error, uri, log));
  if (isGloveboxError(error) && NOT_FOUND.has(error.code)) {
    return new ResourceNotFoundError(uri, text);
  }
  return new ProtocolError(ProtocolErrorCode.InternalError, text);
}

function describeError(error: unknown, source: string, log: McpLog): string {
  if (isGloveboxError(error) && error.code !== 'internal') {
    return withHint(`[${error.code}] ${error.message}`, error.hint ?? generalHint(error.code));
  }
  // The text of a foreign error may hold anything, secrets included, so it goes into the private log only.
  const reference = `e-${randomBytes(4).toString('hex')}`;
  log.error(`${reference} in ${source}: ${stackOf(error)}`);
  const kind = error instanceof Error ? error.name : typeof error;
  return withHint(
    `[internal] Glovebox failed in ${source} (${kind}, reference ${reference}). This is a defect; what was acknowledged before is kept.`,
    `look for ${reference} in the log that \`glovebox doctor\` names, and report it. list_sessions tells what is alive.`,
  );
}

/** For an error that was thrown where nobody knew the next step. */
function generalHint(code: string): string | undefined {
  return /^(storage|record|lock|config|python)\//.test(code)
    ? '`glovebox doctor` tells what is wrong with this machine and what to do about it.'
    : undefined;
}

function withHint(text: string, hint: string | undefined): string {
  return hint === undefined ? text : `${text}\nNext: ${hint}`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
