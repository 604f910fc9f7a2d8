/** The three framings against recorded frames, broken frames and random ones. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGloveboxError } from '#core/errors.ts';
import { legacyBinary } from '../../test/fakes/fake-kernel-socket.ts';
import { createDecoder, encodeMessage, type Framing } from './codec.ts';
import { CHANNELS, type KernelMessage } from './contract.ts';
import { createRequest } from './messages.ts';

const frames = path.join(import.meta.dirname, '../../test/fixtures/frames');

function recorded(framing: Framing): readonly { frame: Buffer; isBinary: boolean }[] {
  const text = readFileSync(path.join(frames, `${framing}.json`), 'utf8');
  const list: readonly { isBinary: boolean; base64: string }[] = JSON.parse(text);
  return list.map(({ isBinary, base64 }) => ({ isBinary, frame: Buffer.from(base64, 'base64') }));
}

/** The error of a broken frame; anything else than our own error fails the test. */
function failureOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isGloveboxError(error, 'kernel/protocol')) return error.message;
    throw error;
  }
  return '';
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const message: KernelMessage = {
  ...createRequest({
    channel: 'shell',
    msgType: 'execute_request',
    msgId: 'id-1',
    session: 's',
    atMs: 0,
    content: { code: 'print("grüße 🧪 \u2028")', lone: '\ud800' },
  }),
  parentHeader: { msg_id: 'p', msg_type: 't', session: 'q' },
  metadata: { a: [1, null] },
  buffers: [bytes(0, 255, 1), bytes(), bytes(7)],
};

const plain = (value: KernelMessage): unknown => ({
  ...value,
  buffers: value.buffers.map((buffer) => [...buffer]),
});

describe.each(['v1', 'legacy'] as const)('recorded frames of a real server: %s', (framing) => {
  const messages = (): KernelMessage[] => {
    const decode = createDecoder(framing);
    return recorded(framing).map(({ frame, isBinary }) => decode(frame, isBinary));
  };

  test('C6: every frame is read, with text, metadata and binary buffers', () => {
    expect(messages().map(({ channel, header }) => `${channel} ${header.msg_type}`)).toEqual([
      'iopub status',
      'iopub execute_input',
      'iopub stream',
      'iopub stream',
      'iopub display_data',
      'iopub comm_open',
      'iopub error',
      'shell execute_reply',
      'iopub status',
    ]);
    expect(messages()[2]?.content).toEqual({ name: 'stdout', text: 'grüße 🧪\n' });
    expect(messages()[4]?.content['metadata']).toEqual({ kind: 'test' });
    expect(messages()[5]?.buffers.map((buffer) => [...buffer])).toEqual([
      [0, 1, 2, 255],
      [],
      [...Buffer.from('xyz')],
    ]);
    expect(new Set(messages().map(({ parentHeader }) => parentHeader.msg_id)).size).toBe(1);
  });

  test('C6: they are recognised whatever was negotiated', () => {
    const decode = createDecoder(framing === 'v1' ? 'legacy' : 'v1');
    const other = recorded(framing).map(({ frame, isBinary }) => decode(frame, isBinary));
    expect(other.map(plain)).toEqual(messages().map(plain));
  });

  test('C10: a frame that ends anywhere too early is our own error, never another', () => {
    const decode = createDecoder(framing);
    for (const { frame, isBinary } of recorded(framing)) {
      for (let length = 0; length < frame.length; length += 1) {
        const cut = frame.subarray(0, length);
        const failure = failureOf(() => decode(cut, isBinary));
        // The buffers of a legacy binary frame have no end of their own: only there a cut can go unnoticed.
        if (failure === '') expect(framing === 'legacy' && isBinary).toBe(true);
      }
    }
  });

  test('C10: flipped bytes never raise anything but our own error', () => {
    const decode = createDecoder(framing);
    const pool = recorded(framing);
    fc.assert(
      fc.property(fc.nat(pool.length - 1), fc.nat(), fc.nat(255), (index, at, value) => {
        const { frame, isBinary } = pool[index] ?? { frame: Buffer.alloc(0), isBinary: true };
        const broken = Buffer.from(frame);
        broken[at % broken.length] = value;
        failureOf(() => decode(broken, isBinary));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('round trip', () => {
  const json = fc.dictionary(
    fc.string(),
    fc.jsonValue().filter((value) => value !== undefined),
  );
  const headers = fc.record({
    msg_id: fc.string({ minLength: 1, unit: 'binary' }),
    msg_type: fc.string(),
    session: fc.string(),
  });
  const messages = fc.record({
    channel: fc.constantFrom(...CHANNELS),
    header: headers,
    parentHeader: fc.oneof(fc.constant({}), headers),
    metadata: json,
    content: json,
    buffers: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
  });
  /** JSON has no negative zero, no lone surrogates in keys, no prototype keys: compare what JSON can say. */
  const sayable = (value: KernelMessage): unknown => JSON.parse(JSON.stringify(plain(value)));

  test.each(['v1', 'legacy'] as const)('what is encoded in %s is decoded again', (framing) => {
    fc.assert(
      fc.property(messages, (sent) => {
        const frame = encodeMessage(sent, framing);
        const isBinary = typeof frame !== 'string';
        const got = createDecoder(framing)(Buffer.from(frame), isBinary);
        expect(sayable(got)).toEqual(sayable(sent));
      }),
    );
  });

  test('a lone surrogate and a line separator survive', () => {
    const decode = createDecoder('v1');
    const frame = encodeMessage(message, 'v1');
    expect(plain(decode(Buffer.from(frame), true))).toEqual(plain(message));
  });

  test('without buffers legacy is text, with buffers it is binary', () => {
    expect(typeof encodeMessage({ ...message, buffers: [] }, 'legacy')).toBe('string');
    expect(encodeMessage(message, 'legacy')).toEqual(legacyBinary(message));
  });

  test('the parent of one message does not leak into the next', () => {
    const decode = createDecoder('v1');
    const ids = ['a', 'b', '', 'b', 'a'].map((msg_id) => {
      const parentHeader = msg_id === '' ? {} : { msg_id, msg_type: 't', session: 's' };
      const frame = encodeMessage({ ...message, parentHeader }, 'v1');
      return decode(Buffer.from(frame), true).parentHeader.msg_id;
    });
    expect(ids).toEqual(['a', 'b', undefined, 'b', 'a']);
  });

  test('more than 255 buffers are still told apart from the other framing', () => {
    const many = { ...message, buffers: Array.from({ length: 300 }, (_, n) => bytes(n % 256)) };
    for (const framing of ['v1', 'legacy'] as const) {
      const frame = Buffer.from(encodeMessage(many, framing));
      for (const negotiated of ['v1', 'legacy'] as const) {
        expect(plain(createDecoder(negotiated)(frame, true))).toEqual(plain(many));
      }
    }
  });
});

describe('C10: broken frames are named precisely', () => {
  const good = Buffer.from(encodeMessage(message, 'v1'));
  const patched = (change: (frame: Buffer) => void): Buffer => {
    const frame = Buffer.from(good);
    change(frame);
    return frame;
  };
  const legacy = legacyBinary(message);
  const legacyPatched = (change: (frame: Buffer) => void): Buffer => {
    const frame = Buffer.from(legacy);
    change(frame);
    return frame;
  };

  test.each([
    ['empty', Buffer.alloc(0), /0 bytes has no offset count/],
    ['no offsets', Buffer.alloc(8), /0 offsets; 6 are the least/],
    ['a huge count', patched((f) => f.writeUInt32LE(0xffffffff, 4)), /cannot have \d+ offsets/],
    ['an offset past the end', patched((f) => f.writeUInt32LE(9_999_999, 24)), /Offset 3.*9999999/],
    ['an offset backwards', patched((f) => f.writeUInt32LE(1, 24)), /Offset 3.* is 1, outside/],
    ['an end too early', Buffer.concat([good, bytes(1)]), /ends at \d+, but has \d+ bytes/],
    ['an unknown channel', patched((f) => f.write('shall', f.readUInt32LE(8))), /"shall"/],
    [
      'a broken header',
      patched((f) => f.write('!', f.readUInt32LE(16))),
      /header of a v1 frame is not JSON/,
    ],
    [
      'a broken content',
      patched((f) => f.write('!', f.readUInt32LE(40))),
      /content of a v1 frame is not JSON/,
    ],
  ])('v1 with %s', (_name, frame, expected) => {
    expect(failureOf(() => createDecoder('v1')(frame, true))).toMatch(expected);
  });

  test.each([
    ['empty', Buffer.alloc(0), /0 bytes has no part count/],
    ['no parts', Buffer.alloc(8), /cannot have 0 parts/],
    [
      'too many parts',
      legacyPatched((f) => f.writeUInt32BE(0x7fffffff, 0)),
      /cannot have 2147483647 parts/,
    ],
    ['a part past the end', legacyPatched((f) => f.writeUInt32BE(9_999_999, 8)), /Part 2.*9999999/],
    ['a part backwards', legacyPatched((f) => f.writeUInt32BE(1, 8)), /Part 2.* at 1, outside/],
    ['broken JSON', legacyPatched((f) => f.write('!', f.readUInt32BE(4))), /not JSON/],
  ])('legacy binary with %s', (_name, frame, expected) => {
    expect(failureOf(() => createDecoder('legacy')(frame, true))).toMatch(expected);
  });

  const header = { msg_id: 'm', msg_type: 't' };
  test.each([
    ['no JSON', '{', /not JSON/],
    ['an array', '[]', /not an object/],
    ['no channel', JSON.stringify({ header }), /unknown channel ""/],
    ['no header', '{"channel":"iopub"}', /header of a message is not an object/],
    ['no msg_id', '{"channel":"iopub","header":{"msg_type":"t"}}', /no msg_id/],
    ['no msg_type', '{"channel":"iopub","header":{"msg_id":"m"}}', /no msg_type/],
    [
      'a list as content',
      JSON.stringify({ channel: 'iopub', header, content: [] }),
      /content.*not an object/,
    ],
  ])('text with %s', (_name, text, expected) => {
    expect(failureOf(() => createDecoder('v1')(Buffer.from(text), false))).toMatch(expected);
  });

  test('what can be missing may be missing', () => {
    const text = JSON.stringify({ channel: 'iopub', header, parent_header: null });
    expect(createDecoder('v1')(Buffer.from(text), false)).toEqual({
      channel: 'iopub',
      header: { ...header, session: '' },
      parentHeader: {},
      metadata: {},
      content: {},
      buffers: [],
    });
  });

  test('a multi-byte character that was cut is replaced, not fatal', () => {
    const text = Buffer.from(
      JSON.stringify({ channel: 'iopub', header, content: { text: 'grüße' } }),
    );
    const at = text.indexOf('ü');
    const cut = Buffer.concat([text.subarray(0, at + 1), text.subarray(at + 2)]);
    expect(createDecoder('v1')(cut, false).content).toEqual({ text: 'gr\ufffdße' });
  });

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (random, isBinary) => {
        expect(failureOf(() => createDecoder('v1')(Buffer.from(random), isBinary))).not.toBe('');
      }),
      { numRuns: 2000 },
    );
  });
});
