/** Passages of the documentation that answer a question, and lists of its pages. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '#hub/context.ts';
import { listGradioPages } from '#hub/docs/gradio.ts';
import { listDocPages, type DocPage } from '#hub/docs/pages.ts';
import { findDocProducts, listDocProducts, type DocProduct } from '#hub/docs/products.ts';
import { fuse, searchDocs, type DocPassage } from '#hub/docs/search.ts';
import { encodeCursor, offsetOf, renderList, shorten } from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';
import type { ExploreInput } from '../explore-hf-docs.ts';

const FIRST_EXCERPT = 1200;
const EXCERPT = 400;

export interface ExploreCall {
  readonly hub: HubContext;
  readonly signal: AbortSignal;
  readonly input: ExploreInput;
  readonly limit: number;
  readonly budget: number;
  readonly notes: Notes;
}

export async function exploreDocs(call: ExploreCall): Promise<string> {
  const { hub, input, notes, signal } = call;
  const { endpoint, query } = input;
  if (endpoint === undefined && query === undefined) {
    const known = await listDocProducts(hub, signal).catch(() => []);
    throw new GloveboxError('input/invalid', 'explore_hf_docs needs endpoint or query.', {
      hint: `products: ${known.map(({ id }) => id).join(', ') || 'transformers, datasets, trl, ...'}; groups: optimum, courses.`,
    });
  }
  if (endpoint !== undefined && /^gradio$/i.test(endpoint)) return gradio(call);
  if (endpoint === undefined) return passages(call, query ?? '', [undefined], 'all documentation');
  const found = await findDocProducts(hub, endpoint, signal);
  notes.push(...found.notes);
  return query === undefined
    ? pageList(call, endpoint, found.products)
    : passages(call, query, found.products, endpoint);
}

/** One failing part of a group is named, and the others are given. */
async function ofEach<T>(
  { notes }: ExploreCall,
  products: readonly (DocProduct | undefined)[],
  work: (product: DocProduct | undefined) => Promise<T>,
): Promise<readonly { readonly product: DocProduct | undefined; readonly value: T }[]> {
  const results = await Promise.allSettled(products.map(work));
  const failed = results.flatMap((result): unknown[] =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  const cancelled = failed.find((error) => isGloveboxError(error, 'cancelled'));
  if (cancelled !== undefined || failed.length === results.length) throw cancelled ?? failed[0];
  return results.flatMap((result, at) => {
    const product = products[at];
    if (result.status === 'fulfilled') return [{ product, value: result.value }];
    notes.push(
      `${product?.id ?? 'one part'} failed: ${messageOf(result.reason).split('\n', 1)[0]}`,
    );
    return [];
  });
}

async function passages(
  call: ExploreCall,
  query: string,
  products: readonly (DocProduct | undefined)[],
  where: string,
): Promise<string> {
  const { hub, limit, budget, notes, signal, input } = call;
  const kind = JSON.stringify(['docs', query, where]);
  const offset = offsetOf(kind, input.cursor);
  const found = await ofEach(call, products, (product) =>
    searchDocs(hub, { text: query, product }, signal),
  );
  notes.push(...new Set(found.flatMap(({ value }) => value.notes)));
  const all = fuse(found.map(({ value }) => value.passages));
  const shown = all.slice(offset, offset + limit);
  const [first] = shown;
  return renderList(
    {
      head: [`# "${query}" in ${where}`],
      items: shown.map((passage, at) => renderPassage(passage, offset + at)),
      offset,
      total: all.length,
      hasMore: offset + shown.length < all.length,
      cursorAfter: (count) => encodeCursor(kind, [offset + count]),
      noun: 'passages',
      next:
        first === undefined
          ? 'use other words, or leave query out to list the pages.'
          : `fetch_hf_docs(url="${first.url}")`,
      notes,
    },
    budget,
  );
}

function renderPassage({ path, url, text, product }: DocPassage, index: number): string {
  const [, , name, version] =
    /^https?:\/\/[^/]+\/(docs|learn)\/([^/]+)\/(main|v?\d[\w.]*)?/.exec(url) ?? [];
  const facts = [product ?? name, version].filter((part) => part !== undefined).join(' ');
  const excerpt = shorten(
    text.replaceAll(/\n{3,}/g, '\n\n').trim(),
    index === 0 ? FIRST_EXCERPT : EXCERPT,
  );
  return [
    `${index + 1}. ${path.join(' › ') || url}${facts === '' ? '' : ` (${facts})`}`,
    `   ${url}`,
    ...(excerpt === '' ? [] : [excerpt.replaceAll(/^/gm, '   ')]),
  ].join('\n');
}

async function pageList(
  call: ExploreCall,
  endpoint: string,
  products: readonly DocProduct[],
): Promise<string> {
  const { hub, signal } = call;
  const found = await ofEach(call, products, (product) =>
    product === undefined ? Promise.resolve([]) : listDocPages(hub, product, signal),
  );
  const pages = found.flatMap(({ product, value }) =>
    value.map((page) => ({
      ...page,
      folder: folderOf(page, found.length > 1 ? product?.id : undefined),
    })),
  );
  return renderPages(call, endpoint, pages);
}

interface FiledPage extends DocPage {
  readonly folder: string;
}

function folderOf({ name }: DocPage, product: string | undefined): string {
  const folder = name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '';
  return [product, folder].filter((part) => part !== undefined && part !== '').join('/') || '(top)';
}

function renderPages(call: ExploreCall, where: string, pages: readonly FiledPage[]): string {
  const { limit, budget, notes, input } = call;
  const counts = new Map<string, number>();
  for (const { folder } of pages) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  const folders = [...counts].map(([folder, count]) => `${folder} ${count}`);
  // Pages of a folder together, in the order of the product.
  const order = [...counts.keys()];
  const sorted = pages.toSorted((a, b) => order.indexOf(a.folder) - order.indexOf(b.folder));
  const kind = JSON.stringify(['pages', where, input.query]);
  const offset = offsetOf(kind, input.cursor);
  const shown = sorted.slice(offset, offset + limit);
  const [first] = shown;
  return renderList(
    {
      head: [
        `# Pages of ${where}${input.query === undefined ? '' : ` with "${input.query}"`}`,
        `${pages.length} pages · ${shorten(folders.join(' · '), 1500)}`,
      ],
      items: shown.map(
        ({ title, url, folder }, at) => `${offset + at + 1}. ${folder} › ${title}\n   ${url}`,
      ),
      offset,
      total: pages.length,
      hasMore: offset + shown.length < pages.length,
      cursorAfter: (count) => encodeCursor(kind, [offset + count]),
      noun: 'pages',
      next:
        first === undefined
          ? 'use other words, or leave query out.'
          : `fetch_hf_docs(url="${first.url}"), or explore_hf_docs with query.`,
      notes,
    },
    budget,
  );
}

/** Gradio lists its pages itself; they are few enough to be filtered here. */
async function gradio(call: ExploreCall): Promise<string> {
  const { hub, input, signal } = call;
  const pages = await listGradioPages(hub, signal);
  const { query } = input;
  if (query === undefined) return renderPages(call, 'gradio', pages.map(filed));
  const { rankTexts } = await import('#hub/rank-texts.ts');
  const ranked = rankTexts(
    pages.map(({ title, name, text }) => ({ title, name, text })),
    { title: 3, name: 2, text: 1 },
    query,
  );
  return renderPages(
    call,
    'gradio',
    ranked.flatMap((at) => pages.slice(at, at + 1)).map((page) => ({ ...page, folder: 'gradio' })),
  );
}

const filed = (page: DocPage): FiledPage => ({ ...page, folder: folderOf(page, undefined) });
