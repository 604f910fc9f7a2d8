/** Estimates what a text costs a model, on the high side: a host that counts more cuts the whole reply. */

/** Words are about four characters a token, numbers and signs two, other scripts one and more. */
export function textTokens(text: string): number {
  let tokens = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7e) tokens += 1.2;
    else if ((code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x20)
      tokens += 0.25;
    else tokens += 0.5;
  }
  return Math.ceil(tokens);
}
