/** The terminal and the clock of a command line without machine: streams are strings, time stands until it is moved. */
import type { CliClock, CliStream } from '#cli/host.ts';

export class FakeStream implements CliStream {
  text = '';
  isTTY = false;
  columns: number | undefined = undefined;

  write(text: string): void {
    this.text += text;
  }
}

/** Timers fire when `advance` passes them. */
export class FakeClock implements CliClock {
  #now = 0;
  #timers: { readonly due: number; readonly callback: () => void }[] = [];

  now(): number {
    return Date.UTC(2026, 0, 2, 3, 4, 5) + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ due }) => due <= end).toSorted((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = next.due;
      next.callback();
    }
    this.#now = end;
  }
}
