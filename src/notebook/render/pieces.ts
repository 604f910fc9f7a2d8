/** Turns outputs into labelled texts and pictures, in order: the one reading of outputs that everything here shares. */
import { isRecord } from '#core/json.ts';
import type { CellOutput, ErrorOutput } from '#notebook/contract.ts';
import { type DescribedImage, describeImage } from './image-source.ts';
import { representBundle } from './mime.ts';
import { toPlainText } from './plain-text.ts';

export type Piece =
  | { readonly kind: 'text'; readonly label: string | undefined; readonly text: string }
  | { readonly kind: 'error'; readonly label: string; readonly text: string }
  /** `number` counts from 1 over all pictures of the outputs. */
  | { readonly kind: 'image'; readonly number: number; readonly image: DescribedImage };

const MAX_LABEL_NAME = 100;

export function toPieces(outputs: readonly CellOutput[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let images = 0;
  let at = 0;
  while (at < outputs.length) {
    const output = outputs[at];
    at += 1;
    if (output === undefined) break;
    if (output.output_type === 'stream') {
      let text = output.text;
      for (
        let next = outputs[at];
        next?.output_type === 'stream' && next.name === output.name;
        next = outputs[at]
      ) {
        text += next.text;
        at += 1;
      }
      if (text !== '') pieces.push(streamPiece(output.name, toPlainText(text), pieces.at(-1)));
    } else if (output.output_type === 'error') {
      pieces.push(errorPiece(output));
    } else if (isRecord(output.data)) {
      const { about, text, image } = representBundle(output.data, output.metadata);
      if (image !== undefined) {
        images += 1;
        pieces.push({ kind: 'image', number: images, image: describeImage(image) });
      }
      if (text !== undefined && text !== '') {
        const count = output.output_type === 'execute_result' ? output.execution_count : undefined;
        const name = count === undefined ? 'display' : `result${count === null ? '' : ` ${count}`}`;
        const label = about === undefined ? name : `${name}, ${about}`;
        pieces.push({ kind: 'text', label: `[${label}]`, text });
      }
    }
  }
  return pieces;
}

/** Plain stdout needs no label, unless it would read on from a labelled text. */
function streamPiece(name: 'stdout' | 'stderr', text: string, before: Piece | undefined): Piece {
  const isPlain = name === 'stdout' && (before === undefined || before.kind === 'image');
  return { kind: 'text', label: isPlain ? undefined : `[${name}]`, text };
}

/** The traceback as IPython prints it, without its first line of dashes; the message stands in it, or is added. */
function errorPiece({ ename, evalue, traceback }: ErrorOutput): Piece {
  const frames = withoutRepeats(traceback).join('\n');
  const lines = toPlainText(frames).replace(/^-+\n/, '').trimEnd();
  const message = toPlainText(evalue === '' ? ename : `${ename}: ${evalue}`).trimEnd();
  const isComplete = lines.includes(message.slice(0, 200));
  const text = isComplete ? lines : `${lines === '' ? '' : `${lines}\n`}${message}`;
  const name = toPlainText(ename).replaceAll('\n', ' ').slice(0, MAX_LABEL_NAME);
  return { kind: 'error', label: `[error ${name}]`, text };
}

/** A recursion repeats one frame over and over, and would fill an answer with it. */
function withoutRepeats(frames: readonly string[]): readonly string[] {
  const shown: string[] = [];
  let repeats = 0;
  for (const [at, frame] of frames.entries()) {
    if (frame === frames[at - 1]) repeats += 1;
    if (frame === frames[at + 1] && repeats > 0) continue;
    if (repeats > 1) shown.push(`... the same frame ${repeats} more times ...\n`);
    else shown.push(frame);
    if (frame !== frames[at + 1]) repeats = 0;
  }
  return shown;
}
