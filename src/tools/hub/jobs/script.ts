/** What the script of a Job is: an address, or bytes that are read once, so that what was approved is what runs. */
import { GloveboxError } from '#core/errors.ts';
import type { ToolContext } from '../../define-tool.ts';
import { readUploadSource } from '../repo-files/upload-source.ts';

export type Script =
  | { readonly kind: 'url'; readonly url: string; readonly words: string }
  | { readonly kind: 'code'; readonly bytes: Buffer; readonly words: string };

/** @throws GloveboxError `input/invalid`, `path/not-found`, `path/not-allowed`. */
export async function readScript(given: string, context: ToolContext): Promise<Script> {
  const text = given.trim();
  const isOneLine = !text.includes('\n');
  if (isOneLine && /^https?:\/\/\S+$/i.test(text))
    return { kind: 'url', url: text, words: `fetched from ${text}` };
  if (isOneLine && /^[\w./\\-]+\.py\s+\S/.test(text) && !/[=(]/.test(text)) {
    throw new GloveboxError('input/invalid', `script: "${text}" holds arguments.`, {
      hint: 'name the file only, and use script_args for its arguments.',
    });
  }
  const isPath =
    isOneLine && (/^(\.{0,2}\/|[A-Za-z]:[\\/]|sandbox:)/.test(text) || /^\S+\.py$/.test(text));
  if (!isPath) {
    const bytes = Buffer.from(given, 'utf8');
    return { kind: 'code', bytes, words: `code of the call, ${lines(bytes)} lines` };
  }
  const { bytes, words } = await readUploadSource(
    { content: undefined, sourcePath: text },
    context,
  );
  if (bytes.length === 0)
    throw new GloveboxError('input/invalid', `script: ${text} is empty.`, {
      hint: 'save the file first, or give the code itself.',
    });
  return { kind: 'code', bytes, words: `${words}, ${lines(bytes)} lines` };
}

const lines = (bytes: Buffer): number =>
  bytes.toString('latin1').replace(/\n$/, '').split('\n').length;
