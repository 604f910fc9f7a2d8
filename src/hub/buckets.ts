/** Private buckets of the Hub: made when they are missing, listed, read, deleted. https://huggingface.co/docs/huggingface_hub/guides/buckets */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { parseJsonAnswer } from '#platform/web/answer-text.ts';
import type { WebRequest, WebResponse } from '#platform/web/contract.ts';
import type { HubContext } from './context.ts';
import { checkHubAnswer, type HubTarget } from './failures.ts';
import { listAnswer, optionalFlag, optionalText } from './lenient.ts';
import { askHub, encodePath, nextPageOf } from './request.ts';

const entry = z.object({ type: z.string(), path: z.string(), size: z.number().catch(0) });
const entries = listAnswer(entry);
const facts = z.object({ private: optionalFlag, visibility: optionalText });

const MAX_FILES = 20_000;
const READ_MS = 300_000;

export interface BucketFile {
  /** From the root of the bucket. */
  readonly name: string;
  readonly size: number;
}

const words = (id: string): string => `the bucket ${id}`;
const api = (id: string): string => `/api/buckets/${encodePath(id)}`;

/**
 * A bucket that only its owner sees. One of that name that everybody may read is not used.
 *
 * @param id `owner/name`
 * @throws GloveboxError `remote/forbidden`, `remote/auth-required` where the token has no right to make one; `remote/conflict` for one
 *   that is not private; else as `checkHubAnswer`.
 */
export async function ensureBucket(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ visibility: 'private' });
  const response = await change(hub, id, { method: 'POST', headers, body }, signal);
  if (response.status !== 409) {
    checkHubAnswer(hub, response, target(id));
    return;
  }
  const { data } = await askHub(hub, { path: api(id), schema: facts, what: words(id) }, signal);
  if (data.private === true || data.visibility === 'private') return;
  throw new GloveboxError('remote/conflict', `There is a bucket ${id} that is not private.`, {
    hint: `make it private at ${hub.hosts().hub}/buckets/${id}, or give it another name.`,
  });
}

/** All files in it; undefined when there is no such bucket. */
export async function listBucket(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<readonly BucketFile[] | undefined> {
  const found: BucketFile[] = [];
  let path: string | undefined = `${api(id)}/tree?recursive=true`;
  while (path !== undefined && found.length < MAX_FILES) {
    const response: WebResponse = await hub.web.send({ url: `${hub.hosts().hub}${path}` }, signal);
    if (response.status === 404) return undefined;
    checkHubAnswer(hub, response, { what: words(id) });
    for (const { type, path: name, size } of parseJsonAnswer(entries, response, words(id)))
      if (type === 'file') found.push({ name, size });
    path = nextPageOf(response)?.slice(hub.hosts().hub.length);
  }
  return found;
}

/** Storage that the Hub redirects to gets no token. @throws GloveboxError `http/too-large` for more than `maxBytes`. */
export async function readBucketFile(
  hub: HubContext,
  id: string,
  { name, maxBytes }: { readonly name: string; readonly maxBytes: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const url = `${hub.hosts().hub}/buckets/${encodePath(id)}/resolve/${encodePath(name)}`;
  const response = await hub.web.send(
    { url, redirects: 'anywhere', maxBytes, timeoutMs: READ_MS },
    signal,
  );
  checkHubAnswer(hub, response, { what: `${name} in ${words(id)}` });
  return response.bytes;
}

/** With everything in it. One that is not there counts as deleted. */
export async function deleteBucket(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await change(hub, id, { method: 'DELETE', headers }, signal);
  if (response.status !== 404) checkHubAnswer(hub, response, target(id));
}

const target = (id: string): HubTarget => ({ what: words(id), scope: 'write' });

const change = (
  hub: HubContext,
  id: string,
  request: Omit<WebRequest, 'url'>,
  signal: AbortSignal,
): Promise<WebResponse> =>
  hub.web.send({ ...request, url: `${hub.hosts().hub}${api(id)}` }, signal);
