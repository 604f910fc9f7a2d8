import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { locateImageWorker } from '#main/image-assets.ts';
import type { CellOutput } from '#notebook/contract.ts';
import { systemClock } from '#platform/clock.ts';
import { sampleImage } from '../../../test/rigs/sample-images.ts';
import { createImageRenderer } from './images.ts';
import { type RenderOptions, type RenderedOutputs, renderOutputs } from './render-outputs.ts';
import { renderTranscript } from './transcript.ts';

// The first call makes the pictures.
beforeAll(() => void sampleImage('rgb.png'), 240_000);
vi.setConfig({ testTimeout: 60_000 });
const renderer = createImageRenderer({ ...locateImageWorker(), clock: systemClock });
afterAll(() => renderer.close());

const rest = (offset: number): string => `get_run(run_id="r-1", offset=${offset})`;
const render = (
  outputs: readonly CellOutput[],
  options: Partial<RenderOptions> = {},
): Promise<RenderedOutputs> => renderOutputs(outputs, { rest, renderer, ...options });
const stdout = (text: string): CellOutput => ({ output_type: 'stream', name: 'stdout', text });
const picture = (name: string): CellOutput => ({
  output_type: 'display_data',
  data: { 'image/png': sampleImage(name).toString('base64'), 'text/plain': '<Figure>' },
  metadata: {},
});
const failure = (frames: number): CellOutput => ({
  output_type: 'error',
  ename: 'ValueError',
  evalue: 'the message',
  traceback: [
    ...Array.from({ length: frames }, (_, i) => `frame ${i} ${'.'.repeat(60)}`),
    'ValueError: the message',
  ],
});
const textOf = ({ blocks }: RenderedOutputs): string =>
  blocks.map((block) => (block.type === 'text' ? block.text : '<image>')).join('\n');
const numbered = (lines: number): string =>
  Array.from({ length: lines }, (_, i) => `line ${i}\n`).join('');

describe('order and labels', () => {
  it('O7, X64: pictures stand where they were shown, texts next to each other are one block', async () => {
    const { blocks, ...counts } = await render([
      stdout('before\n'),
      { output_type: 'stream', name: 'stderr', text: 'careful\n' },
      picture('rgb.png'),
      stdout('between\n'),
      picture('wide.png'),
      {
        output_type: 'execute_result',
        data: { 'text/plain': '42' },
        metadata: {},
        execution_count: 3,
      },
    ]);
    expect(blocks.map((block) => (block.type === 'text' ? block.text : block.mimeType))).toEqual([
      'before\n[stderr]\ncareful\n[image 1/2 png 600x400]',
      'image/png',
      'between\n[image 2/2 png 2400x1600, shown 1568x1045]',
      'image/png',
      '[result 3]\n42',
    ]);
    expect(counts).toMatchObject({ omittedChars: 0, imagesShown: 2, imagesTotal: 2 });
  });
  it('X48: a picture is a picture, not a word', async () => {
    const { blocks } = await render([picture('rgb.png')]);
    expect(blocks[1]).toEqual({
      type: 'image',
      data: sampleImage('rgb.png').toString('base64'),
      mimeType: 'image/png',
    });
  });
  it.each([[[]], [[stdout('')]], [[stdout('\n')]]])(
    'O7, X66: no output says so',
    async (outputs) => {
      expect((await render(outputs)).blocks).toEqual([{ type: 'text', text: '(no output)' }]);
    },
  );
});

describe('O8, X54: the budget', () => {
  it('keeps the head and the tail at line ends and says how to get the rest', async () => {
    const text = numbered(10_000);
    const { blocks, omittedChars } = await render([stdout(text)]);
    const shown = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
    const match =
      /^(line 0\n[\s\S]*line \d+\n)\.\.\. (\d+) characters \((\d+) lines\) left out: get_run\(run_id="r-1", offset=(\d+)\)\n(line \d+\n[\s\S]*line 9999)$/.exec(
        shown,
      );
    const [, head = '', chars, lines, offset, tail = ''] = match ?? [];
    expect(head.length).toBeGreaterThan(5900);
    expect(tail.length).toBeGreaterThan(3900);
    expect(head.length + tail.length).toBeLessThanOrEqual(10_000);
    expect(text.slice(0, Number(offset))).toBe(head);
    expect(text.slice(Number(offset) + Number(chars))).toBe(`${tail}\n`);
    expect(omittedChars).toBe(Number(chars));
    expect(Number(lines)).toBe(10_000 - head.split('\n').length - tail.split('\n').length + 1);
  });
  it('cuts a single long line', async () => {
    const { blocks, omittedChars } = await render([stdout('x'.repeat(1_000_000))]);
    expect(omittedChars).toBe(990_000);
    expect(blocks).toHaveLength(1);
  });
  it('X62: an error keeps its last frames and its message, whatever was printed', async () => {
    const shown = textOf(
      await render([stdout(numbered(200_000)), failure(500)], { maxChars: 4000 }),
    );
    expect(shown).toContain('line 0\n');
    expect(shown).toContain('[error ValueError]');
    expect(shown).toMatch(/frame 498 [\s\S]*frame 499 [\s\S]*ValueError: the message$/);
    expect(shown.slice(shown.indexOf('frame 48')).length).toBeGreaterThan(1000);
  });
  it('an error stays when output follows it', async () => {
    const shown = textOf(
      await render([stdout(numbered(5000)), failure(3), stdout(numbered(5000))]),
    );
    expect(shown).toMatch(/\[error ValueError\]\nframe 0/);
    expect(shown).toContain('ValueError: the message');
    expect(shown.match(/left out/g)).toHaveLength(2);
  });
  it('a picture in the middle of much text stays', async () => {
    const { blocks, imagesShown } = await render([
      stdout(numbered(5000)),
      picture('rgb.png'),
      stdout(numbered(5000)),
    ]);
    expect(imagesShown).toBe(1);
    expect(blocks.map(({ type }) => type)).toEqual(['text', 'image', 'text']);
  });
  it('O8: fits the hosts also when every character costs a token', async () => {
    const { blocks } = await render([stdout('漢字\n'.repeat(100_000))], { maxChars: 50_000 });
    expect(
      textOf({ blocks, omittedChars: 0, totalChars: 0, imagesShown: 0, imagesTotal: 0 }).length,
    ).toBeLessThan(20_000);
  });

  it('any outputs: within the budget, whole characters, whole base64, offsets that are true', async () => {
    const base64 = fc.integer({ min: 200, max: 3000 }).map((n) =>
      sampleImage('rgb.jpg')
        .subarray(1000, 1000 + n)
        .toString('base64'),
    );
    const words = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.integer({ min: 1, max: 400 }).map(numbered),
      base64,
      fc.integer({ min: 1, max: 4000 }).map((n) => '😀'.repeat(n)),
    );
    const output = fc.oneof(
      words.map(stdout),
      words.map((text): CellOutput => ({ output_type: 'stream', name: 'stderr', text })),
      words.map((text): CellOutput => ({
        output_type: 'display_data',
        data: { 'text/html': `<p>${text}</p>` },
        metadata: {},
      })),
      fc.integer({ min: 0, max: 60 }).map(failure),
      fc.constantFrom('one.png', 'corrupt.png', 'cmyk.jpg').map(picture),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(output, { maxLength: 12 }),
        fc.integer({ min: 500, max: 6000 }),
        async (outputs, maxChars) => {
          const { blocks, omittedChars, totalChars } = await render(outputs, { maxChars });
          const transcript = renderTranscript(outputs);
          expect(totalChars).toBe(transcript.length);
          const texts = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : []));
          const all = texts.join('\n');
          expect(all.length).toBeLessThanOrEqual(maxChars + 2500);
          expect(all.isWellFormed()).toBe(true);
          if (omittedChars === 0) expect(all).not.toContain('left out: get_run');
          for (const [, chars, offset] of all.matchAll(
            /\.\.\. (\d+) characters .* offset=(\d+)\)/g,
          )) {
            const end = Number(offset) + Number(chars);
            for (const cut of [Number(offset), end])
              expect(isInsideBase64(transcript, cut)).toBe(false);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** True when a cut parts one unbroken base64 string of 256 characters or more. */
function isInsideBase64(text: string, cut: number): boolean {
  const before = /[\w+/=-]*$/.exec(text.slice(Math.max(0, cut - 5000), cut))?.[0] ?? '';
  const after = /^[\w+/=-]*/.exec(text.slice(cut, cut + 5000))?.[0] ?? '';
  return before !== '' && after !== '' && before.length + after.length >= 256;
}

describe('O10: pictures in one reply', () => {
  it('F19, acceptance 12: are at most eight, the rest is named with how to get it', async () => {
    const outputs = Array.from({ length: 50 }, () => picture('one.png'));
    const shown = await render(outputs, { imageRef: (n) => `get_run(run_id="r-1", image=${n})` });
    expect(shown.imagesShown).toBe(8);
    expect(textOf(shown)).toContain('[image 8/50 png 1x1]');
    expect(textOf(shown)).toContain('[image 12/50 png 1x1, not shown]');
    expect(textOf(shown)).toMatch(/\[42 images not shown: get_run\(run_id="r-1", image=9\)\]$/);
    const later = await render(outputs, { firstImage: 9 });
    expect(later.imagesShown).toBe(8);
    expect(textOf(later)).toContain('[image 1/50 png 1x1, not shown]');
  });
  it('keep to the budget of text, however many they are', async () => {
    const outputs = Array.from({ length: 2000 }, (_, i) => [
      stdout(`${i}\n`),
      picture('one.png'),
    ]).flat();
    const shown = await render(outputs, { imageRef: (n) => `get_run(run_id="r-1", image=${n})` });
    expect(textOf(shown).length).toBeLessThan(12_000);
  });
  it('are together at most so many bytes', async () => {
    const size = sampleImage('rgb.png').length;
    const shown = await render(
      Array.from({ length: 4 }, () => picture('rgb.png')),
      { maxImageBytes: 2 * size },
    );
    expect(shown.imagesShown).toBe(2);
    expect(textOf(shown)).toContain('[image 3/4 png 600x400, not shown: this reply is full]');
  });
  it('are together no more than a host takes', async () => {
    const square: CellOutput = {
      output_type: 'display_data',
      data: { 'image/svg+xml': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>' },
      metadata: {},
    };
    const words = stdout('漢'.repeat(9000));
    const shown = await render([words, ...Array.from({ length: 10 }, () => square)], {
      maxImages: 50,
    });
    expect(shown.imagesShown).toBeLessThan(10);
    expect(shown.imagesShown).toBeGreaterThan(4);
  });
  it('are named only when they are switched off', async () => {
    const { blocks, imagesShown } = await render([picture('rgb.png')], { images: false });
    expect(blocks).toEqual([{ type: 'text', text: '[image 1/1 png 600x400, not shown]' }]);
    expect(imagesShown).toBe(0);
  });
  it('X53: never have an edge over 2,000 px', async () => {
    expect(textOf(await render([picture('wide.png')], { imageMaxPx: 9000 }))).toContain(
      'shown 2000x1333',
    );
  });
  it('X65: a damaged one is named, and everything else is there', async () => {
    const { blocks } = await render([stdout('a\n'), picture('truncated.png'), stdout('b\n')]);
    expect(blocks).toEqual([
      { type: 'text', text: 'a\n[image 1/1 png 600x400, not shown: damaged]\nb' },
    ]);
  });
  it('X51: the outputs themselves are not changed', async () => {
    const outputs = [picture('wide.png'), stdout('x\ry')];
    const before = structuredClone(outputs);
    await render(outputs);
    expect(outputs).toEqual(before);
  });
  it('cancelling is passed on', async () => {
    await expect(
      renderOutputs([picture('wide.png')], { rest, renderer }, AbortSignal.abort()),
    ).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
