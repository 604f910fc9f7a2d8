/** The effect log: what cells write down when they begin and end, past everything that is tested. */
import { closeSync, openSync, readSync, watch, writeFileSync, type FSWatcher } from 'node:fs';

export interface Effect {
  readonly tag: string;
  readonly what: 'begin' | 'end';
  /** Of the kernel process. */
  readonly pid: number;
}

export class EffectLog {
  readonly file: string;
  readonly #effects: Effect[] = [];
  readonly #onEffect: (effect: Effect) => void;
  readonly #watcher: FSWatcher;
  readonly #descriptor: number;
  #offset = 0;
  #rest = '';

  constructor(file: string, onEffect: (effect: Effect) => void) {
    this.file = file;
    this.#onEffect = onEffect;
    writeFileSync(file, '');
    this.#descriptor = openSync(file, 'r');
    this.#watcher = watch(file, () => this.#read());
  }

  /** All there are at this moment. */
  get effects(): readonly Effect[] {
    this.#read();
    return this.#effects;
  }

  close(): void {
    this.#watcher.close();
    closeSync(this.#descriptor);
  }

  #read(): void {
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const bytes = readSync(this.#descriptor, buffer, 0, buffer.length, this.#offset);
      if (bytes === 0) break;
      this.#offset += bytes;
      this.#rest += buffer.toString('utf8', 0, bytes);
    }
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [tag = '', what = '', pid = ''] = line.split(' ');
      if (what !== 'begin' && what !== 'end') throw new Error(`not an effect: ${line}`);
      const effect: Effect = { tag, what, pid: Number(pid) };
      this.#effects.push(effect);
      this.#onEffect(effect);
    }
  }
}
