/** Words for on and off, as people write them in variables and flags. */

const WORDS: Readonly<Record<string, boolean>> = {
  '1': true,
  true: true,
  yes: true,
  on: true,
  '0': false,
  false: false,
  no: false,
  off: false,
};

/** What a word for on or off means, in any case; undefined for every other word. */
export const truthOfWord = (text: string): boolean | undefined => {
  const word = text.trim().toLowerCase();
  return Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
};
