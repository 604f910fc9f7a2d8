/** The messages of one run as they may be kept and shown: without secrets, and later where a stream ends in what may become one. */
import { newUuid } from '#core/ids.ts';
import type { StoredMessage } from './journal.ts';
import type { OutputMask } from './output-mask.ts';

export interface MaskedMessagesOptions {
  /** Asked when the first output comes, and until there is one. */
  readonly mask: (() => OutputMask | undefined) | undefined;
  /** Whether the run is over: nothing more is waited for then. */
  readonly hasEnded: () => boolean;
}

export class MaskedMessages {
  readonly #options: MaskedMessagesOptions;
  #known: OutputMask | undefined;

  constructor(options: MaskedMessagesOptions) {
    this.#options = options;
  }

  /** @returns what can be shown by now, in order; may be nothing */
  of(stored: StoredMessage): readonly StoredMessage[] {
    const mask = this.#mask();
    if (mask === undefined) return [stored];
    const { name, text } = stored.content;
    if (stored.type !== 'stream' || typeof name !== 'string' || typeof text !== 'string')
      return [...this.heldBack(), { ...stored, content: mask.content(stored.content) }];
    const shown = mask.stream(name, text);
    const now = shown === '' ? [] : [{ ...stored, content: { ...stored.content, text: shown } }];
    return this.#options.hasEnded() ? [...now, ...this.heldBack()] : now;
  }

  /** What was held back, since it might have become a secret, as messages of their own. */
  heldBack(): readonly StoredMessage[] {
    const rest = this.#mask()?.rest() ?? [];
    return rest.map((content) => ({ id: newUuid(), type: 'stream', content }));
  }

  /** A text that is no message. */
  text(text: string): string {
    return this.#mask()?.text(text) ?? text;
  }

  #mask(): OutputMask | undefined {
    this.#known ??= this.#options.mask?.();
    return this.#known;
  }
}
