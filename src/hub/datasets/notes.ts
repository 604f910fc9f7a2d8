/** Collects what could not be found out about a dataset, so that one failure costs its part and nothing else. */
import { isGloveboxError, type GloveboxError } from '#core/errors.ts';
import type { Viewed } from './viewer.ts';

export type Settled<T> = Viewed<T> | { readonly failure: GloveboxError };

export async function settle<T>(asked: Promise<Viewed<T>>): Promise<Settled<T>> {
  try {
    return await asked;
  } catch (error) {
    if (!isGloveboxError(error) || error.code === 'cancelled') throw error;
    return { failure: error };
  }
}

/** What could not be found out; one failure of the whole viewer is said once. */
export class DatasetNotes {
  readonly all: string[] = [];
  isIncomplete = false;

  add(text: string): void {
    if (!this.all.includes(text)) this.all.push(text);
  }

  incomplete(text: string): void {
    this.isIncomplete = true;
    this.add(text);
  }

  /** The data, or a note. `isQuiet` where something else has said it, or makes up for it. */
  take<T>(what: string, found: Settled<T>, isQuiet = false): T | undefined {
    if ('data' in found) return found.data;
    if ('failure' in found) {
      if (!isQuiet)
        this.add(`${what}: not available (${found.failure.message.replaceAll('\n', ' ')})`);
      return undefined;
    }
    const { kind, message } = found.trouble;
    if (kind === 'not-ready') this.incomplete(`${what}: not ready yet (${message}).`);
    else if (!isQuiet) this.add(`${what}: not available here (${message}).`);
    return undefined;
  }
}
