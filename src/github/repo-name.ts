/** Reads the ways in which people name a repository: one meaning, everywhere. */
import { GloveboxError } from '#core/errors.ts';

export interface RepoName {
  readonly owner: string;
  readonly repo: string;
  /** Out of an address: a branch, a tag or a commit. */
  readonly ref: string | undefined;
  readonly path: string | undefined;
}

const OWNER = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$/;
const REPO = /^[\w.-]{1,100}$/;

/**
 * `owner/repo`, an address on GitHub (its ref and path are used too), or a bare name with `owner`.
 *
 * @throws GloveboxError `input/invalid`.
 */
export function parseRepoName(text: string, defaultOwner?: string): RepoName {
  const given = text.trim();
  const parts = addressParts(given) ?? given.replace(/\.git$/, '').split('/');
  const [owner = '', repo = '', kind, ref, ...rest] =
    parts.length === 1 ? [defaultOwner, ...parts] : parts;
  const hasRef = (kind === 'blob' || kind === 'tree' || kind === 'raw') && ref !== undefined;
  const isPlain = parts.length <= 2 || addressParts(given) !== undefined;
  if (isPlain && OWNER.test(owner) && REPO.test(repo) && !/^\.{1,2}$/.test(repo)) {
    return {
      owner,
      repo: repo.replace(/\.git$/, ''),
      ref: hasRef ? ref : undefined,
      path: hasRef && rest.length > 0 ? rest.join('/') : undefined,
    };
  }
  throw new GloveboxError(
    'input/invalid',
    `repo="${given.slice(0, 100)}" is no repository of GitHub.`,
    {
      hint: 'write it as owner/repo, such as huggingface/trl, or as an address on github.com.',
    },
  );
}

function addressParts(text: string): readonly string[] | undefined {
  const address = text.replace(/^git@github\.com:/, 'https://github.com/');
  if (!/^(https?:\/\/)?(www\.)?(github\.com|raw\.githubusercontent\.com)\//i.test(address))
    return undefined;
  const withScheme = /^https?:/i.test(address) ? address : `https://${address}`;
  if (!URL.canParse(withScheme)) return undefined;
  const { hostname, pathname } = new URL(withScheme);
  const parts = pathname
    .split('/')
    .filter((part) => part !== '')
    .map(safelyDecoded);
  if (hostname !== 'raw.githubusercontent.com') return parts;
  const [owner = '', repo = '', ...rest] = parts;
  const place = rest[0] === 'refs' && /^(heads|tags)$/.test(rest[1] ?? '') ? rest.slice(2) : rest;
  return [owner, repo, 'raw', ...place];
}

function safelyDecoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const fullName = ({ owner, repo }: Pick<RepoName, 'owner' | 'repo'>): string =>
  `${owner}/${repo}`;

/** Every part encoded by itself. */
export const encodeSegments = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '')
    .map(encodeURIComponent)
    .join('/');

/** @throws GloveboxError `input/invalid` for a path that leaves the repository. */
export function cleanPath(path: string): string {
  const parts = path
    .trim()
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw new GloveboxError('input/invalid', `path="${path.slice(0, 100)}" leaves the repository.`);
  return parts.join('/');
}
