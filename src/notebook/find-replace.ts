/** Replaces literal text in a source, refusing what is ambiguous. */
import { GloveboxError } from '#core/errors.ts';

/** @throws `cell/no-match` for an empty needle, no match, or several matches without `all`. */
export function replaceText(
  source: string,
  find: string,
  replacement: string,
  options: { readonly all: boolean },
): string {
  if (find === '') {
    throw new GloveboxError('cell/no-match', 'The text to find is empty.', {
      hint: 'Give the text to replace in find, or the whole new source in source.',
    });
  }
  const parts = source.split(find);
  const count = parts.length - 1;
  if (count === 0) {
    throw new GloveboxError('cell/no-match', 'The text to find is not in the cell.', {
      hint: 'It must match exactly, blanks and line ends included: read_notebook(cells=[...]) shows the source.',
    });
  }
  if (count > 1 && !options.all) {
    throw new GloveboxError('cell/no-match', `The text to find is in the cell ${count} times.`, {
      hint: 'Give more of the text around it, or replace_all=true.',
    });
  }
  return parts.join(replacement);
}
