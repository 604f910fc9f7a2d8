import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CellOutput } from '#notebook/contract.ts';
import { pageTranscript, renderTranscript } from './transcript.ts';

const stdout = (text: string): CellOutput => ({ output_type: 'stream', name: 'stdout', text });
const stderr = (text: string): CellOutput => ({ output_type: 'stream', name: 'stderr', text });
const display = (text: string): CellOutput => ({
  output_type: 'display_data',
  data: { 'text/plain': text },
  metadata: {},
});
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
const picture: CellOutput = {
  output_type: 'display_data',
  data: { 'image/png': PIXEL },
  metadata: {},
};

/** Base64 of bytes without a pattern. */
const base64 = (chars: number): string => {
  let state = 1;
  const bytes = Array.from(
    { length: Math.ceil(chars * 0.75) },
    () => (state = (state * 48_271) % 2_147_483_647) & 255,
  );
  return Buffer.from(bytes).toString('base64').slice(0, chars);
};

describe('renderTranscript', () => {
  it('O7, X59: labels everything but plain stdout, in the order of the outputs', () => {
    expect(
      renderTranscript([
        stdout('a\n'),
        stderr('b\n'),
        stdout('c'),
        display('d'),
        picture,
        stdout('e\n'),
      ]),
    ).toBe('a\n[stderr]\nb\n[stdout]\nc\n[display]\nd\n[image 1 png 1x1]\ne\n');
  });
  it('X56: neighbouring chunks of one stream are one text', () => {
    expect(renderTranscript(Array.from({ length: 300 }, (_, i) => stdout(`${i},`)))).toBe(
      Array.from({ length: 300 }, (_, i) => `${i},`).join(''),
    );
  });
  it('O9: more output changes nothing before the open last line', () => {
    const output = fc.oneof(
      fc.string().map(stdout),
      fc.constantFrom('line\n', 'two\nlines').map(stdout),
      fc.string().map(stderr),
      fc.string().map(display),
      fc.constant(picture),
    );
    fc.assert(
      fc.property(
        fc.array(output, { maxLength: 8 }),
        fc.array(output, { maxLength: 8 }),
        (before, after) => {
          const early = renderTranscript(before);
          const complete = early.slice(0, early.lastIndexOf('\n') + 1);
          expect(renderTranscript([...before, ...after]).startsWith(complete)).toBe(true);
        },
      ),
    );
  });
  it('is empty without outputs', () => {
    expect(renderTranscript([])).toBe('');
  });
  it('X50: has errors without colours, with a message that the traceback lacks', () => {
    const error: CellOutput = {
      output_type: 'error',
      ename: 'E',
      evalue: 'why',
      traceback: ['\u001b[31m-----\u001b[0m', 'at 1'],
    };
    expect(renderTranscript([error])).toBe('[error E]\nat 1\nE: why');
    expect(renderTranscript([{ ...error, traceback: [] }])).toBe('[error E]\nE: why');
    expect(renderTranscript([{ ...error, traceback: ['E: why'] }])).toBe('[error E]\nE: why');
  });
  it('tells the frames of a recursion once, with their number', () => {
    const frames = (count: number): string => {
      const traceback = ['head', ...Array.from({ length: count }, () => 'again'), 'last', 'E: why'];
      const error: CellOutput = { output_type: 'error', ename: 'E', evalue: 'why', traceback };
      return renderTranscript([error]).replace('[error E]\nhead\n', '');
    };
    expect(frames(1)).toBe('again\nlast\nE: why');
    expect(frames(2)).toBe('again\nagain\nlast\nE: why');
    expect(frames(60)).toBe('again\n... the same frame 59 more times ...\n\nlast\nE: why');
  });
});

describe('pageTranscript', () => {
  function pages(text: string, maxChars: number): readonly string[] {
    const all: string[] = [];
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const page = pageTranscript(text, offset, maxChars);
      expect(page.nextOffset === undefined || page.nextOffset > offset).toBe(true);
      all.push(page.text);
      offset = page.nextOffset;
    }
    return all;
  }

  it('O9: pages put together are the text, each within its size but for half a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (text, maxChars) => {
          const all = pages(text, maxChars);
          expect(all.join('')).toBe(text);
          for (const page of all) {
            expect(page.length).toBeLessThanOrEqual(maxChars + 1);
            expect(page.isWellFormed()).toBe(text.isWellFormed());
          }
        },
      ),
    );
  });
  it('ends at a line end', () => {
    expect(pages('one\ntwo\nthree\n', 9)).toEqual(['one\ntwo\n', 'three\n']);
  });
  it('O9: delivers the open last line, and does not count it', () => {
    expect(pageTranscript('one\ntw', 0, 100)).toEqual({
      text: 'one\ntw',
      nextOffset: undefined,
      resumeOffset: 4,
      totalChars: 6,
    });
    expect(pageTranscript('one\ntwo\n', 4, 100)).toMatchObject({ text: 'two\n', resumeOffset: 8 });
  });
  it('takes an offset outside as the nearest end', () => {
    expect(pageTranscript('abc', 99, 10)).toMatchObject({ text: '', nextOffset: undefined });
    expect(pageTranscript('abc', -5, 10)).toMatchObject({ text: 'abc' });
  });
  it('O8, X65: never cuts base64: it moves to the next page, or is named when it fits none', () => {
    const short = `data ${base64(400)} end`;
    expect(pages(short, 420)).toEqual([short]);
    expect(pages(short, 402)).toEqual(['data ', `${base64(400)} e`, 'nd']);
    const long = `data ${base64(5000)} end`;
    expect(pages(long, 1000)).toEqual(['data ', '[5000 characters of base64]', ' end']);
  });
  it('cuts a long line that is no base64', () => {
    expect(pages('x'.repeat(2500), 1000).map((page) => page.length)).toEqual([1000, 1000, 500]);
  });
});
