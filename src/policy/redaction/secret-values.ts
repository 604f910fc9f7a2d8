/** Tells a literal secret from what stands where one could be: variables, types, placeholders, words. */
import { holdsPlaceholder } from './secret-classes.ts';
import type { NameStrength } from './secret-names.ts';

const MIN_STRONG_CHARS = 4;
const MIN_WEAK_CHARS = 16;
const MIN_WEAK_BITS = 3;

const NEVER: readonly RegExp[] = [
  // Variables and lookups.
  /^[$%]|^\$?\{|^\{\{|^<|^#\{/,
  /^(?:os\.(?:environ|getenv)|process\.env|import\.meta|getenv|environ|env|ENV|config|settings|secrets|userdata|self|this)\b[.[(]/,
  /^[A-Za-z_][\w.]*\(/,
  /^[A-Za-z_]\w*\[/,
  // Types.
  /^(?:Optional|Union|Literal|List|Dict|list|dict|Annotated|Secret|SecretStr|Field)\b/,
  /^(?:str|string|int|integer|bool|boolean|float|number|bytes|object|any|Any|unknown|text|None|null|nil|undefined|true|false|True|False)\b(?![\w-]*\d)\W*$/,
  // What a person is asked to fill in, and words about it.
  /^(?:your|insert|enter|replace|put)[-_ ]/i,
  /^(?:x{3,}|\*{3,}|\.{3,}|…|-{3,}|_{3,}|changeme$|redacted|hidden|masked|placeholder|example$|required$|optional$|missing$|unset$|not[-_ ]set)/i,
  /^\w{0,12}[-_]?(?:\.\.\.|…|\*{3}|x{4,}$)/i,
];

/** Every part of it a name: `tokenizer.eos_token`. */
const ATTRIBUTE = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/;

/** Whether a value under a name of that strength is a secret. */
export function isSecretValue(value: string, strength: NameStrength): boolean {
  const text = value.trim();
  if (text.length < MIN_STRONG_CHARS || holdsPlaceholder(text)) return false;
  if (NEVER.some((pattern) => pattern.test(text))) return false;
  if (ATTRIBUTE.test(text) && !text.split('.').some((part) => looksRandom(part, MIN_WEAK_CHARS)))
    return false;
  return strength === 'strong' || looksRandom(text, MIN_WEAK_CHARS);
}

function looksRandom(text: string, minChars: number): boolean {
  return (
    text.length >= minChars &&
    !/\s/.test(text) &&
    /[A-Za-z]/.test(text) &&
    /\d/.test(text) &&
    bitsPerChar(text) >= MIN_WEAK_BITS
  );
}

/** Shannon entropy over the characters of the text itself. */
export function bitsPerChar(text: string): number {
  const counts = new Map<number, number>();
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values())
    bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
