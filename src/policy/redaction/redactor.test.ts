/** The corpus of secrets and traps, and what the redactor promises beside them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filler, HEX, SECRETS, TRAPS } from '../../../test/fixtures/secret-corpus.ts';
import { createRedactor } from './redactor.ts';
import { createServiceDetectors } from './service-detectors.ts';

const redactor = createRedactor({ detectors: createServiceDetectors() });
const redact = (text: string): string => redactor.text(text).value;

describe('11.5: the corpus', () => {
  it.each(SECRETS)('takes out $name', ({ text, secret, keeps = [] }) => {
    const result = redact(text);
    expect(result).not.toContain(secret);
    expect(result).toContain('[REDACTED:');
    for (const part of keeps) expect(result).toContain(part);
  });

  it.each(TRAPS)('leaves %j alone', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('keeps JSON valid', () => {
    for (const { text } of SECRETS.filter((each) => /^["[{]/.test(each.text)))
      expect(() => JSON.parse(redact(text)), text).not.toThrow();
  });

  it('changes nothing the second time', () => {
    for (const text of [...SECRETS.map((each) => each.text), ...TRAPS]) {
      const once = redact(text);
      expect(redact(once)).toBe(once);
    }
  });

  it('holds as many forms as promised, and says how well it does', () => {
    const found = SECRETS.filter(({ text, secret }) => !redact(text).includes(secret)).length;
    const wrong = TRAPS.filter((text) => redact(text) !== text).length;
    process.stdout.write(
      `redaction corpus: ${found} of ${SECRETS.length} secrets found, ${wrong} of ${TRAPS.length} traps hit\n`,
    );
    expect(SECRETS.length).toBeGreaterThanOrEqual(74);
    expect(TRAPS.length).toBeGreaterThanOrEqual(62);
  });

  it('names the class as in the table', () => {
    expect(redact(`use hf_${filler(34)} now`)).toBe('use [REDACTED:hf-token] now');
    expect(redact('postgres://u:p4ss@db/x')).toBe('postgres://u:[REDACTED:url-secret]@db/x');
    expect(redact(`Authorization: Basic ${filler(20)}`)).toBe(
      'Authorization: Basic [REDACTED:auth-header]',
    );
  });
});

describe('7.1: exact values', () => {
  const value = `${filler(20)}+/ü"x`;
  const own = createRedactor({
    known: [value, 'password', 'true', '12345678', '/home/me/file', 'https://x.y/z'],
  });

  it.each([
    ['plain', value],
    ['JSON-escaped', JSON.stringify(value).slice(1, -1)],
    ['URL-encoded', encodeURIComponent(value)],
    ...['', 'u', 'us'].map((before) => [
      `base64 after ${before.length} bytes`,
      Buffer.from(`${before}${value}`).toString('base64'),
    ]),
    ['base64 for URLs', Buffer.from(`:${value}`).toString('base64url')],
  ])('finds them %s', (_, text) => {
    const result = own.text(`before ${text} after`);
    expect(result.value).toMatch(/^before \S{0,4}\[REDACTED:known-secret\]\S{0,4} after$/);
    expect(result.counts).toEqual([{ class: 'known-secret', count: 1 }]);
    expect(own.holdsKnown(text)).toBe(true);
  });

  it('finds them wherever they stand, each of several, the longest first', () => {
    const [a, b] = [filler(12, HEX, 3), filler(40, undefined, 4)];
    const both = createRedactor({ known: [a, b, `${a}-more`] });
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (x, y, z) => {
        const result = both.text(`${x} ${a} ${y} ${b}${z}`).value;
        return !result.includes(a) && !result.includes(b);
      }),
    );
    expect(both.text(`x${a}-more.`).value).toBe('x[REDACTED:known-secret].');
  });

  it('ignores words, booleans, short numbers, paths and plain addresses', () => {
    const text = 'password true 12345678 /home/me/file https://x.y/z';
    expect(own.text(text).value).toBe(text);
  });
});

describe('objects', () => {
  it('keep their types, and the input is not changed', () => {
    const input = {
      list: [1, null, true, { deep: [`hf_${filler(34)}`] }],
      password: 1234,
      pin: 987_654,
      max_tokens: 5,
      secrets: { ANY: 'thing' },
      args: ['docker', 'login', '-p', 'hunter22'],
      empty: {},
    };
    const copy = structuredClone(input);
    expect(redactor.json(input).value).toEqual({
      list: [1, null, true, { deep: ['[REDACTED:hf-token]'] }],
      password: '[REDACTED:named-secret]',
      pin: '[REDACTED:named-secret]',
      max_tokens: 5,
      secrets: { ANY: '[REDACTED:named-secret]' },
      args: ['docker', 'login', '-p', '[REDACTED:named-secret]'],
      empty: {},
    });
    expect(input).toEqual(copy);
  });

  it('are copied as they are when nothing is in them, whatever they hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const safe = redactor.json(value);
        if (safe.counts.length === 0) expect(safe.value).toEqual(value);
        expect(redactor.json(safe.value).value).toEqual(safe.value);
      }),
    );
  });

  it('lose a token that is a key itself', () => {
    expect(redactor.json({ [`hf_${filler(34)}`]: 1 }).value).toEqual({ '[REDACTED:hf-token]': 1 });
  });
});

it('never fails, and is idempotent, for any text', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ...SECRETS.map(({ text }) => text),
      ...TRAPS,
      '"',
      '\\',
      '\n',
      '=',
      ': ',
      '//',
      '@',
      '--',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const once = redact(pieces.join(''));
      return redact(once) === once;
    }),
    { numRuns: 1000 },
  );
});
