/** Puts files of the project into a machine of which nothing but its Jupyter server can be asked, through the server's contents. */
import type { Endpoint } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import { inParallel } from '#core/in-parallel.ts';
import { httpRequest } from '#platform/http.ts';
import type { TarEntry } from '../tar.ts';

const MAX_PARALLEL = 4;
const ONE_FILE_MS = 300_000;

/**
 * @param entries with names relative to the workspace, which is the root of the server. Files that can be executed can be there too: our own server
 *   sees to it, `python/handlers.py`.
 * @throws `sandbox/start-failed` with what the server said, `http/failed`, `timeout`, `cancelled`.
 */
export async function putFiles(
  entries: readonly TarEntry[],
  { baseUrl, headers }: Endpoint,
  signal: AbortSignal,
): Promise<void> {
  const put = async (
    name: string,
    model: Readonly<Record<string, string>>,
    isExecutable = false,
  ): Promise<void> => {
    const { status, text } = await httpRequest({
      method: 'PUT',
      url: `${baseUrl}api/contents/${name.split('/').map(encodeURIComponent).join('/')}`,
      headers: {
        ...headers,
        'content-type': 'application/json',
        ...(isExecutable && { 'X-Glovebox-Mode': 'executable' }),
      },
      body: JSON.stringify(model),
      timeoutMs: ONE_FILE_MS,
      signal,
    });
    if (status === 200 || status === 201) return;
    throw new GloveboxError(
      'sandbox/start-failed',
      `${name} could not be put into the sandbox: its server answers with ${status}. ${text.slice(0, 500)}`,
    );
  };
  for (const folder of foldersOf(entries)) await put(folder, { type: 'directory' });
  await inParallel(entries, MAX_PARALLEL, ({ name, content, isExecutable }) => {
    const text = Buffer.from(content).toString('base64');
    return put(name, { type: 'file', format: 'base64', content: text }, isExecutable);
  });
}

/** Those above first. */
function foldersOf(entries: readonly TarEntry[]): readonly string[] {
  const found = entries.flatMap(({ name }) => {
    const steps = name.split('/').slice(0, -1);
    return steps.map((_, at) => steps.slice(0, at + 1).join('/'));
  });
  return [...new Set(found)].toSorted();
}
