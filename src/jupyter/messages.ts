/** Makes requests of the Jupyter messaging protocol and reads the fields that are used out of its messages, leniently. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type {
  ChannelName,
  ExecuteReply,
  KernelInfo,
  KernelMessage,
  MessageHeader,
} from './contract.ts';

const PROTOCOL_VERSION = '5.3';

export const EMPTY: Readonly<Record<string, never>> = Object.freeze({});

export interface RequestParts {
  readonly channel: ChannelName;
  readonly msgType: string;
  readonly msgId: string;
  readonly session: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly content: Readonly<Record<string, unknown>>;
  readonly parentHeader?: Partial<MessageHeader>;
}

export function createRequest(parts: RequestParts): KernelMessage {
  return {
    channel: parts.channel,
    header: {
      msg_id: parts.msgId,
      msg_type: parts.msgType,
      session: parts.session,
      username: '',
      date: new Date(parts.atMs).toISOString(),
      version: PROTOCOL_VERSION,
    },
    parentHeader: parts.parentHeader ?? EMPTY,
    metadata: EMPTY,
    content: parts.content,
    buffers: [],
  };
}

/** The error for bytes that are not a message. It never leaves the channel as an exception: it becomes an event. */
export function protocolError(message: string, cause?: unknown): GloveboxError {
  return new GloveboxError('kernel/protocol', message, { cause });
}

export function isChannelName(value: unknown): value is ChannelName {
  return value === 'iopub' || value === 'shell' || value === 'control' || value === 'stdin';
}

/** @throws GloveboxError `kernel/protocol` without id or type, since nothing can be done with such a message. */
export function parseHeader(raw: unknown): MessageHeader {
  if (!isRecord(raw)) throw protocolError('The header of a message is not an object.');
  const { msg_id, msg_type, session } = raw;
  if (typeof msg_id !== 'string') throw protocolError('The header of a message has no msg_id.');
  if (typeof msg_type !== 'string') throw protocolError('The header of a message has no msg_type.');
  return { ...raw, msg_id, msg_type, session: typeof session === 'string' ? session : '' };
}

/** `null`, `{}` and fields of a wrong type all mean that there is no parent to be found by them. */
export function parseParentHeader(raw: unknown): Partial<MessageHeader> {
  if (!isRecord(raw) || typeof raw['msg_id'] !== 'string' || raw['msg_id'] === '') return EMPTY;
  return {
    ...raw,
    msg_id: raw['msg_id'],
    msg_type: stringOf(raw['msg_type']),
    session: stringOf(raw['session']),
  };
}

/** A missing part is empty; a part of another type breaks the protocol. */
export function parsePart(raw: unknown, name: string): Readonly<Record<string, unknown>> {
  if (raw === undefined || raw === null) return EMPTY;
  if (!isRecord(raw)) throw protocolError(`The ${name} of a message is not an object.`);
  return raw;
}

export function executionStateOf(message: KernelMessage): string {
  return stringOf(message.content['execution_state']);
}

export function parseExecuteReply({ content }: KernelMessage): ExecuteReply {
  const count = content['execution_count'];
  const reply = {
    executionCount: typeof count === 'number' ? count : null,
    payload: arrayOf(content['payload']).filter(isRecord),
  };
  // Older kernels say "abort".
  if (content['status'] === 'aborted' || content['status'] === 'abort') {
    return { ...reply, status: 'aborted' };
  }
  if (content['status'] !== 'error') return { ...reply, status: 'ok' };
  const error = {
    name: stringOf(content['ename']),
    value: stringOf(content['evalue']),
    traceback: arrayOf(content['traceback']).map(stringOf),
  };
  return { ...reply, status: 'error', error };
}

export function parseKernelInfo({ content }: KernelMessage): KernelInfo {
  const language = content['language_info'];
  return {
    implementation: stringOf(content['implementation']),
    languageInfo: isRecord(language) ? language : EMPTY,
    banner: stringOf(content['banner']),
  };
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
