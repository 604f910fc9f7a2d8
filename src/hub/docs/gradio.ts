/** The pages of Gradio's documentation, out of its `llms.txt`. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import type { DocPage } from './pages.ts';
import { DOCS_CACHE_MS } from './products.ts';

export interface GradioPage extends DocPage {
  /** What the list says about it. */
  readonly text: string;
}

/** GET `/llms.txt` of gradio.app: links of its own origin with a line about each. @throws GloveboxError `remote/failed`. */
export async function listGradioPages(
  hub: HubContext,
  signal: AbortSignal,
): Promise<readonly GradioPage[]> {
  const base = hub.hosts().gradio;
  const url = `${base}/llms.txt`;
  const response = await hub.web.send({ url, credentials: 'none', cacheMs: DOCS_CACHE_MS }, signal);
  checkHubAnswer(hub, response, { what: "the list of Gradio's pages" });
  const own = [new URL(base).origin, 'https://www.gradio.app', 'https://gradio.app'];
  const pages = response.text.split('\n').flatMap((line): GradioPage[] => {
    const [, title, target, rest] = /\[([^\]]+)\]\(([^)\s]+)\)(.*)$/.exec(line) ?? [];
    if (title === undefined || target === undefined || !URL.canParse(target, base)) return [];
    const link = new URL(target, base);
    if (!own.includes(link.origin)) return [];
    const name = link.pathname.replace(/^\//, '').replace(/\.md$/, '');
    return [
      {
        title,
        url: `${new URL(base).origin}/${name}`,
        name,
        text: (rest ?? '').replace(/^\s*[:–-]\s*/, ''),
      },
    ];
  });
  if (pages.length === 0)
    throw new GloveboxError('remote/failed', `${url} names no page of Gradio.`, {
      hint: 'try again in a minute; fetch_hf_docs reads a page whose address is known.',
    });
  return [...new Map(pages.map((page) => [page.url, page])).values()];
}
