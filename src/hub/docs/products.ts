/** What the Hub documents: products and courses, and the groups that people name. */
import * as z from 'zod';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { nearest } from '#core/nearest.ts';
import type { HubContext } from '../context.ts';
import { listAnswer, optionalText } from '../lenient.ts';
import { askHub } from '../request.ts';

export const DOCS_CACHE_MS = 6 * 3_600_000;

export interface DocProduct {
  readonly id: string;
  /** From the root of the Hub: `/docs/transformers`, `/learn/llm-course`. */
  readonly path: string;
}

const productSchema = z.object({ id: z.string(), url: optionalText, category: optionalText });

/** GET `/api/docs`. No token is sent for documentation. */
export async function listDocProducts(
  hub: HubContext,
  signal: AbortSignal,
): Promise<readonly DocProduct[]> {
  const { data } = await askHub(
    hub,
    {
      path: '/api/docs',
      schema: listAnswer(productSchema),
      what: 'the list of documented products',
      credentials: 'none',
      cacheMs: DOCS_CACHE_MS,
      mayBeStale: true,
    },
    signal,
  );
  return data.map(({ id, url }) => ({ id, path: pathOf(url) ?? `/docs/${id}` }));
}

/** Whatever the origin in the list, the Hub that was asked has the pages. */
function pathOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url, 'https://huggingface.co')) return undefined;
  const { pathname } = new URL(url, 'https://huggingface.co');
  return /^\/(docs|learn)\/[\w-]+/.exec(pathname)?.[0];
}

const ALIASES: Readonly<Record<string, string>> = {
  tgi: 'text-generation-inference',
  tei: 'text-embeddings-inference',
  'transformers.js': 'transformers-js',
  hub_docs: 'hub',
};

const COURSES =
  'llm-course robotics-course mcp-course smol-course agents-course deep-rl-course computer-vision-course audio-course ml-games-course diffusion-course ml-for-3d-course cookbook'.split(
    ' ',
  );
const OPTIMUM =
  'optimum optimum-habana optimum-neuron optimum-intel optimum-executorch optimum-tpu'.split(' ');

const GROUPS: Readonly<Record<string, readonly DocProduct[]>> = {
  courses: COURSES.map((id) => ({ id, path: `/learn/${id}` })),
  optimum: OPTIMUM.map((id) => ({ id, path: `/docs/${id}` })),
};

export interface FoundProducts {
  readonly products: readonly DocProduct[];
  readonly notes: readonly string[];
}

/**
 * The product, or the members of the group, that somebody means by id, slug or short name.
 *
 * @throws GloveboxError `remote/not-found` with the closest ids. When the list is not to be had, the name is taken as it is.
 */
export async function findDocProducts(
  hub: HubContext,
  name: string,
  signal: AbortSignal,
): Promise<FoundProducts> {
  const wanted = name
    .trim()
    .toLowerCase()
    .replace(/^\/?(?:docs|learn)\//, '')
    .replaceAll(' ', '-');
  const known = await listDocProducts(hub, signal).catch((error: unknown) => {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return undefined;
  });
  const byName = (id: string): DocProduct | undefined =>
    known?.find((product) => product.id === id || product.path.endsWith(`/${id}`));
  const group = GROUPS[wanted];
  if (group !== undefined)
    return { products: group.map((member) => byName(member.id) ?? member), notes: [] };
  const id = ALIASES[wanted] ?? wanted;
  const found = byName(id);
  if (found !== undefined) return { products: [found], notes: [] };
  if (known === undefined) {
    if (!/^[\w.-]+$/.test(id)) throw unknownProduct(name, []);
    const notes = ['the list of products could not be read; the name was taken as it is.'];
    return { products: [{ id, path: `/docs/${id}` }], notes };
  }
  throw unknownProduct(name, known);
}

function unknownProduct(name: string, known: readonly DocProduct[]): GloveboxError {
  const ids = [...known.map(({ id }) => id), ...Object.keys(GROUPS)];
  const close = closest(name.toLowerCase(), ids);
  return new GloveboxError(
    'remote/not-found',
    `There is no documentation called "${name.slice(0, 60)}".${close.length === 0 ? '' : ` Closest: ${close.join(', ')}.`}`,
    { hint: `known: ${ids.join(', ')}. With query alone all of them are searched.` },
  );
}

/** Those that contain the word or are contained in it, and the one that was probably mistyped. */
function closest(name: string, ids: readonly string[]): readonly string[] {
  const related = ids.filter((id) => id.includes(name) || name.includes(id)).slice(0, 4);
  const similar = nearest(name, ids);
  return [...new Set([...related, ...(similar === undefined ? [] : [similar])])];
}
