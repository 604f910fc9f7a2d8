/** Repositories that are not public: which token opens which, and how git is told so that it goes nowhere else. */
import { GloveboxError } from '#core/errors.ts';
import { httpRequest } from '#platform/http.ts';

/** By origin (`https://github.com`): the token of its owner, which no other server is ever told. */
export type GitTokens = Readonly<Record<string, string>>;

/** By the address of a repository: what git sends when it asks for it. Secret. */
export type GitHeaders = Readonly<Record<string, string>>;

const GITHUB = 'https://github.com';
const LIMIT_MS = 20_000;
/** So servers answer strangers, who shall not even learn that there is something. */
const CLOSED: ReadonlySet<number> = new Set([401, 403, 404]);

/** As git fetches it. Over SSH machines would need a key of the user's; the same server has it over https. */
export function addressOf(url: string): string {
  const ssh = /^(?:ssh:\/\/)?git@([\w.-]+)[:/](.+)$/.exec(url);
  if (ssh !== null) return `https://${ssh[1]}/${ssh[2]}`;
  return url.includes('://') ? url : `${GITHUB}/${url}.git`;
}

/**
 * Tokens whose owner is known by the name of their variable; others belong to no git server.
 *
 * @param named by variable, as secrets of a sandbox, or the settings, have them.
 */
export function gitTokensOf(
  named: Readonly<Record<string, string | undefined>>,
  hubUrl: string,
): GitTokens {
  const github = named['GITHUB_TOKEN'] ?? named['GH_TOKEN'];
  const hub = named['HF_TOKEN'];
  return {
    ...(github !== undefined && { [GITHUB]: github }),
    ...(hub !== undefined && { [new URL(hubUrl).origin]: hub }),
  };
}

/**
 * What the server says of the refs of a repository. It is asked without a token first.
 *
 * @throws `remote/not-found`, `http/failed`, `timeout`.
 */
export async function askGitServer(
  url: string,
  tokens: GitTokens,
  signal: AbortSignal,
): Promise<string> {
  const open = await ask(url, undefined, signal);
  if (open.status === 200) return open.text;
  const header = headerFor(url, tokens);
  const known =
    header === undefined || !CLOSED.has(open.status) ? open : await ask(url, header, signal);
  if (known.status === 200) return known.text;
  const how = header === undefined ? '' : ', also with the token';
  throw new GloveboxError(
    'remote/not-found',
    `The repository ${url} answers with ${known.status}${how}.`,
    {
      hint: hintFor(url, header !== undefined),
    },
  );
}

/** Headers for those repositories that say nothing without their token; the others need none. */
export async function headersForClosed(
  urls: readonly string[],
  tokens: GitTokens,
  signal: AbortSignal,
): Promise<GitHeaders> {
  const found = await Promise.all(
    urls.map(async (url) => {
      const header = headerFor(url, tokens);
      if (header === undefined || (await ask(url, undefined, signal)).status === 200) return [];
      return [[url, header] as const];
    }),
  );
  return Object.fromEntries(found.flat());
}

/** Headers for all whose token is known, for whoever tries without them first. Asks nobody. */
export const headersFor = (urls: readonly string[], tokens: GitTokens): GitHeaders =>
  Object.fromEntries(
    urls.flatMap((url) => {
      const header = headerFor(url, tokens);
      return header === undefined ? [] : [[url, header]];
    }),
  );

/**
 * For the environment of git: neither its arguments nor its configuration in the clone hold anything then. Git 2.31 and later.
 * https://git-scm.com/docs/git-config#ENVIRONMENT
 */
export function gitEnvironment(headers: GitHeaders): Readonly<Record<string, string>> {
  const settings = Object.entries(headers).flatMap(([url, header]) => [
    [`http.${url}.extraHeader`, header],
    // To another place it would take the header along.
    [`http.${url}.followRedirects`, 'false'],
  ]);
  if (settings.length === 0) return {};
  const pairs = settings.flatMap(([key = '', value = ''], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs) };
}

function headerFor(url: string, tokens: GitTokens): string | undefined {
  const token = tokens[new URL(url).origin];
  if (token === undefined) return undefined;
  // Both servers look at the password only.
  return `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
}

function ask(
  url: string,
  header: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  return httpRequest({
    method: 'GET',
    url: `${url.replace(/\/+$/, '')}/info/refs?service=git-upload-pack`,
    headers: {
      'user-agent': 'git/2.39 glovebox',
      ...(header !== undefined && { authorization: header.slice('Authorization: '.length) }),
    },
    timeoutMs: LIMIT_MS,
    signal,
  });
}

function hintFor(url: string, wasTokenTried: boolean): string {
  if (wasTokenTried) return 'Check its address, and whether the token may read it.';
  const { origin } = new URL(url);
  if (origin === GITHUB)
    return 'Check its address. A private one needs GITHUB_TOKEN: in the environment of Glovebox for local and slurm, and for a rented machine also in its secrets, {"env":"GITHUB_TOKEN","scope":["download"]}.';
  return 'Check its address. Private ones are fetched from github.com with GITHUB_TOKEN, and from the Hugging Face Hub with HF_TOKEN; from elsewhere it must be public.';
}
