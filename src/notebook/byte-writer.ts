/** Joins texts and bytes into one buffer as they come, so that a long result stands in memory once. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  /** @param expected about how many bytes will come; a good guess spares copies */
  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(expected);
  }

  get length(): number {
    return this.#length;
  }

  write(part: string | Buffer): void {
    if (typeof part === 'string') {
      this.#makeRoom(Buffer.byteLength(part));
      this.#length += this.#bytes.write(part, this.#length);
    } else {
      this.#makeRoom(part.length);
      this.#length += part.copy(this.#bytes, this.#length);
    }
  }

  /** Everything written. To be called once, at the end. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, Math.ceil(this.#bytes.length * 1.5)));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
