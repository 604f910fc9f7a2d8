/** Packs files into a tar archive in memory, in the POSIX ustar format, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html */
import { GloveboxError } from '#core/errors.ts';

export interface TarEntry {
  /** Relative, with `/`. */
  readonly name: string;
  readonly content: Uint8Array;
  readonly isExecutable: boolean;
}

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** @throws `input/invalid` for a name that the format cannot hold (255 bytes). */
export function packTar(entries: readonly TarEntry[]): Uint8Array {
  const parts = entries.flatMap((entry) => [header(entry), entry.content, padding(entry.content)]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

const padding = ({ length }: Uint8Array): Buffer =>
  Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);

const octal = (value: number, width: number): string =>
  `${value.toString(8).padStart(width - 1, '0')}\0`;

function header({ name, content, isExecutable }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, rest] = split(name);
  block.write(rest, 0, 'utf8');
  block.write(octal(isExecutable ? 0o755 : 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(content.length, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  block.write(prefix, 345, 'utf8');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** A long name is cut at a slash. */
function split(name: string): readonly [string, string] {
  if (Buffer.byteLength(name) <= NAME_BYTES) return ['', name];
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(rest) <= NAME_BYTES)
      return [prefix, rest];
  }
  throw new GloveboxError('input/invalid', `The path ${name} is too long to be uploaded.`, {
    hint: 'Rename it, or leave it out of files.',
  });
}
