/** What an agent sees of outputs: texts and pictures in their order, within one budget. */
import type { Block, CellOutput } from '#notebook/contract.ts';
import { chooseSpans, lastPart } from './budget.ts';
import { type DescribedImage, nameImage } from './image-source.ts';
import type { ImageRenderer } from './images.ts';
import { HARD_MAX_PX, type PreparedImage, imageTokens, prepareImage } from './prepare-image.ts';
import { textTokens } from './text-tokens.ts';
import { type ImageSpan, type Span, type Transcript, buildTranscript } from './transcript.ts';

export interface RenderOptions {
  /** Characters of text, 10,000 by default. Labels of pictures count, the lines about what was left out do not. */
  readonly maxChars?: number;
  /** False: pictures are named, not shown. Default true. */
  readonly images?: boolean;
  /** Default 8. */
  readonly maxImages?: number;
  /** All pictures together, before base64. Default 6 MB. */
  readonly maxImageBytes?: number;
  /** Long edge. Default 1,568; more than 2,000 is taken as 2,000. */
  readonly imageMaxPx?: number;
  /** Pictures before this one, counted from 1, are named only. */
  readonly firstImage?: number;
  /** Says how to get the text from `offset` on, e.g. `get_run(run_id="r-1", offset=6000)`. */
  readonly rest: (offset: number) => string;
  /** Says how to get picture `number`, counted from 1, and those after it. */
  readonly imageRef?: (number: number) => string;
  /** Without one, only pictures that need no drawing are shown. */
  readonly renderer?: ImageRenderer;
}

export interface RenderedOutputs {
  /** Texts next to each other are one block. Never empty: `(no output)` at least, which is never stored. */
  readonly blocks: readonly Block[];
  /** Characters of the transcript that are not shown. */
  readonly omittedChars: number;
  /** Length of the transcript. */
  readonly totalChars: number;
  readonly imagesShown: number;
  readonly imagesTotal: number;
}

const DEFAULT_CHARS = 10_000;
const DEFAULT_IMAGES = 8;
const DEFAULT_IMAGE_BYTES = 6_000_000;
const DEFAULT_IMAGE_PX = 1568;
/** An error keeps this much of its own, however much was printed before. */
const ERROR_CHARS = 2000;
const ERROR_SHARE = 0.6;
/** Hosts cut a reply at 25,000 tokens; the rest is room for what stands around the outputs and for a wrong estimate. */
const MAX_TOKENS = 22_000;
/** Beyond these, pictures that are not shown are named as in the transcript, which costs no more than the budget has. */
const MAX_UNSHOWN_LABELS = 20;
const REPLY_FULL = 'this reply is full';

/** @throws GloveboxError `cancelled` */
export async function renderOutputs(
  outputs: readonly CellOutput[],
  options: RenderOptions,
  signal?: AbortSignal,
): Promise<RenderedOutputs> {
  const transcript = buildTranscript(outputs);
  const { text, images } = transcript;
  const spans = chooseAffordable(transcript, options);
  const tokens = spans.reduce((sum, { start, end }) => sum + textTokens(text.slice(start, end)), 0);
  const prepared = await prepareImages(images, spans, MAX_TOKENS - tokens, options, signal);
  const blocks = createBlocks();
  const unshown: number[] = [];
  let shownChars = 0;
  let at = 0;
  for (const span of spans) {
    if (span.start > at) blocks.line(leftOut(text, at, span.start, options.rest));
    for (const image of images) {
      if (image.start < span.start || image.end > span.end) continue;
      blocks.text(text.slice(Math.max(at, span.start), image.start));
      const preparedImage = prepared.get(image.number);
      if (preparedImage === undefined && unshown.length >= MAX_UNSHOWN_LABELS) {
        blocks.line(text.slice(image.start, image.end));
      } else showImage(blocks, image, images.length, preparedImage);
      if (!isSettled(preparedImage)) unshown.push(image.number);
      // The label's line end was written with it.
      at = image.end < span.end ? image.end + 1 : image.end;
    }
    blocks.text(text.slice(Math.max(at, span.start), span.end));
    shownChars += span.end - span.start;
    at = span.end;
  }
  if (at < text.length) blocks.line(leftOut(text, at, text.length, options.rest));
  const [next] = unshown;
  if (next !== undefined && options.imageRef !== undefined) {
    const amount = unshown.length === 1 ? '1 image' : `${unshown.length} images`;
    blocks.line(`[${amount} not shown: ${options.imageRef(next)}]`);
  }
  return {
    blocks: blocks.take(),
    omittedChars: text.length - shownChars,
    totalChars: text.length,
    imagesShown: [...prepared.values()].filter(({ shown }) => shown).length,
    imagesTotal: images.length,
  };
}

/** Shown, or refused for what it is: asking for it once more would change nothing. */
function isSettled(prepared: PreparedImage | undefined): boolean {
  return prepared !== undefined && (prepared.shown || prepared.reason !== REPLY_FULL);
}

/** Halves the budget until the text fits the hosts' limit of tokens as well. */
function chooseAffordable(transcript: Transcript, options: RenderOptions): readonly Span[] {
  const { text } = transcript;
  let maxChars = Math.max(1, options.maxChars ?? DEFAULT_CHARS);
  for (;;) {
    const spans = chooseSpans(text, maxChars, spansToKeep(transcript, maxChars, options));
    const tokens = spans.reduce(
      (sum, { start, end }) => sum + textTokens(text.slice(start, end)),
      0,
    );
    if (tokens <= MAX_TOKENS || maxChars <= 1000) return spans;
    maxChars = Math.trunc(maxChars / 2);
  }
}

/** The last error, and the labels of the pictures that will be shown. */
function spansToKeep(
  { text, images, errors }: Transcript,
  maxChars: number,
  options: RenderOptions,
): readonly Span[] {
  const error = errors.at(-1);
  const errorChars = Math.min(ERROR_CHARS, Math.floor(maxChars * ERROR_SHARE));
  const kept = error === undefined ? [] : [error.label, lastPart(text, error.text, errorChars)];
  let left = maxChars - kept.reduce((sum, { start, end }) => sum + end - start, 0);
  for (const image of candidates(images, options)) {
    left -= image.end - image.start;
    if (left > 0) kept.push(image);
  }
  return kept;
}

function candidates(images: readonly ImageSpan[], options: RenderOptions): readonly ImageSpan[] {
  if (options.images === false) return [];
  return images
    .filter(({ number }) => number >= (options.firstImage ?? 1))
    .slice(0, options.maxImages ?? DEFAULT_IMAGES);
}

async function prepareImages(
  images: readonly ImageSpan[],
  spans: readonly Span[],
  maxTokens: number,
  options: RenderOptions,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, PreparedImage>> {
  const prepared = new Map<number, PreparedImage>();
  const maxPx = Math.max(1, Math.min(HARD_MAX_PX, options.imageMaxPx ?? DEFAULT_IMAGE_PX));
  let bytes = options.maxImageBytes ?? DEFAULT_IMAGE_BYTES;
  let tokens = maxTokens;
  let isFull = false;
  for (const { number, image, start, end } of candidates(images, options)) {
    if (!spans.some((span) => span.start <= start && end <= span.end)) continue;
    if (isFull) {
      prepared.set(number, full(image));
      continue;
    }
    // One after the other: the renderer has one worker, and a full reply needs no more drawing.
    // oxlint-disable-next-line no-await-in-loop
    const result = await prepareImage(image, maxPx, options.renderer, signal);
    if (result.shown && (result.bytes > bytes || imageTokens(result) > tokens)) {
      isFull = true;
      prepared.set(number, full(image));
      continue;
    }
    if (result.shown) {
      bytes -= result.bytes;
      tokens -= imageTokens(result);
    }
    prepared.set(number, result);
  }
  return prepared;
}

function full(image: DescribedImage): PreparedImage {
  return { shown: false, name: nameImage(image), reason: REPLY_FULL };
}

function showImage(
  blocks: Blocks,
  { number, image }: ImageSpan,
  total: number,
  prepared: PreparedImage | undefined,
): void {
  const label = `image ${number}/${total} ${prepared?.name ?? nameImage(image)}`;
  if (prepared?.shown === true) {
    blocks.line(`[${label}]`);
    blocks.image(prepared.block);
    return;
  }
  blocks.line(`[${label}, not shown${prepared === undefined ? '' : `: ${prepared.reason}`}]`);
}

function leftOut(
  text: string,
  start: number,
  end: number,
  rest: (offset: number) => string,
): string {
  let lines = 0;
  for (let at = text.indexOf('\n', start); at !== -1 && at < end; at = text.indexOf('\n', at + 1))
    lines += 1;
  if (text[end - 1] !== '\n') lines += 1;
  const amount = `${end - start} characters (${lines} ${lines === 1 ? 'line' : 'lines'})`;
  return `... ${amount} left out: ${rest(start)}`;
}

interface Blocks {
  text(text: string): void;
  /** Something on a line of its own. */
  line(text: string): void;
  image(block: Block): void;
  take(): readonly Block[];
}

function createBlocks(): Blocks {
  const blocks: Block[] = [];
  let open = '';
  const flush = (): void => {
    const text = open.replace(/^\n+|\s+$/g, '');
    if (text !== '') blocks.push({ type: 'text', text });
    open = '';
  };
  return {
    text(text) {
      open += text;
    },
    line(text) {
      open += `${open === '' || open.endsWith('\n') ? '' : '\n'}${text}\n`;
    },
    image(block) {
      flush();
      blocks.push(block);
    },
    take() {
      flush();
      return blocks.length === 0 ? [{ type: 'text', text: '(no output)' }] : blocks;
    },
  };
}
