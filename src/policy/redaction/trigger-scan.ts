/** One pass over a text that stops only where a word begins that some detector waits for. Linear, whatever the text is. */
import type { SecretClass, Tally } from './secret-classes.ts';

/** What is taken out: from `start` to before `end`. */
export interface Hit {
  readonly start: number;
  readonly end: number;
  readonly kind: SecretClass;
}

export interface Detector {
  /** With which it begins, in any case; at least three characters each. */
  readonly words: readonly string[];
  /** Looks at the word that may stand at `at`; costs no more than what it reports, or a bounded amount. */
  readonly find: (text: string, at: number) => Hit | undefined;
}

const CHARS = 3;
const BITS = 5;
const MASK = (1 << (CHARS * BITS)) - 1;

/** The last three characters, without their case. What is shifted out at the top is forgotten. */
const mix = (hash: number, code: number): number => ((hash << BITS) ^ (code | 32)) & MASK;

export function createScan(detectors: readonly Detector[]): (text: string, tally: Tally) => string {
  const byHash: (Detector[] | undefined)[] = [];
  for (const detector of detectors) {
    for (const word of detector.words) {
      let hash = 0;
      for (let at = 0; at < CHARS; at += 1) hash = mix(hash, word.charCodeAt(at));
      const there = (byHash[hash] ??= []);
      if (!there.includes(detector)) there.push(detector);
    }
  }
  const isWaited = new Uint8Array(MASK + 1);
  for (const hash of byHash.keys()) isWaited[hash] = byHash[hash] === undefined ? 0 : 1;

  return (text, tally) => {
    let result = '';
    let done = 0;
    let hash = 0;
    for (let index = 0; index < text.length; index += 1) {
      hash = mix(hash, text.charCodeAt(index));
      if (isWaited[hash] === 0) continue;
      const at = index - CHARS + 1;
      if (at < done) continue;
      for (const { find } of byHash[hash] ?? []) {
        const hit = find(text, at);
        if (hit === undefined || hit.start < done) continue;
        result += text.slice(done, hit.start) + tally.take(hit.kind);
        done = hit.end;
        index = Math.max(index, hit.end - 1);
        break;
      }
    }
    return done === 0 ? text : result + text.slice(done);
  };
}

/** Where the match of a sticky pattern at `at` ends; undefined when it does not match there. */
export function endOfMatch(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/**
 * Not in the middle of a word. What an escape of JSON or of an address leaves before a token (`\n`, `%20`) is no part of a word.
 */
export function isWordStart(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  if (!isWordCode(before)) return true;
  const escape = text.charCodeAt(at - 2);
  if (escape === 0x5c) return 'nrtbf'.includes(text.charAt(at - 1));
  return text.charCodeAt(at - 3) === 0x25 && /^[0-9A-Fa-f]{2}$/.test(text.slice(at - 2, at));
}

const isWordCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x5f ||
  code === 0x2d;
