/** Shows on stderr how far a command is: one rewritten line on a terminal, a plain line now and then elsewhere. */
import { stripVTControlCharacters } from 'node:util';
import { renderDuration } from '#core/units.ts';
import type { CliClock, CliStream, Progress } from './host.ts';

/** What takes less than this shows nothing. */
const DELAY_MS = 1000;
const TICK_MS = 1000;
/** Between two plain lines; logs of unattended runs stay short. */
const PLAIN_GAP_MS = 10_000;

export class ProgressLine {
  readonly #stream: CliStream;
  readonly #clock: CliClock;
  #current: Progress | undefined;
  #startedAt = 0;
  #shown = '';
  #shownAt = Number.NEGATIVE_INFINITY;
  #cancelTick: (() => void) | undefined;

  constructor(stream: CliStream, clock: CliClock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  report(progress: Progress): void {
    if (this.#current === undefined) {
      this.#startedAt = this.#clock.monotonic();
      this.#tickIn(DELAY_MS);
    }
    this.#current = progress;
    if (this.#clock.monotonic() - this.#startedAt >= DELAY_MS) this.#show();
  }

  /** Takes the line away, before something else is printed or at the end of the work. */
  clear(): void {
    this.#cancelTick?.();
    this.#current = undefined;
    if (this.#stream.isTTY && this.#shown !== '') this.#stream.write('\r\u001B[2K');
    this.#shown = '';
  }

  #tickIn(ms: number): void {
    this.#cancelTick = this.#clock.after(
      ms,
      () => {
        this.#show();
        this.#tickIn(TICK_MS);
      },
      { background: true },
    );
  }

  #show(): void {
    if (this.#current === undefined) return;
    const text = toText(this.#current);
    const now = this.#clock.monotonic();
    if (this.#stream.isTTY) {
      const line = fit(`${text} (${renderDuration(now - this.#startedAt)})`, this.#stream.columns);
      if (line !== this.#shown) this.#stream.write(`\r\u001B[2K${line}`);
      this.#shown = line;
    } else if (text !== this.#shown && now - this.#shownAt >= PLAIN_GAP_MS) {
      this.#stream.write(`${text}\n`);
      this.#shown = text;
      this.#shownAt = now;
    }
  }
}

function toText({ message, done, total }: Progress): string {
  const count = done !== undefined && total !== undefined ? `[${done}/${total}] ` : '';
  return (
    count +
    stripVTControlCharacters(message)
      .replaceAll(/\p{Cc}+/gu, ' ')
      .trim()
  );
}

/** One column is left free: a full line would make terminals scroll. */
function fit(text: string, columns = 80): string {
  const characters = Array.from(text);
  return characters.length < columns
    ? text
    : `${characters.slice(0, Math.max(0, columns - 2)).join('')}…`;
}
