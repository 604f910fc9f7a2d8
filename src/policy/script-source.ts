/** What the `script` of a Job is: an address, a path, or code. The same answer in the hook and in the server. Pure. */

/** `arguments`: a path with words after it, which is neither. */
export type ScriptSource = 'url' | 'path' | 'code' | 'arguments';

export function scriptSourceOf(given: string): ScriptSource {
  const text = given.trim();
  if (text.includes('\n')) return 'code';
  if (/^https?:\/\/\S+$/i.test(text)) return 'url';
  if (/^[\w./\\-]+\.py\s+\S/.test(text) && !/[=(]/.test(text)) return 'arguments';
  const isPath = /^(\.{0,2}\/|[A-Za-z]:[\\/]|sandbox:)/.test(text) || /^\S+\.py$/.test(text);
  return isPath ? 'path' : 'code';
}

export const lineCount = (bytes: Uint8Array): number =>
  Buffer.from(bytes).toString('latin1').replace(/\n$/, '').split('\n').length;
