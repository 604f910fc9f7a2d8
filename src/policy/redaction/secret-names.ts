/** Tells names of secrets (`HF_TOKEN`, `apiKey`) from names that only look like it (`pad_token`, `sort_key`). */

/**
 * `strong`: any literal value under it is a secret. `weak`: only one that looks random.
 */
export type NameStrength = 'strong' | 'weak';

/** `modalTokenSecret`, `modal-token.secret` -> `MODAL_TOKEN_SECRET`. */
export const normaliseName = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/[-. ]/g, '_')
    .toUpperCase();

const VENDORS =
  'HF|HUGGINGFACE|HUGGING_FACE|HUGGINGFACEHUB_API|HUGGING_FACE_HUB|HUGGINGFACE_HUB|GITHUB|GH|GITLAB|GL|SLACK|DISCORD|TELEGRAM|BOT|' +
  'WANDB|MODAL|NPM|NODE_AUTH|PYPI|TWINE|UV_PUBLISH|OPENAI|ANTHROPIC|REPLICATE|COHERE|MISTRAL|GROQ|TOGETHER|COMET|NEPTUNE|KAGGLE|CLEARML|' +
  'AZURE|AWS|GCP|GOOGLE|CLOUDFLARE|DIGITALOCEAN|HEROKU|VERCEL|NETLIFY|SENTRY|VAULT|CONSUL|DOCKER|JUPYTER|SANDBOX|CI_JOB|DEPLOY|UPLOAD|API|' +
  'BEARER|PERSONAL_ACCESS|SECRET';

const STRONG = new RegExp(
  `(?:^|_)(?:API_KEY|SECRET|SECRET_KEY|SECRET_ACCESS_KEY|ACCESS_KEY_ID|SESSION_TOKEN|ACCESS_TOKEN|REFRESH_TOKEN|AUTH_TOKEN|ID_TOKEN|` +
    `PRIVATE_KEY|CLIENT_SECRET|CREDENTIALS?|CONNECTION_STRING|COOKIE|(?:${VENDORS})_TOKEN)$` +
    // Written in one word they still say the same: OPENAIAPIKEY, dbpassword.
    `|(?:APIKEY|PASSWORD|PASSWD|PASSPHRASE)$`,
);
const WEAK = /(?:^|_)(?:TOKEN|KEY|AUTH|PAT|SIGNATURE)$/;

const NEVER = [
  /(?:^|_)(?:PAD|EOS|BOS|UNK|SEP|CLS|MASK|IMAGE|AUDIO|VIDEO|STOP|SPECIAL|NEXT|PREV|FIRST|LAST|START|END)_TOKEN$/,
  /(?:^|_)TOKENS$|(?:^|_)TOKEN_IDS?$/,
  /^(?:NUM|MAX|MIN|N)_|^(?:.*_)?(?:TOKENS_PER|PER_TOKEN|TOKEN_COUNT|TOKEN_TYPE|TOKENIZER)/,
  /(?:^|_)(?:MAX|MIN|NUM)_(?:NEW_)?TOKEN$/,
  /(?:^|_)(?:PRIMARY|FOREIGN|SORT|CACHE|PUBLIC|PARTITION)_KEY$|(?:^|_)KEY_VALUE$/,
];

/** Texts say the same few names again and again. */
const judged = new Map<string, NameStrength | undefined>();
const MAX_JUDGED = 5000;

/** Nothing for a name that says nothing about its value. */
export function strengthOf(name: string): NameStrength | undefined {
  if (name.length > 128) return undefined;
  if (judged.has(name)) return judged.get(name);
  if (judged.size >= MAX_JUDGED) judged.clear();
  const strength = judge(name);
  judged.set(name, strength);
  return strength;
}

function judge(name: string): NameStrength | undefined {
  const normal = normaliseName(name);
  if (NEVER.some((pattern) => pattern.test(normal))) return undefined;
  if (STRONG.test(normal)) return 'strong';
  return WEAK.test(normal) ? 'weak' : undefined;
}

/** Names under which even a bare number is a secret. */
export const isNumericSecretName = (name: string): boolean =>
  /(?:^|_)PIN(?:_CODE)?$|(?:PASSWORD|PASSWD|PASSPHRASE)$/.test(normaliseName(name));

/** Whose values are headers with a scheme before the credential, or lists of cookies. */
export const isHeaderName = (name: string): boolean =>
  /^(?:PROXY_|X_SANDBOX_|X_FORWARDED_)?AUTHORIZATION$|^(?:SET_)?COOKIE$|^X_API_KEY$|^X_SANDBOX_TOKEN$/.test(
    normaliseName(name),
  );
