/** The documentation tools through MCP. */
import { beforeEach, describe, expect, it } from 'vitest';
import { serveDocs } from '../fakes/hub/docs-routes.ts';
import { TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

let world: ResearchWorld;
beforeEach(async () => {
  world = await startResearch({ env: TOKEN_ENV });
  serveDocs(world.services);
});

type Arguments = Record<string, unknown>;
const run = async (tool: string, args: Arguments): Promise<string> =>
  (await call(world.client, tool, args)).text;
const explore = (args: Arguments) => run('explore_hf_docs', args);
const fetchDocs = (args: Arguments) => run('fetch_hf_docs', args);
const findApi = (args: Arguments) => run('find_hf_api', args);
const cursorOf = (text: string): string => /cursor=([\w-]+)/.exec(text)?.[1] ?? '';
const paths = (): string[] => world.services.hub.requests.map(({ path }) => path);
const noToken = (): void =>
  expect(world.services.all().filter(({ headers }) => headers.authorization !== undefined)).toEqual(
    [],
  );

describe('explore_hf_docs', () => {
  it('merges both searches by rank, each passage once, with what belongs to the product alone', async () => {
    const text = await explore({ endpoint: 'trl', query: 'save memory (OR' });
    expect(text.match(/^\d+\. .*$/gm)).toEqual([
      '1. SFT Trainer › Trainer › Save memory (trl v0.2)',
      '2. SFT Trainer › Trainer › Save memory (trl v0.2)',
      '3. GRPO (trl v0.2)',
    ]);
    expect(text.indexOf('dpo_trainer#loss')).toBeLessThan(text.indexOf('sft_trainer#save-memory'));
    expect(text).not.toMatch(/evil|another product/i);
    expect(text).toContain(
      `Next: fetch_hf_docs(url="${world.services.hub.url}/docs/trl/v0.2/en/dpo_trainer#loss")`,
    );
    expect(
      world.services.hub.requests.find(({ path }) => path === '/api/docs/search')?.query.get('q'),
    ).toBe('save memory (OR');
    noToken();
  });

  it('searches everything without a product', async () => {
    const text = await explore({ query: 'memory' });
    expect(text).toContain('Of another product.');
    expect(paths()).toEqual(['/api/docs/search', '/api/docs/search/full-text']);
    expect(await explore({ query: 'zzz' })).toContain('Next: use other words');
  });

  it('notes the half that fails', async () => {
    world.services.hub.fail(/\/api\/docs\/search\/full-text/, { status: 500 }, 9);
    expect(await explore({ query: 'memory' })).toContain(
      'Note: half of the search failed: The Hub failed at the search by words',
    );
    world.services.hub.fail(/\/api\/docs\/search.*/, { status: 500 }, 9);
    expect(await callError(world.client, 'explore_hf_docs', { query: 'other' })).toMatch(
      /^\[remote\/failed\]/,
    );
  });

  it('lists pages by folder, from llms.txt, else from the navigation', async () => {
    const text = await explore({ endpoint: 'Transformers', max_results: 2 });
    expect(text).toContain('3 pages · (top) 1 · model_doc 2');
    expect(text).toContain(`${world.services.hub.url}/docs/transformers/main/en/quicktour`);
    expect(text.split('\n').at(-1)).toMatch(/^\[1–2 of 3 pages · more: cursor=/);
    const rest = await explore({
      endpoint: 'Transformers',
      max_results: 2,
      cursor: cursorOf(text),
    });
    expect(rest).toContain('3. model_doc › Gemma');
    const trl = await explore({ endpoint: 'trl' });
    expect(trl).toContain('SFT Trainer');
    expect(trl).toContain('/docs/trl/v0.2/en/dpo_trainer');
    expect(text + trl).not.toContain('evil');
    noToken();
  });

  it('understands short names, groups and names that it does not know', async () => {
    expect(await explore({ endpoint: 'tgi' })).toContain('/docs/text-generation-inference/');
    expect(await explore({ endpoint: 'optimum', query: 'memory' })).toContain('nothing found');
    const error = await callError(world.client, 'explore_hf_docs', { endpoint: 'transfomers' });
    expect(error).toMatch(/^\[remote\/not-found\].*Closest: transformers\./);
    expect(await callError(world.client, 'explore_hf_docs', {})).toContain(
      'products: transformers, trl',
    );
  });

  it('14.8: one failing course does not fail the courses, and no request crawls a product', async () => {
    world.services.hub.fail(/\/learn\/agents-course.*/, { status: 500 }, 99);
    const text = await explore({ endpoint: 'courses', max_results: 50, max_chars: 40_000 });
    expect(text).toContain('Note: agents-course failed:');
    expect(text).toContain('/learn/llm-course/');
    expect(paths().filter((path) => path.endsWith('.md'))).toEqual([]);
  });

  it('goes on without the list of products', async () => {
    world.services.hub.fail(/\/api\/docs/, { status: 500 }, 9);
    expect(await explore({ endpoint: 'transformers' })).toContain(
      'Note: the list of products could not be read',
    );
  });

  it('filters the pages of Gradio by relevance, and pages them', async () => {
    const text = await explore({ endpoint: 'gradio', query: 'chatbot', max_results: 1 });
    expect(text).toContain('1. gradio › Chatbot');
    expect(text).toMatch(/\[1–1 of 2 pages/);
    expect(
      await explore({
        endpoint: 'gradio',
        query: 'chatbot',
        max_results: 1,
        cursor: cursorOf(text),
      }),
    ).toContain('2. gradio › State');
    expect(world.services.all().every(({ service }) => service === 'gradio')).toBe(true);
  });
});

describe('fetch_hf_docs', () => {
  const PAGE = '/docs/trl/v0.2/en/sft_trainer';

  it('14.8: page#anchor, page.md and page?x=1 fetch the same document', async () => {
    const section = await fetchDocs({ url: `${PAGE}#quick-start` });
    expect(section).toContain('from trl import SFTTrainer');
    expect(section).not.toContain('Save memory');
    for (const url of [
      `${PAGE}.md`,
      `https://huggingface.co${PAGE}?x=1`,
      `https://hf.co${PAGE}`,
      `http://huggingface.co${PAGE}`,
    ])
      expect(await fetchDocs({ url })).toContain('# Trainer');
    expect(new Set(paths())).toEqual(new Set([`${PAGE}.md`]));
    expect(paths()).toHaveLength(1);
    noToken();
  });

  it('begins a long page with its outline and leads to its end', async () => {
    let text = await fetchDocs({ url: PAGE });
    expect(text).toContain('Quick start #quick-start (line 7,');
    expect(text).toContain('  Offloading weights #offloading-weights');
    expect(text).toContain('API of the trainer #trl.SFTTrainer');
    expect(text).not.toContain('a comment that is no heading (line');
    const parts = [text];
    for (
      let next = /more: offset=(\d+)\]$/.exec(text)?.[1];
      next !== undefined;
      next = /more: offset=(\d+)\]$/.exec(text)?.[1]
    ) {
      text = await fetchDocs({ url: PAGE, offset: next });
      parts.push(text);
    }
    expect(parts.every((part) => part.length <= 10_000)).toBe(true);
    expect(parts.join('').match(/An argument\./g)?.length).toBeGreaterThanOrEqual(898);
  });

  it('gives sections by heading, by anchor and by relevance', async () => {
    expect(await fetchDocs({ url: PAGE, section: 'save MEMORY', max_chars: 40_000 })).toContain(
      '### Offloading weights',
    );
    expect(await fetchDocs({ url: PAGE, section: '#trl.SFTTrainer' })).toContain(
      'Arguments of the trainer.',
    );
    const best = await fetchDocs({ url: PAGE, query: 'checkpoint gradients' });
    expect(best).toMatch(/1 sections for "checkpoint gradients".*\n\n\(line \d+\)\n## Save memory/);
    expect(await fetchDocs({ url: PAGE, section: 'nonsense' })).toMatch(
      /Note: there is no one section "nonsense"; this is the outline\.\n\nTrainer #trainer/,
    );
    expect(
      await callError(world.client, 'fetch_hf_docs', { url: PAGE, query: 'xylophone' }),
    ).toContain('No section');
  });

  it('converts a page that has no Markdown', async () => {
    const text = await fetchDocs({ url: 'https://huggingface.co/blog/post' });
    expect(text).toContain('# A post');
    expect(text).toContain('Some **bold** text, [a link](/docs/trl).');
    expect(text).toContain('```\ncode <here>\n```');
    expect(text).not.toMatch(/Menu|Foot/);
  });

  it('reads Gradio, also under its short name', async () => {
    expect(await fetchDocs({ url: 'https://gradio.app/docs/gradio/chatbot' })).toContain(
      'Shows a conversation.',
    );
  });

  it.each([
    'https://huggingface.co.evil.test/docs/x',
    'https://huggingface.co@evil.test/docs/x',
    'https://evil.test/docs/x',
    'https://user:hf_secret@huggingface.co/docs/x',
    'https://huggingface.co:8443/docs/x',
    'https://huggingface.co/api/whoami-v2',
    'https://huggingface.co/docs/%2e%2e/api/x',
    'https://huggingface.co/docs/..%2fapi/x',
    'https://huggingface.co/docs/../api/x',
    '//evil.test/docs/x',
    '/settings/tokens',
    'file:///etc/passwd',
    'http://127.0.0.1:1/docs/x',
    'http://169.254.169.254/docs/x',
    'javascript:alert(1)',
    'docs/x',
  ])('2.2, 14.3: refuses %s before anything is sent', async (url) => {
    const text = await callError(world.client, 'fetch_hf_docs', { url });
    expect(text).toMatch(/^\[http\/refused\].*Nothing was sent/);
    expect(text).not.toContain('hf_secret');
    expect(world.services.all()).toEqual([]);
  });

  it('14.3: follows redirects among pages of documentation only', async () => {
    const { hub, foreign } = world.services;
    hub.on('GET', /\/docs\/old\.md/, () => ({ status: 302, headers: { location: `${PAGE}.md` } }));
    hub.on('GET', /\/docs\/trap\.md/, () => ({
      status: 302,
      headers: { location: `${foreign.url}/docs/x` },
    }));
    hub.on('GET', /\/docs\/api\.md/, () => ({
      status: 302,
      headers: { location: '/api/whoami-v2' },
    }));
    expect(await fetchDocs({ url: '/docs/old' })).toContain('# Trainer');
    for (const url of ['/docs/trap', '/docs/api'])
      expect(await callError(world.client, 'fetch_hf_docs', { url })).toMatch(/^\[http\/refused\]/);
    expect(foreign.requests).toEqual([]);
  });
});

describe('find_hf_api', () => {
  it('ranks endpoints, with all that is needed to call them', async () => {
    const text = await findApi({ query: 'creating repositories' });
    expect(text).toMatch(/^1\. POST \/api\/repos\/create · Create a repository/m);
    expect(text).toContain('- name (body, string, required), e.g. "my-model": Its name');
    expect(text).toContain('200: Created · id: string, private: boolean, self: object');
    expect(text).not.toContain('Never shown');
    expect(text).toContain(
      'curl -X POST -H "Authorization: Bearer $HF_TOKEN" -H "Content-Type: application/json"',
    );
    expect(text).not.toContain("'");
    noToken();
  });

  it('sends a token only where one is needed', async () => {
    const text = await findApi({ query: 'list models', limit: 1 });
    expect(text).toContain(`curl "${world.services.hub.url}/api/models?sort=…"`);
    expect(text).toContain('- limit (query, integer), e.g. 100: How many');
    expect(text).toContain('- sort (query, "downloads" | "likes", required)');
    expect(text).toContain('list of:, id: string');
    const tagged = await findApi({ tag: 'Repositories', limit: 1 });
    expect(tagged).toMatch(/\[1–1 of 2 endpoints · more: cursor=/);
    expect(await findApi({ tag: 'Repositories', limit: 1, cursor: cursorOf(tagged) })).toMatch(
      /^2\. /m,
    );
  });

  it('lists a tag, of any capitals, also when no word of the query fits', async () => {
    expect(await findApi({ tag: 'spaces' })).toContain('POST /api/spaces/{id}/hardware');
    expect(await findApi({ tag: 'Spaces', query: 'xylophone' })).toContain(
      'Note: nothing under the tag "Spaces" fits',
    );
    expect(await findApi({ query: 'hardware', method: 'get' })).toContain('(nothing found)');
    expect(await callError(world.client, 'find_hf_api', {})).toContain(
      'tags: Repositories, Spaces.',
    );
    expect(await callError(world.client, 'find_hf_api', { tag: 'space' })).toContain(
      'Did you mean "Spaces"?',
    );
  });

  it('uses an old copy when the Hub does not answer, and says so', async () => {
    await findApi({ query: 'models' });
    world.clock.advance(30 * 3_600_000);
    world.services.hub.fail(/.*/, { status: 502 }, 9);
    expect(await findApi({ query: 'models' })).toContain(
      'Note: the Hub does not answer; this is a copy from 30 h ago.',
    );
    world.clock.advance(30 * 3_600_000);
    expect(await findApi({ query: 'models' })).toContain('1. GET /api/models');
    expect(world.services.hub.requests.at(-1)?.headers['if-none-match']).toBe('"api1"');
  });

  it('says what is wrong when there is no copy', async () => {
    world.services.hub.fail(/.*/, { text: '<html>' }, 9);
    expect(await callError(world.client, 'find_hf_api', { query: 'x' })).toMatch(
      /^\[remote\/failed\].*is not JSON: <html>/,
    );
  });
});
