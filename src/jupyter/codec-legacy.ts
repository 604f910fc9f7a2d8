/**
 * The framing without subprotocol: JSON text, or, for a message with buffers, a binary frame of u32 big-endian part count,
 * u32 offsets, part 0 = the same JSON, the rest = buffers.
 */
import { isRecord } from '#core/json.ts';
import type { KernelMessage } from './contract.ts';
import {
  isChannelName,
  parseHeader,
  parseParentHeader,
  parsePart,
  protocolError,
  stringOf,
} from './messages.ts';

export function decodeLegacyText(frame: Buffer): KernelMessage {
  return toMessage(frame.toString('utf8'), []);
}

export function decodeLegacyBinary(frame: Buffer): KernelMessage {
  if (frame.length < 4) {
    throw protocolError(`A binary frame of ${frame.length} bytes has no part count.`);
  }
  const count = frame.readUInt32BE(0);
  const tableEnd = 4 * (count + 1);
  if (count === 0 || tableEnd > frame.length) {
    throw protocolError(`A binary frame of ${frame.length} bytes cannot have ${count} parts.`);
  }
  const starts: number[] = [];
  let previous = tableEnd;
  for (let index = 1; index <= count; index += 1) {
    const start = frame.readUInt32BE(4 * index);
    if (start < previous || start > frame.length) {
      throw protocolError(
        `Part ${index} of a binary frame begins at ${start}, outside ${previous} to ${frame.length}.`,
      );
    }
    starts.push(start);
    previous = start;
  }
  const [json = Buffer.alloc(0), ...buffers] = starts.map((start, n) =>
    frame.subarray(start, starts[n + 1] ?? frame.length),
  );
  return toMessage(json.toString('utf8'), buffers);
}

function toMessage(text: string, buffers: readonly Uint8Array[]): KernelMessage {
  const raw = parseText(text);
  if (!isRecord(raw)) throw protocolError('A JSON frame is not an object.');
  if (!isChannelName(raw['channel'])) {
    const name = stringOf(raw['channel']).slice(0, 40);
    throw protocolError(`A JSON frame is for the unknown channel "${name}".`);
  }
  return {
    channel: raw['channel'],
    header: parseHeader(raw['header']),
    parentHeader: parseParentHeader(raw['parent_header']),
    metadata: parsePart(raw['metadata'], 'metadata'),
    content: parsePart(raw['content'], 'content'),
    buffers,
  };
}

function parseText(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch (error) {
    throw protocolError('A JSON frame is not JSON.', error);
  }
}

export function encodeLegacy(message: KernelMessage): string | Buffer {
  const { channel, header, parentHeader, metadata, content, buffers } = message;
  const fields = { channel, header, parent_header: parentHeader, metadata, content };
  if (buffers.length === 0) return JSON.stringify({ ...fields, buffers: [] });

  const parts = [Buffer.from(JSON.stringify(fields)), ...buffers];
  const table = Buffer.allocUnsafe(4 * (parts.length + 1));
  table.writeUInt32BE(parts.length, 0);
  let offset = table.length;
  for (const [index, part] of parts.entries()) {
    table.writeUInt32BE(offset, 4 * (index + 1));
    offset += part.byteLength;
  }
  return Buffer.concat([table, ...parts]);
}
