/** Gets a page of documentation as Markdown. */
import type { HubContext } from '../context.ts';
import { checkHubAnswer, isSuccess } from '../failures.ts';
import { elementOf, htmlToMarkdown } from '../html-to-markdown.ts';
import { isPageAddress, type PageAddress } from './page-address.ts';
import { DOCS_CACHE_MS } from './products.ts';

export interface DocText {
  readonly markdown: string;
  /** The page for people. */
  readonly url: string;
}

/** GET the page's `.md`, and when there is none the page itself. Sends no token. @throws GloveboxError `remote/not-found`. */
export async function fetchDocPage(
  hub: HubContext,
  address: PageAddress,
  signal: AbortSignal,
): Promise<DocText> {
  const ask = (url: string) =>
    hub.web.send(
      {
        url,
        credentials: 'none',
        cacheMs: DOCS_CACHE_MS,
        redirects: (target) => isPageAddress(hub, target),
      },
      signal,
    );
  if (address.markdownUrl !== undefined) {
    const response = await ask(address.markdownUrl);
    if (isSuccess(response) && !isHtml(response.headers.get('content-type'), response.text))
      return { markdown: response.text, url: response.url.replace(/\.md$/, '') };
    if (response.status !== 404 && !isSuccess(response))
      checkHubAnswer(hub, response, { what: `the page ${address.url}` });
  }
  const page = await ask(address.url);
  checkHubAnswer(hub, page, { what: `the page ${address.url}` });
  const markdown = isHtml(page.headers.get('content-type'), page.text)
    ? await htmlToMarkdown(elementOf(page.text, 'main'))
    : page.text;
  return { markdown, url: page.url };
}

const isHtml = (type: string | null, text: string): boolean =>
  type?.includes('text/html') === true || /^\s*<(?:!doctype|html)\b/i.test(text);
