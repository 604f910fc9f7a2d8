/** Stands in for `node:crypto` in the bundle of the hook: that module takes 4 ms to load, and a question hashes three short texts. */
import { hmacSha256, sha256 } from './sha256.ts';

const builtin = () => process.getBuiltinModule('node:crypto');

export const createHash = (algorithm, ...options) =>
  algorithm === 'sha256' && options.length === 0
    ? new ShortDigest(sha256, () => builtin().createHash('sha256'))
    : builtin().createHash(algorithm, ...options);

export const createHmac = (algorithm, key, ...options) =>
  algorithm === 'sha256' && Buffer.isBuffer(key) && options.length === 0
    ? new ShortDigest(
        (bytes) => hmacSha256(key, bytes),
        () => builtin().createHmac('sha256', key),
      )
    : builtin().createHmac(algorithm, key, ...options);

export const randomBytes = (...args) => builtin().randomBytes(...args);
export const randomFillSync = (...args) => builtin().randomFillSync(...args);
export const randomUUID = (...args) => builtin().randomUUID(...args);
export const timingSafeEqual = (...args) => builtin().timingSafeEqual(...args);

/** From here on Node's own is faster, its loading included. */
const SHORT_BYTES = 8192;

class ShortDigest {
  #parts = [];
  #length = 0;
  #long;
  #digest;
  #openLong;

  constructor(digest, openLong) {
    this.#digest = digest;
    this.#openLong = openLong;
  }

  update(data, encoding) {
    const bytes = typeof data === 'string' ? Buffer.from(data, encoding) : data;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    if (this.#length > SHORT_BYTES) {
      this.#long ??= this.#openLong();
      for (const part of this.#parts.splice(0)) this.#long.update(part);
    }
    return this;
  }

  digest(encoding) {
    if (this.#long !== undefined) return this.#long.digest(encoding);
    const digest = Buffer.from(this.#digest(Buffer.concat(this.#parts)));
    return encoding === undefined ? digest : digest.toString(encoding);
  }
}
