/**
 * The framing `v1.kernel.websocket.jupyter.org`: u64 little-endian count of offsets, the offsets, then channel, header,
 * parent_header, metadata, content and buffers. The last offset is the end of the frame.
 */
import type { KernelMessage, MessageHeader } from './contract.ts';
import {
  EMPTY,
  isChannelName,
  parseHeader,
  parseParentHeader,
  parsePart,
  protocolError,
} from './messages.ts';

const FIXED_PARTS = 5;
const FIXED_OFFSETS = FIXED_PARTS + 1;
const NO_BYTES = Buffer.alloc(0);

export function createV1Decoder(): (frame: Buffer) => KernelMessage {
  let parentBytes = NO_BYTES;
  let parentHeader: Partial<MessageHeader> = EMPTY;

  // Thousands of outputs of one run repeat the same parent byte for byte: parsed once, and one object in memory.
  const readParent = (frame: Buffer, start: number, end: number): Partial<MessageHeader> => {
    if (end - start === parentBytes.length && parentBytes.compare(frame, start, end) === 0) {
      return parentHeader;
    }
    parentHeader = parseParentHeader(parseJson(frame, start, end, 'parent_header'));
    // A copy, because a view would keep the whole frame.
    parentBytes = Buffer.from(frame.subarray(start, end));
    return parentHeader;
  };

  return (frame) => {
    const offsets = readOffsets(frame);
    const at = (index: number): number => offsets[index] ?? frame.length;
    const channel = frame.toString('latin1', at(0), at(1));
    if (!isChannelName(channel)) {
      throw protocolError(`A v1 frame is for the unknown channel "${channel.slice(0, 40)}".`);
    }
    return {
      channel,
      header: parseHeader(parseJson(frame, at(1), at(2), 'header')),
      parentHeader: readParent(frame, at(2), at(3)),
      metadata: parsePart(parseJson(frame, at(3), at(4), 'metadata'), 'metadata'),
      content: parsePart(parseJson(frame, at(4), at(5), 'content'), 'content'),
      buffers: offsets
        .slice(FIXED_PARTS, -1)
        .map((start, n) => frame.subarray(start, at(FIXED_OFFSETS + n))),
    };
  };
}

function readOffsets(frame: Buffer): readonly number[] {
  if (frame.length < 8)
    throw protocolError(`A v1 frame of ${frame.length} bytes has no offset count.`);
  const count = readU64(frame, 0);
  if (count < FIXED_OFFSETS) {
    throw protocolError(`A v1 frame has ${count} offsets; ${FIXED_OFFSETS} are the least.`);
  }
  const tableEnd = 8 * (count + 1);
  if (tableEnd > frame.length) {
    throw protocolError(`A v1 frame of ${frame.length} bytes cannot have ${count} offsets.`);
  }
  const offsets: number[] = [];
  let previous = tableEnd;
  for (let index = 1; index <= count; index += 1) {
    const offset = readU64(frame, 8 * index);
    if (offset < previous || offset > frame.length) {
      throw protocolError(
        `Offset ${index} of a v1 frame is ${offset}, outside ${previous} to ${frame.length}.`,
      );
    }
    offsets.push(offset);
    previous = offset;
  }
  if (previous !== frame.length) {
    throw protocolError(`A v1 frame ends at ${previous}, but has ${frame.length} bytes.`);
  }
  return offsets;
}

function readU64(frame: Buffer, at: number): number {
  return frame.readUInt32LE(at) + frame.readUInt32LE(at + 4) * 2 ** 32;
}

function parseJson(frame: Buffer, start: number, end: number, name: string): unknown {
  if (end - start === 2 && frame[start] === 0x7b && frame[start + 1] === 0x7d) return EMPTY;
  try {
    const parsed: unknown = JSON.parse(frame.toString('utf8', start, end));
    return parsed;
  } catch (error) {
    throw protocolError(`The ${name} of a v1 frame is not JSON.`, error);
  }
}

export function encodeV1(message: KernelMessage): Buffer {
  const texts = [
    message.channel,
    JSON.stringify(message.header),
    JSON.stringify(message.parentHeader),
    JSON.stringify(message.metadata),
    JSON.stringify(message.content),
  ];
  const sizes = [
    ...texts.map((text) => Buffer.byteLength(text)),
    ...message.buffers.map((buffer) => buffer.byteLength),
  ];
  const count = sizes.length + 1;
  const start = 8 * (count + 1);
  const frame = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + size, start));
  writeU64(frame, count, 0);
  let offset = start;
  writeU64(frame, offset, 8);
  for (const [index, size] of sizes.entries()) {
    const text = texts[index];
    const buffer = message.buffers[index - FIXED_PARTS];
    if (text !== undefined) frame.write(text, offset);
    else if (buffer !== undefined) frame.set(buffer, offset);
    offset += size;
    writeU64(frame, offset, 8 * (index + 2));
  }
  return frame;
}

function writeU64(frame: Buffer, value: number, at: number): void {
  frame.writeUInt32LE(value % 2 ** 32, at);
  frame.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}
