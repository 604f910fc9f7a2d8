/** Names a repository of the Hub: from an id or an address as a person copies it, to the addresses of its parts. */
import { GloveboxError } from '#core/errors.ts';

export const REPO_TYPES = ['model', 'dataset', 'space'] as const;
export type RepoType = (typeof REPO_TYPES)[number];

export const SPACE_SDKS = ['gradio', 'streamlit', 'docker', 'static'] as const;
export type SpaceSdk = (typeof SPACE_SDKS)[number];

export interface RepoRef {
  readonly type: RepoType;
  /** `owner/name`, or the bare name of an old repository. */
  readonly id: string;
}

export interface ParsedRepo extends RepoRef {
  /** From the address, when it had one. */
  readonly revision?: string;
  readonly path?: string;
}

const PART = /^[\w.-]{1,96}$/;
const PLACES = new Set(['tree', 'blob', 'resolve', 'raw', 'blame', 'commits', 'commit', 'edit']);
/** Pages of the site that are no owners. */
const NO_OWNERS = new Set([
  'api',
  'docs',
  'papers',
  'collections',
  'settings',
  'blog',
  'organizations',
  'join',
]);

/**
 * Reads `owner/name`, `name`, `datasets/owner/name`, `hf://datasets/owner/name@revision/path`, and addresses of the Hub
 * (`hf.co` counts as the Hub and is never contacted).
 *
 * @param hub base address of the Hub
 * @param type what an id without a type means
 * @throws GloveboxError `input/invalid`.
 */
export function parseRepo(text: string, hub: string, type: RepoType): ParsedRepo {
  const given = text.trim();
  const scheme = /^hf:\/\/(.*)$/i.exec(given)?.[1];
  if (scheme !== undefined) return fromScheme(scheme, given);
  if (/^(https?:)?\/\//i.test(given) || /^(www\.)?(huggingface\.co|hf\.co)\//i.test(given)) {
    return fromAddress(given, hub, type);
  }
  const parts = given.split('/');
  const [first = ''] = parts;
  const named = typeOfPrefix(first);
  if (named !== undefined && parts.length > 1) return repoOf(named, parts.slice(1), given);
  return repoOf(type, parts, given);
}

function fromScheme(rest: string, given: string): ParsedRepo {
  const parts = rest.split('/');
  const [first = ''] = parts;
  const named = typeOfPrefix(first);
  const [owner = '', nameAndRevision = '', ...path] = named === undefined ? parts : parts.slice(1);
  const [name = '', revision] = nameAndRevision.split('@');
  const repo = repoOf(named ?? 'model', [owner, name], given);
  return withPlace(repo, [revision === undefined ? '' : decoded(revision), ...path]);
}

function fromAddress(given: string, hub: string, type: RepoType): ParsedRepo {
  const text = given.startsWith('//')
    ? `https:${given}`
    : /^https?:/i.test(given)
      ? given
      : `https://${given}`;
  if (!URL.canParse(text)) throw unreadable(given, 'it is no address');
  const url = new URL(text);
  const hosts = new Set([new URL(hub).host, 'huggingface.co', 'www.huggingface.co', 'hf.co']);
  if (!hosts.has(url.host)) throw unreadable(given, `${url.host} is not the Hub`);
  const parts = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decoded);
  const [first = ''] = parts;
  if (NO_OWNERS.has(first)) throw unreadable(given, 'it leads to no repository');
  const named = typeOfPrefix(first);
  const rest = named === undefined ? parts : parts.slice(1);
  const at = rest.findIndex((part, index) => index > 0 && PLACES.has(part));
  const id = at < 0 ? rest.slice(0, 2) : rest.slice(0, at);
  const repo = repoOf(named ?? (id.length === 1 ? type : 'model'), id, given);
  if (at < 0) return repo;
  return withPlace(repo, rest.slice(at + 1));
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/** @param after a revision, empty for none, and a path; a pull request is three parts, when a browser has decoded it. */
function withPlace(repo: ParsedRepo, after: readonly string[]): ParsedRepo {
  const isPull = after[0] === 'refs' && (after[1] === 'pr' || after[1] === 'convert');
  const length = isPull ? 3 : 1;
  const revision = after.slice(0, length).join('/');
  const path = after
    .slice(length)
    .filter((part) => part !== '')
    .join('/');
  return { ...repo, ...(revision !== '' && { revision }), ...(path !== '' && { path }) };
}

const typeOfPrefix = (word: string): RepoType | undefined =>
  REPO_TYPES.find((type) => `${type}s` === word.toLowerCase());

function repoOf(type: RepoType, parts: readonly string[], given: string): ParsedRepo {
  const isFine =
    (parts.length === 1 || parts.length === 2) &&
    parts.every((part) => PART.test(part) && !part.includes('..') && !/^[.-]|[.-]$/.test(part));
  if (!isFine) throw unreadable(given, 'it is no id of a repository');
  return { type, id: parts.join('/') };
}

function unreadable(given: string, why: string): GloveboxError {
  const shown = given.length > 120 ? `${given.slice(0, 120)}…` : given;
  return new GloveboxError('input/invalid', `"${shown}" names no repository: ${why}.`, {
    hint: 'Give an id such as "HuggingFaceH4/zephyr-7b-beta", or the address of its page on the Hub.',
  });
}

/** `/datasets/owner/name`: where a person looks at it. */
export const pagePath = ({ type, id }: RepoRef): string =>
  `/${type === 'model' ? '' : `${type}s/`}${id}`;

export const apiPath = ({ type, id }: RepoRef): string => `/api/${type}s/${id}`;

/** A revision is one segment: `refs/pr/1` -> `refs%2Fpr%2F1`. */
export const encodeRevision = (revision: string): string => encodeURIComponent(revision);

/** `the dataset owner/name`. */
export const repoWords = ({ type, id }: RepoRef): string =>
  `the ${type === 'space' ? 'Space' : type} ${id}`;

/**
 * A path inside a repository, without a slash at either end.
 *
 * @throws GloveboxError `input/invalid` for one that leads out of it.
 */
export function checkRepoPath(path: string): string {
  const clean = path.trim().replace(/^\.?\/+|\/+$/g, '');
  const isBad = clean.split('/').some((part) => part === '..' || part === '.' || part === '');
  if (clean === '' || clean === '.') return '';
  if (isBad || clean.includes('\\') || clean.includes('\0') || clean.length > 1024) {
    throw new GloveboxError(
      'input/invalid',
      `"${path.slice(0, 120)}" is no path in a repository.`,
      {
        hint: 'Paths begin at the root of the repository, with / between folders and without "..".',
      },
    );
  }
  return clean;
}
