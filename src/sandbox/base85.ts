/** Bytes as text for arguments, a sixteenth shorter than base64. */

/** As Python's `base64.b85encode` has it, https://docs.python.org/3/library/base64.html: the alphabet of RFC 1924, by four bytes. */
const ALPHABET =
  '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~';

export function toBase85(bytes: Buffer): string {
  const missing = (4 - (bytes.length % 4)) % 4;
  const whole = Buffer.concat([bytes, Buffer.alloc(missing)]);
  const groups: string[] = [];
  for (let at = 0; at < whole.length; at += 4) {
    let value = whole.readUInt32BE(at);
    let group = '';
    for (let digit = 0; digit < 5; digit += 1) {
      group = (ALPHABET[value % 85] ?? '') + group;
      value = Math.floor(value / 85);
    }
    groups.push(group);
  }
  const text = groups.join('');
  return missing === 0 ? text : text.slice(0, -missing);
}
