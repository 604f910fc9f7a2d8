/** Which pages of documentation may be fetched: decided before anything is sent. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';

const HUB_PATHS = /^\/(docs|learn|blog|papers)\/[^/]/;
const GRADIO_PATHS = /^\/(docs|guides)(\/|$)|^\/llms\.txt$/;
/** Names of the public hosts, which stand for the ones that are configured. */
const HUB_NAMES = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co']);
const GRADIO_NAMES = new Set(['gradio.app', 'www.gradio.app']);

export interface PageAddress {
  /** Without `.md`, query and fragment. */
  readonly url: string;
  /** Where the Markdown of it is looked for first; `undefined` for what is text already. */
  readonly markdownUrl: string | undefined;
  /** The fragment: an anchor. */
  readonly anchor: string | undefined;
}

/**
 * @throws GloveboxError `http/refused` for any other host or path, credentials, ports, encoded dots and slashes. Nothing was sent.
 */
export function parsePageAddress(hub: HubContext, text: string): PageAddress {
  const hosts = hub.hosts();
  const given = text.trim();
  const absolute =
    given.startsWith('/') && !given.startsWith('//') ? `${hosts.hub}${given}` : given;
  if (!URL.canParse(absolute)) throw refused(given, 'it is no address');
  // The parser would resolve these in silence.
  if (/%2e|%2f|%5c|\\|\/\.\.?(?:[/?#]|$)/i.test(absolute))
    throw refused(given, 'its path has encoded or relative parts');
  const url = new URL(absolute);
  if (url.username !== '' || url.password !== '') throw refused(given, 'it holds credentials');
  const base = baseOf(url, hosts);
  const isGradio = base === hosts.gradio;
  if (base === undefined || !(isGradio ? GRADIO_PATHS : HUB_PATHS).test(url.pathname))
    throw refused(given, 'only pages of documentation are fetched');
  const path = url.pathname.replace(/\.md$/, '').replace(/\/+$/, '');
  const page = `${base}${path}`;
  const anchor = url.hash.length > 1 ? safelyDecoded(url.hash.slice(1)) : undefined;
  return { url: page, markdownUrl: path.endsWith('.txt') ? undefined : `${page}.md`, anchor };
}

/** Whether a redirect stays among what may be fetched. */
export function isPageAddress(hub: HubContext, url: URL): boolean {
  try {
    parsePageAddress(hub, url.href);
    return true;
  } catch {
    return false;
  }
}

function baseOf(url: URL, hosts: ReturnType<HubContext['hosts']>): string | undefined {
  if (url.origin === new URL(hosts.hub).origin) return hosts.hub;
  if (url.origin === new URL(hosts.gradio).origin) return hosts.gradio;
  if (!/^https?:$/.test(url.protocol) || url.port !== '') return undefined;
  if (HUB_NAMES.has(url.hostname)) return hosts.hub;
  return GRADIO_NAMES.has(url.hostname) ? hosts.gradio : undefined;
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refused(given: string, why: string): GloveboxError {
  // Without what stands before an @: it may be a secret.
  const shown = given.replace(/\/\/[^/@]*@/, '//…@').slice(0, 120);
  return new GloveboxError('http/refused', `${shown} is not fetched: ${why}. Nothing was sent.`, {
    hint: 'give a page below /docs/, /learn/, /blog/ or /papers/ of huggingface.co, or of gradio.app; explore_hf_docs finds them.',
  });
}
