/** Says which kinds of secrets are in a file that is about to leave the machine, and where; never the secrets. */
import type { Redactor } from './redactor.ts';
import { placeholder, wordsOf, type SecretClass } from './secret-classes.ts';

export interface FoundSecret {
  readonly class: SecretClass;
  readonly count: number;
  /** Of the first one, from 1; undefined in what is no text. */
  readonly line: number | undefined;
}

/** What is no text is searched for exact values, keys and tokens only: names and addresses in it are chance. */
export function findSecrets(
  content: string | Uint8Array,
  redactor: Redactor,
): readonly FoundSecret[] {
  const isBinary = typeof content !== 'string' && content.subarray(0, 8192).includes(0);
  const text =
    typeof content === 'string'
      ? content
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString(
          isBinary ? 'latin1' : 'utf8',
        );
  const { value, counts } = isBinary ? redactor.tokens(text) : redactor.text(text);
  return counts.map(({ class: kind, count }) => {
    const at = value.indexOf(placeholder(kind));
    // The lines of a key that was taken out are not counted any more.
    const isCertain =
      !isBinary && at >= 0 && !value.slice(0, at).includes(placeholder('private-key'));
    return { class: kind, count, line: isCertain ? lineAt(value, at) : undefined };
  });
}

/** `2 × Hugging Face token, the first in line 3`. */
export function renderFoundSecret({ class: kind, count, line }: FoundSecret): string {
  const where = line === undefined ? '' : `${count === 1 ? '' : ', the first'} in line ${line}`;
  return `${count === 1 ? `a ${wordsOf(kind)}` : `${count} × ${wordsOf(kind)}`}${where}`;
}

function lineAt(text: string, at: number): number {
  let line = 1;
  for (let next = text.indexOf('\n'); next >= 0 && next < at; next = text.indexOf('\n', next + 1))
    line += 1;
  return line;
}
