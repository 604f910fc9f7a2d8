/** Writes the private page that takes a person's browser to a Jupyter server with the token, which is shown nowhere else. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Endpoint } from '#core/endpoint.ts';
import { ensurePrivateFolder, writeFileAtomic } from '#platform/files.ts';

/**
 * The address that signs a browser in at the server and takes it to a place there. It holds the token.
 *
 * @param place below the base address, as `labPath` or `portPath` gives it
 * @returns undefined where the server wants headers that no browser sends.
 */
export function signInUrl({ baseUrl, headers }: Endpoint, place: string): string | undefined {
  const token = /^token (\S+)$/i.exec(headers['Authorization'] ?? '')?.[1];
  if (token === undefined || Object.keys(headers).length > 1) return undefined;
  const url = new URL(place, baseUrl);
  url.searchParams.set('token', token);
  return url.href;
}

/**
 * Makes a page in `folder` (0700, the page 0600) that leads to an address which signs a browser in, and returns the page's path. The
 * same place gets the same page, so opening it often leaves one file.
 */
export async function writeBrowserPage(
  folder: string,
  url: string,
  place: string,
): Promise<string> {
  await ensurePrivateFolder(folder);
  const name = createHash('sha256').update(place).digest('hex').slice(0, 12);
  const file = path.join(folder, `${name}.html`);
  await writeFileAtomic(file, page(url), { durable: false });
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
