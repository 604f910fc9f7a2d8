/** Names the kind of a binary file by its first bytes. */

const KINDS: readonly (readonly [kind: string, magic: string])[] = [
  ['PNG image', '89504e47'],
  ['JPEG image', 'ffd8ff'],
  ['GIF image', '47494638'],
  ['PDF document', '25504446'],
  ['ZIP archive (also docx, npz, PyTorch checkpoint)', '504b0304'],
  ['gzip archive', '1f8b'],
  ['Zstandard archive', '28b52ffd'],
  ['Parquet file', '50415231'],
  ['NumPy array', '934e554d5059'],
  ['HDF5 file', '89484446'],
  ['SQLite database', '53514c697465'],
  ['ELF program or library', '7f454c46'],
  ['GGUF model', '47475546'],
  ['text in UTF-16', 'fffe'],
  ['text in UTF-16', 'feff'],
];

export function fileKindOf(head: Buffer): string {
  const hex = head.toString('hex');
  return KINDS.find(([, magic]) => hex.startsWith(magic))?.[0] ?? 'unknown kind';
}
