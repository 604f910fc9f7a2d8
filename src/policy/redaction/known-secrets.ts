/** Finds the exact values of secrets that this process knows, in every form in which they travel. */
import type { Tally } from './secret-classes.ts';

const MIN_CHARS = 8;
const MIN_DIGITS = 12;
/** Longer ones are certificates or files; their blocks are found by shape. */
const MAX_CHARS = 16_384;

/** Values that so many other texts hold that taking them out would only do harm. */
export function isUsableSecret(value: string): boolean {
  if (value.length < MIN_CHARS || value.length > MAX_CHARS) return false;
  if (/^\d+$/.test(value)) return value.length >= MIN_DIGITS;
  if (/^[a-z]+$|^[A-Z]+$|^[A-Z]?[a-z]+$/.test(value)) return value.length >= 20;
  if (/^(?:[~.]{0,2}\/|[A-Za-z]:[\\/])/.test(value) || value.includes('[REDACTED:')) return false;
  if (/^https?:\/\/[^@]*$/.test(value) && !/[?&][\w-]*(?:key|token|sig)[\w-]*=/i.test(value))
    return false;
  return new Set(value).size >= 4;
}

/** As itself, JSON-escaped, URL-encoded, and inside base64 of a longer text, at each of its three alignments. */
export function formsOf(value: string): readonly string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const bytes = Buffer.from(value);
  const forms = [value, json, encodeUri(value), encodeUri(value).replaceAll('%20', '+')];
  for (let before = 0; before < 3; before += 1) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    // Only the characters that no neighbour has a part in.
    const sure = text.slice(
      Math.ceil((before * 8) / 6),
      Math.floor(((before + bytes.length) * 8) / 6),
    );
    forms.push(sure, sure.replaceAll('+', '-').replaceAll('/', '_'), sure.replaceAll('/', '\\/'));
  }
  return [...new Set(forms)].filter((form) => form.length >= MIN_CHARS);
}

function encodeUri(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // a lone surrogate
  }
}

export interface KnownSecrets {
  /** Whether there is any value to look for. */
  readonly isEmpty: boolean;
  replace(text: string, tally: Tally): string;
  /** Whether one is in the text. */
  isIn(text: string): boolean;
}

const BLOCK = 3;
const TABLE = 1 << 13;

/**
 * Looks for all forms at once (Wu and Manber, 1994): blocks of three characters say how far the window may jump, so most of the
 * text is never looked at.
 */
export function createKnownSecrets(values: Iterable<string>): KnownSecrets {
  const forms = [...new Set([...values].filter(isUsableSecret).flatMap(formsOf))].toSorted(
    (a, b) => b.length - a.length,
  );
  const window = Math.min(...forms.map(({ length }) => length), 64);
  const longestJump = window - BLOCK + 1;
  const jumps = new Uint8Array(TABLE).fill(Math.min(255, Math.max(1, longestJump)));
  const byLastBlock = new Map<number, string[]>();
  for (const form of forms) {
    for (let end = BLOCK; end <= window; end += 1) {
      const block = blockAt(form, end);
      jumps[block] = Math.min(jumps[block] ?? 0, window - end);
    }
    const last = blockAt(form, window);
    byLastBlock.set(last, [...(byLastBlock.get(last) ?? []), form]);
  }

  /** The first form at or after `from`, and where. */
  const find = (text: string, from: number): { at: number; form: string } | undefined => {
    for (let end = from + window; end <= text.length;) {
      const block = blockAt(text, end);
      const jump = jumps[block] ?? 1;
      if (jump > 0) {
        end += jump;
        continue;
      }
      const at = end - window;
      // Longest first.
      const form = byLastBlock.get(block)?.find((each) => text.startsWith(each, at));
      if (form !== undefined) return { at, form };
      end += 1;
    }
    return undefined;
  };

  return {
    isEmpty: forms.length === 0,
    isIn: (text) => forms.length > 0 && find(text, 0) !== undefined,
    replace(text, tally) {
      if (forms.length === 0) return text;
      let result = '';
      let done = 0;
      for (let hit = find(text, 0); hit !== undefined; hit = find(text, done)) {
        result += text.slice(done, hit.at) + tally.take('known-secret');
        done = hit.at + hit.form.length;
      }
      return done === 0 ? text : result + text.slice(done);
    },
  };
}

function blockAt(text: string, end: number): number {
  const mixed =
    text.charCodeAt(end - 1) * 31 +
    text.charCodeAt(end - 2) * 961 +
    text.charCodeAt(end - 3) * 29_791;
  return mixed & (TABLE - 1);
}
