/** Writes the private page that takes a person's browser to a Jupyter server with the token, which is shown nowhere else. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Endpoint } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import { ensurePrivateFolder, writeFileAtomic } from '#platform/files.ts';

/**
 * Makes a page in `folder` (0700, the page 0600) that redirects to a place of the server and returns the page's path. The same place
 * gets the same page, so opening it often leaves one file.
 *
 * @param place below the base address, as `labPath` or `portPath` gives it.
 * @throws `server/refused` when the server takes no Jupyter token, so no browser can log in.
 */
export async function writeBrowserPage(
  folder: string,
  endpoint: Endpoint,
  place: string,
): Promise<string> {
  const token = /^token (\S+)$/i.exec(endpoint.headers['Authorization'] ?? '')?.[1];
  if (token === undefined) {
    throw new GloveboxError(
      'server/refused',
      'This sandbox cannot be opened in a browser: its server takes no token.',
    );
  }
  const url = new URL(place, endpoint.baseUrl);
  url.searchParams.set('token', token);
  await ensurePrivateFolder(folder);
  const name = createHash('sha256').update(place).digest('hex').slice(0, 12);
  const file = path.join(folder, `${name}.html`);
  await writeFileAtomic(file, page(url.href), { durable: false });
  return file;
}

/** Where JupyterLab shows a notebook, below the base address and without a token. */
export function labPath(notebookPath: string): string {
  if (notebookPath === '') return 'lab';
  return `lab/tree/${notebookPath.split('/').map(encodeURIComponent).join('/')}`;
}

function page(url: string): string {
  const escaped = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return `<!doctype html>
<html>
  <head>
    <meta charset="utf-8">
    <meta name="referrer" content="no-referrer">
    <meta http-equiv="refresh" content="0; url=${escaped}">
    <title>Opening</title>
  </head>
  <body><a href="${escaped}">Open it</a></body>
</html>
`;
}
