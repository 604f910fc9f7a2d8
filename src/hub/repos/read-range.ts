/** Reads a part of a file of a repository, wherever the Hub keeps it. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { encodePath } from '../request.ts';
import { encodeRevision, pagePath, repoWords, type RepoRef } from './repo-ref.ts';

const TIMEOUT_MS = 30_000;
/** What stands at a commit never changes; large parts are not worth the space. */
const WEEK_MS = 7 * 86_400_000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

export interface FilePart {
  readonly bytes: Buffer;
  /** Of the whole file. */
  readonly totalBytes: number;
}

export interface FileAt {
  readonly repo: RepoRef;
  readonly revision: string;
  readonly path: string;
}

/** Where the file is for a browser and for programs. */
export const resolveUrl = (hub: HubContext, { repo, revision, path }: FileAt): string =>
  `${hub.hosts().hub}${pagePath(repo)}/resolve/${encodeRevision(revision)}/${encodePath(path)}`;

/**
 * Bytes from `start` up to, not including, `end`; less where the file ends before. Storage that the Hub redirects to gets no token.
 *
 * @throws GloveboxError as `checkHubAnswer` and `WebClient.send` do; `remote/failed` when something else came than was asked for.
 */
export async function readRange(
  hub: HubContext,
  file: FileAt,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<FilePart> {
  const what = `${file.path} in ${repoWords(file.repo)}`;
  const isFixed = /^[0-9a-f]{40}$/.test(file.revision) && end - start <= MAX_KEPT_BYTES;
  const part = { start, end, ...(isFixed && { cacheMs: WEEK_MS }) };
  return readUrlRange(hub, resolveUrl(hub, file), what, part, signal);
}

/** The same for an address on the Hub. */
export async function readUrlRange(
  hub: HubContext,
  url: string,
  what: string,
  {
    start,
    end,
    cacheMs,
  }: { readonly start: number; readonly end: number; readonly cacheMs?: number },
  signal: AbortSignal,
): Promise<FilePart> {
  const response = await hub.web.send(
    {
      url,
      headers: { range: `bytes=${start}-${Math.max(start, end - 1)}` },
      redirects: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      // A server that does not know ranges answers with everything.
      maxBytes: Math.max(end - start, 32 * 1024 * 1024),
      ...(cacheMs !== undefined && { cacheMs }),
    },
    signal,
  );
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  const total = range?.[2] === undefined ? undefined : Number(range[2]);
  if (response.status === 416) return { bytes: Buffer.alloc(0), totalBytes: total ?? 0 };
  checkHubAnswer(hub, response, { what });
  if (response.status !== 206) {
    const { bytes } = response;
    return { bytes: bytes.subarray(start, end), totalBytes: bytes.length };
  }
  if (total === undefined || Number(range?.[1]) !== start) {
    throw new GloveboxError('remote/failed', `Another part of ${what} came than was asked for.`);
  }
  return { bytes: response.bytes.subarray(0, end - start), totalBytes: total };
}
