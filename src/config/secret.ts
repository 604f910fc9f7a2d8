/** A value that never prints itself. */
import { inspect } from 'node:util';

export const REDACTED = '[redacted]';

/** Holds a secret so that text, JSON and `console.log` of it, or of an object around it, say `[redacted]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself, for the one call that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
