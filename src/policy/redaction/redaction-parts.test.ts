/** Parts of the redactor: streams, files that leave the machine, and what is known of this machine. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { filler } from '../../../test/fixtures/secret-corpus.ts';
import { findSecrets, renderFoundSecret } from './find-secrets.ts';
import { createRedactionStream } from './redaction-stream.ts';
import { createRedactor } from './redactor.ts';
import { isUsableSecret } from './known-secrets.ts';
import { strengthOf } from './secret-names.ts';
import { gatherSecrets } from './secrets-of-machine.ts';

const token = `hf_${filler(34)}`;
const known = filler(40, undefined, 7);
const redactor = createRedactor({ known: [known] });

describe('7.1: streams', () => {
  it('find a secret that is cut anywhere', () => {
    const text = `${'line\n'.repeat(200)}HF_TOKEN=${token} and ${known}\n${'more '.repeat(300)}${known}`;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 4, maxLength: 40 }),
        (sizes) => {
          const stream = createRedactionStream(redactor);
          let shown = '';
          let at = 0;
          for (const size of sizes) {
            shown += stream.push(text.slice(at, at + size));
            at += size;
          }
          shown += stream.push(text.slice(at)) + stream.end();
          expect(shown).toBe(redactor.text(text).value);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('hold a key back until it is whole, and data without an end not for ever', () => {
    const key = [
      '-----BEGIN ',
      'PRIVATE KEY-----\n',
      `${filler(64)}\n`.repeat(30),
      '-----END PRIVATE ',
      'KEY-----\n',
    ].join('');
    const stream = createRedactionStream(redactor);
    const shown =
      `${key}${'x\n'.repeat(400)}`
        .split('')
        .map((char) => stream.push(char))
        .join('') + stream.end();
    expect(shown).not.toContain(filler(64));
    expect(shown.startsWith('[REDACTED:private-key]')).toBe(true);
    const data = createRedactionStream(redactor);
    expect(data.push('a'.repeat(100_000)).length).toBeGreaterThan(90_000);
  });
});

describe('files that leave the machine', () => {
  it('are told of by kind, count and first line, never by value', () => {
    const found = findSecrets(`a\n${token}\npassword="hunter22"\n${token}2\n`, redactor);
    expect(found).toEqual([
      { class: 'hf-token', count: 2, line: 2 },
      { class: 'named-secret', count: 1, line: 3 },
    ]);
    expect(found.map(renderFoundSecret)).toEqual([
      '2 × Hugging Face token, the first in line 2',
      'a value under the name of a secret in line 3',
    ]);
  });

  it('are searched for tokens only when they are no text', () => {
    const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(`password="hunter22" ${token}`)]);
    expect(findSecrets(bytes, redactor)).toEqual([
      { class: 'hf-token', count: 1, line: undefined },
    ]);
  });
});

describe('secrets of this machine', () => {
  it('come from variables, token files and records of sandboxes', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'glovebox-known-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const [inFile, inRecord] = [filler(36, undefined, 21), filler(48, undefined, 22)];
    writeFileSync(path.join(dir, 'token'), `${inFile}\n`);
    mkdirSync(path.join(dir, 'sandboxes'));
    writeFileSync(
      path.join(dir, 'sandboxes', 'b-1.json'),
      JSON.stringify({ server: { token: inRecord, port: 1 } }),
    );
    writeFileSync(path.join(dir, 'sandboxes', 'broken.json'), '{');
    const env = {
      MY_API_KEY: 'abc-12345',
      DATABASE_URL: 'postgres://u:p%40ss-word@db/x',
      HOME: '/home/me',
      PAD_TOKEN: 'not-a-secret-1234567890',
      EMPTY_TOKEN: '',
    };
    const found = await gatherSecrets({
      env,
      dir,
      tokenFiles: [path.join(dir, 'token'), '/nowhere'],
    });
    expect(found.toSorted()).toEqual(
      ['abc-12345', 'p%40ss-word', 'p@ss-word', inFile, inRecord].toSorted(),
    );
  });

  it.each([
    ['true', false],
    ['password', false],
    ['12345678901', false],
    ['123456789012', true],
    ['/home/me/file', false],
    ['https://x.y/z', false],
    ['short', false],
    ['aaaaaaaaaaaaaaaa', false],
    ['correct horse battery', true],
  ])('%s is looked for: %s', (value, isUsable) => expect(isUsableSecret(value)).toBe(isUsable));
});

it.each<[string, string | undefined]>([
  ['HF_TOKEN', 'strong'],
  ['modalTokenSecret', 'strong'],
  ['aws.secret-access.key', 'strong'],
  ['OPENAIAPIKEY', 'strong'],
  ['accessKeyId', 'strong'],
  ['token', 'weak'],
  ['sshKey', 'weak'],
  ['pad_token', undefined],
  ['tokenizer.eos_token', undefined],
  ['max_tokens', undefined],
  ['stop_token_ids', undefined],
  ['cacheKey', undefined],
  ['monkey', undefined],
])('7.4: the name %s is %s', (name, strength) => expect(strengthOf(name)).toBe(strength));
