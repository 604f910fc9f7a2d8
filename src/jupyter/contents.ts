/** Text files on a Jupyter server, through its contents API: read and written byte for byte, found again by a version. */
import type { EndpointSource } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { isFromJupyter } from './rest-answers.ts';
import { createCaller, isGood, readJson, unexpected, type Call } from './rest-call.ts';

const CALL_MS = 60_000;
/** Beyond this, a file goes in several requests: a server takes bodies up to its `max_body_size`, 512 MiB by default. */
const CHUNK_CHARS = 64 * 1024 * 1024;
/** What `python/handlers.py` reads of a write, and what it answers with when that is not what is there. */
const CONDITION_HEADER = 'X-Glovebox-If-Version';
const CHANGED = 412;

/**
 * Files by their path below the server's root, with slashes. Failures as of `JupyterServer`; what is not UTF-8 is `server/error`.
 *
 * Jupyter has no conditional write; a server of ours (`python/handlers.py`) has, and with others whoever wants to overwrite nothing
 * has to ask for the version just before. Files are read and written as type `file`, since as type `notebook` the server would lay
 * out the JSON anew and drop what it does not know.
 */
export interface Contents {
  /** Changes when somebody writes the file (`last_modified` in microseconds, and size); undefined when there is none. */
  version(path: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Undefined when there is no file. The version is not younger than the text. */
  read(
    path: string,
    signal?: AbortSignal,
  ): Promise<{ readonly text: string; readonly version: string } | undefined>;
  /**
   * Makes or replaces the file. Not atomic for more than 64 MiB. A server of ours does nothing where the file has another version
   * than `seen.version`, which is undefined for none; for files beyond 64 MiB, and by other servers, `seen` is ignored.
   *
   * @returns the version written; undefined when another one was there
   */
  write(path: string, text: string, seen?: SeenVersion): Promise<string | undefined>;
  /** What is not there counts as done. */
  remove(path: string, signal?: AbortSignal): Promise<void>;
}

/** What a writer knows of the file that it replaces. */
export interface SeenVersion {
  readonly version: string | undefined;
}

export function createContents(options: { readonly endpoint: EndpointSource }): Contents {
  const { send, ask, remove } = createCaller(options.endpoint);

  const get = async (
    path: string,
    query: string,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const call: Call = {
      method: 'GET',
      path: `${contentsPath(path)}?${query}`,
      timeoutMs: CALL_MS,
      signal,
    };
    const response = await send(call);
    if (response.status === 404 && saysAbsent(response.text)) return undefined;
    if (!isGood(response)) throw unexpected(call, response);
    const model = readJson(call, response);
    return isRecord(model) ? model : {};
  };

  return {
    async version(path, signal) {
      const model = await get(path, 'content=0', signal);
      return model && versionOf(model);
    },

    async read(path, signal) {
      const model = await get(path, 'type=file&format=text&content=1', signal);
      if (model === undefined) return undefined;
      const { content } = model;
      if (typeof content !== 'string') throw unreadable();
      return { text: content, version: versionOf(model) };
    },

    async write(path, text, seen) {
      const callOf = (content: string, chunk?: number): Call => ({
        method: 'PUT',
        path: contentsPath(path),
        timeoutMs: CALL_MS,
        body: { type: 'file', format: 'text', content, ...(chunk !== undefined && { chunk }) },
        signal: undefined,
      });
      if (text.length <= CHUNK_CHARS) {
        const condition = seen && { [CONDITION_HEADER]: seen.version ?? 'none' };
        const call: Call = { ...callOf(text), ...(condition && { headers: condition }) };
        const response = await send(call);
        return response.status === CHANGED ? undefined : versionOf(readJson(call, response));
      }
      let answer: unknown;
      for (let at = 0, number = 1; at < text.length; number += 1) {
        const end = wholeEnd(text, at + CHUNK_CHARS);
        // One after the other, as they stand in the file.
        // oxlint-disable-next-line no-await-in-loop
        answer = await ask(callOf(text.slice(at, end), end === text.length ? -1 : number));
        at = end;
      }
      return versionOf(answer);
    },

    remove: (path, signal) =>
      remove({ method: 'DELETE', path: contentsPath(path), timeoutMs: CALL_MS, signal }),
  };
}

const contentsPath = (path: string): string =>
  `api/contents/${path.split('/').map(encodeURIComponent).join('/')}`;

/** Servers of the 2.x line say it in plain words. Anything else may be the page of a proxy, which proves nothing. */
const saysAbsent = (body: string): boolean =>
  isFromJupyter(body) || /^file or directory .* does not exist\s*$/.test(body);

/** Never between the halves of a letter. */
function wholeEnd(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1);
  return end < text.length && unit >= 0xd800 && unit < 0xdc00
    ? end - 1
    : Math.min(end, text.length);
}

function versionOf(model: unknown): string {
  if (!isRecord(model) || typeof model['last_modified'] !== 'string') throw unreadable();
  const { size, last_modified: changed } = model;
  return `${typeof size === 'number' ? size : ''} ${changed}`;
}

function unreadable(): GloveboxError {
  return new GloveboxError(
    'server/error',
    "The server's answer is not a file as Jupyter sends it.",
    {
      hint: 'Check that the address is that of a Jupyter server.',
    },
  );
}
