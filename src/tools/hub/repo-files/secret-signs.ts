/** Looks for what is certainly a key or a token in a file that is about to leave the machine. */

const SIGNS: readonly (readonly [what: string, sign: RegExp])[] = [
  ['a Hugging Face token', /\b(hf|api_org)_[A-Za-z0-9]{20,}/],
  ['a GitHub token', /\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/],
  ['a GitLab token', /\bglpat-[\w-]{20,}/],
  ['an AWS key', /\b(AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['a Google key', /\bAIza[\w-]{35}/],
  ['a Slack token', /\bxox[abprs]-[\w-]{10,}/],
  ['a key of a model provider', /\bsk-[\w-]{20,}/],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
];

/** `a Hugging Face token in line 3`; never the secret itself. */
export function secretSigns(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return SIGNS.flatMap(([what, sign]) => {
    const at = text.search(sign);
    if (at < 0) return [];
    return [`${what} in line ${text.slice(0, at).split('\n').length}`];
  });
}
