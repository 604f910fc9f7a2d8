/** What the script of a Job is: an address, or bytes that are read once, so that what was approved is what runs. */
import { GloveboxError } from '#core/errors.ts';
import { lineCount, scriptSourceOf } from '#policy/script-source.ts';
import type { ToolContext } from '../../define-tool.ts';
import { readUploadSource } from '../repo-files/upload-source.ts';

export type Script =
  | { readonly kind: 'url'; readonly url: string; readonly words: string }
  | { readonly kind: 'code'; readonly bytes: Buffer; readonly words: string };

/** @throws GloveboxError `input/invalid`, `path/not-found`, `path/not-allowed`. */
export async function readScript(given: string, context: ToolContext): Promise<Script> {
  const text = given.trim();
  const source = scriptSourceOf(given);
  if (source === 'url') return { kind: 'url', url: text, words: `fetched from ${text}` };
  if (source === 'arguments') {
    throw new GloveboxError('input/invalid', `script: "${text}" holds arguments.`, {
      hint: 'name the file only, and use script_args for its arguments.',
    });
  }
  if (source === 'code') {
    const bytes = Buffer.from(given, 'utf8');
    return { kind: 'code', bytes, words: `code of the call, ${lineCount(bytes)} lines` };
  }
  const { bytes, words } = await readUploadSource(
    { content: undefined, sourcePath: text },
    context,
  );
  if (bytes.length === 0)
    throw new GloveboxError('input/invalid', `script: ${text} is empty.`, {
      hint: 'save the file first, or give the code itself.',
    });
  return { kind: 'code', bytes, words: `${words}, ${lineCount(bytes)} lines` };
}
