/** Takes the secrets of a sandbox out of what its kernels say, before it is kept or shown anywhere (SEC6). */
import { isRecord } from '#core/json.ts';

export interface SecretForms {
  /** The texts in which a secret travels; none is empty. */
  readonly forms: readonly string[];
  /** The same text without them. */
  replace(text: string): string;
}

/** For the output of one run. A secret that comes in two pieces of a stream is found too. */
export class OutputMask {
  readonly #secrets: SecretForms;
  /** By the name of the stream: what may be the beginning of a secret. */
  readonly #held = new Map<string, string>();

  constructor(secrets: SecretForms) {
    this.#secrets = secrets;
  }

  /** @returns what can be shown by now; may be empty */
  stream(name: string, text: string): string {
    const clean = this.#secrets.replace((this.#held.get(name) ?? '') + text);
    const length = this.#secrets.forms.reduce(
      (longest, form) => Math.max(longest, beginningAtEnd(clean, form)),
      0,
    );
    this.#held.set(name, clean.slice(clean.length - length));
    return clean.slice(0, clean.length - length);
  }

  /** What was held back, as its stream goes on with nothing: with other output, or the end. */
  rest(): readonly { readonly name: string; readonly text: string }[] {
    const rest = [...this.#held].map(([name, text]) => ({ name, text }));
    this.#held.clear();
    return rest.filter(({ text }) => text !== '');
  }

  /** A text, or all texts in a value of JSON. */
  text(value: string): string {
    return this.#secrets.replace(value);
  }

  content(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.text(key), this.#any(item)]),
    );
  }

  #any(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#any(item));
    return isRecord(value) ? this.content(value) : value;
  }
}

/** How much of the beginning of `form`, and less than all of it, `text` ends with. */
function beginningAtEnd(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length > 0; length -= 1)
    if (text.endsWith(form.slice(0, length))) return length;
  return 0;
}
