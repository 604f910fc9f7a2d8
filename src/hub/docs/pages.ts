/** The pages of one product: from its `llms.txt`, else from the navigation of its first page. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { DOCS_CACHE_MS, type DocProduct } from './products.ts';

export interface DocPage {
  readonly title: string;
  /** The address for people, without `.md`. */
  readonly url: string;
  /** From the root of the product, without version and language: `quicktour`, `model_doc/bert`. */
  readonly name: string;
}

/** @throws GloveboxError `remote/not-found` when neither names a page. */
export async function listDocPages(
  hub: HubContext,
  product: DocProduct,
  signal: AbortSignal,
): Promise<readonly DocPage[]> {
  const { hub: base } = hub.hosts();
  const ask = (path: string) =>
    hub.web.send({ url: `${base}${path}`, credentials: 'none', cacheMs: DOCS_CACHE_MS }, signal);
  const listing = await ask(`${product.path}/llms.txt`);
  if (listing.status === 200) {
    const pages = pagesIn(markdownLinks(listing.text), product, base);
    if (pages.length > 0) return pages;
  }
  const page = await ask(product.path);
  checkHubAnswer(hub, page, { what: `the documentation of ${product.id}` });
  const pages = pagesIn(htmlLinks(page.text), product, page.url);
  if (pages.length > 0) return pages;
  throw new GloveboxError(
    'remote/not-found',
    `The documentation of ${product.id} lists no pages.`,
    {
      hint: `search it instead: explore_hf_docs(endpoint="${product.id}", query="...").`,
    },
  );
}

interface Link {
  readonly text: string;
  readonly target: string;
}

function markdownLinks(text: string): readonly Link[] {
  return [...text.matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)].map(([, label = '', target = '']) => ({
    text: label,
    target,
  }));
}

function htmlLinks(html: string): readonly Link[] {
  return [...html.matchAll(/<a\b[^>]*\bhref="([^"#]+)[^"]*"[^>]*>([\s\S]*?)<\/a>/gi)].map(
    ([, target = '', label = '']) => ({
      text: label
        .replaceAll(/<[^>]*>/g, ' ')
        .replaceAll(/\s+/g, ' ')
        .trim(),
      target: target.replaceAll('&amp;', '&'),
    }),
  );
}

/** Links of the same origin below the product, each once. */
function pagesIn(links: readonly Link[], product: DocProduct, base: string): readonly DocPage[] {
  const { origin } = new URL(base);
  const found = new Map<string, DocPage>();
  for (const { text, target } of links) {
    if (!URL.canParse(target, `${base}/`)) continue;
    const url = new URL(target, `${base.replace(/\/+$/, '')}/`);
    const path = url.pathname.replace(/\.md$/, '').replace(/\/+$/, '');
    // The lists name the public origin also on a mirror.
    const isOurs = url.origin === origin || url.origin === 'https://huggingface.co';
    if (!isOurs || !path.startsWith(`${product.path}/`)) continue;
    const name = pageName(path.slice(product.path.length + 1));
    if (name === '' || name === 'llms.txt' || name === 'llms-full.txt') continue;
    if (!found.has(name))
      found.set(name, { title: text === '' ? name : text, url: `${origin}${path}`, name });
  }
  return [...found.values()];
}

/** Without `v4.57.0/en/` or `main/en/`. */
const pageName = (path: string): string =>
  path.replace(/^(?:main|v?\d[\w.]*)(?:\/|$)/, '').replace(/^[a-z]{2}(?:-[A-Z]{2})?(?:\/|$)/, '');
