/** Chooses which files of a repository are fetched: weights in one format, configuration, tokenizer. Pure. */
import type { HubFile } from './hub.ts';

const WANTED = [
  '*.safetensors',
  '*.json',
  '*.model',
  '*.jinja',
  'tokenizer*',
  'merges.txt',
  'vocab.txt',
];
/** The same weights in other formats, or nothing that a kernel needs. */
const OTHER_FORMATS = ['original/*', 'onnx/*', 'openvino/*', 'coreml/*', 'consolidated*', '*.gguf'];
/** Only where there are no safetensors. */
const OLD_WEIGHTS = ['pytorch_model*.bin', 'adapter_model*.bin', 'model*.bin'];

export function chooseFiles(
  files: readonly HubFile[],
  options: { readonly patterns?: readonly string[] | undefined; readonly withCode: boolean },
): readonly HubFile[] {
  const { patterns, withCode } = options;
  if (patterns !== undefined) return files.filter(({ name }) => matchesAny(name, patterns));
  const isSafe = files.some(({ name }) => name.endsWith('.safetensors'));
  const wanted = [...WANTED, ...(withCode ? ['*.py'] : []), ...(isSafe ? [] : OLD_WEIGHTS)];
  return files.filter(({ name }) => matchesAny(name, wanted) && !matchesAny(name, OTHER_FORMATS));
}

const matchesAny = (name: string, patterns: readonly string[]): boolean =>
  patterns.some((pattern) => toRegExp(pattern).test(name));

/** `*` stands for anything, folders too, as in the Hub's own tools. */
function toRegExp(pattern: string): RegExp {
  const text = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${text}$`);
}
