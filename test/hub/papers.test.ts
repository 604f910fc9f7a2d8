/** hf_papers through MCP: every operation, who is asked for what, and what happens when a service fails. */
import { beforeEach, describe, expect, it } from 'vitest';
import { PAPER, servePapers, thePaper } from '../fakes/hub/paper-routes.ts';
import { TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

let world: ResearchWorld;
beforeEach(async () => {
  world = await startResearch();
  servePapers(world.services);
});

type Arguments = Record<string, unknown>;
const ask = async (operation: string, args: Arguments = {}): Promise<string> =>
  (await call(world.client, 'hf_papers', { operation, ...args })).text;
const askError = (operation: string, args: Arguments = {}): Promise<string> =>
  callError(world.client, 'hf_papers', { operation, ...args });
const cursorOf = (text: string): string => /cursor=([\w-]+)/.exec(text)?.[1] ?? '';
const paths = (service: 'hub' | 'scholar'): string[] =>
  world.services[service].requests.map(({ path }) => path);

describe('trending', () => {
  it('lists what people read now, sorted by the service, and goes on to the end', async () => {
    const first = await ask('trending', { limit: 2 });
    expect(first).toContain('1. Paper 0');
    expect(first).toContain(`${world.services.hub.url}/papers/2401.10000`);
    expect(first.split('\n').at(-1)).toMatch(/^\[1–2 of more papers · more: cursor=/);
    expect(world.services.hub.requests[0]?.query.toString()).toBe('p=0&limit=50&sort=trending');
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const text = await ask('trending', {
        limit: 50,
        max_chars: 40_000,
        ...(cursor && { cursor }),
      });
      seen.push(...[...text.matchAll(/arXiv (2401\.\d+)/g)].map(([, id = '']) => id));
      cursor = cursorOf(text);
      if (cursor === '') break;
    }
    expect(seen).toHaveLength(180);
    expect(new Set(seen).size).toBe(180);
  });

  it('filters in the pages it looked through, says how many, and scans on', async () => {
    const first = await ask('trending', { query: 'mixture of EXPERTS', limit: 5 });
    expect(first).toMatch(/5 of \d+ scanned/);
    const rest = await ask('trending', {
      query: 'mixture of EXPERTS',
      limit: 50,
      cursor: cursorOf(first),
    });
    expect(first).toContain('Paper 28 ');
    expect(rest).not.toContain('Paper 28 ');
    expect(rest).toContain('Paper 35 ');
    expect(await ask('trending', { query: 'nowhere' })).toMatch(/0 of 150 scanned/);
  });

  it.each([
    ['2026-01-31', 'date=2026-01-31'],
    ['2026-W05', 'week=2026-W05'],
    ['2026-01', 'month=2026-01'],
  ])('takes %s as a period', async (date, query) => {
    await ask('trending', { date });
    expect(world.services.hub.requests[0]?.query.toString()).toBe(`p=0&limit=50&${query}`);
  });

  it.each(['yesterday', '2026-13', '2026-02-30', '2026-W54'])('refuses %s', async (date) => {
    expect(await askError('trending', { date })).toMatch(
      /^\[input\/invalid\] date=.*\nNext: write/,
    );
  });
});

describe('14.7: search', () => {
  it('asks the Hub when there is no filter', async () => {
    const text = await ask('search', { query: 'preference', limit: 3 });
    expect(text).toContain('by relevance');
    expect(paths('scholar')).toEqual([]);
    const next = await ask('search', { query: 'preference', limit: 3, cursor: cursorOf(text) });
    expect(next).toContain('4. Paper 3');
    expect(next).not.toContain('3. Paper 2');
  });

  it('asks the ranked search of Semantic Scholar for filters, and never the bulk one', async () => {
    const args = {
      query: 'a "b" c',
      categories: 'computer science',
      min_citations: '10',
      date_from: '2024-01-01',
    };
    const text = await ask('search', args);
    expect(text).toContain('since 2024-01-01, in Computer Science, cited at least 10 times');
    expect(text).toContain('[1–10 of 1,234 papers');
    expect(paths('scholar')).toEqual(['/graph/v1/paper/search']);
    const query = world.services.scholar.requests[0]?.query;
    expect(query?.get('publicationDateOrYear')).toBe('2024-01-01:');
    expect(query?.get('fieldsOfStudy')).toBe('Computer Science');
    expect(query?.get('minCitationCount')).toBe('10');
    expect(query?.get('query')).toBe('a "b" c');
    const next = await ask('search', { ...args, cursor: cursorOf(text) });
    expect(next).toContain('11. Scholar paper 10');
  });

  it('uses the sorted search for other orders, through all its pages', async () => {
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const text = await ask('search', {
        query: 'q',
        sort_by: 'citationcount',
        limit: 15,
        max_chars: 40_000,
        ...(cursor && { cursor }),
      });
      seen.push(...[...text.matchAll(/^(\d+)\. /gm)].map(([, n = '']) => n));
      cursor = cursorOf(text);
      if (cursor === '') break;
    }
    expect(seen).toEqual(Array.from({ length: 45 }, (_, n) => String(n + 1)));
    expect(world.services.scholar.requests[0]?.query.get('sort')).toBe('citationCount:desc');
  });

  it('says in its first line when filters could not be applied', async () => {
    world.services.scholar.fail(/.*/, { status: 503, text: 'down' }, 9);
    const text = await ask('search', { query: 'q', min_citations: 5 });
    expect(text.split('\n')[0]).toMatch(/^filters not applied \(Semantic Scholar failed/);
    expect(text).toContain('Paper 0');
    expect(await ask('search', { query: 'q', sort_by: 'publicationDate' })).toMatch(
      /^sorting not applied/,
    );
  });

  it('refuses fields of study that the service does not know, with the list', async () => {
    const text = await askError('search', { query: 'q', categories: 'cs.CL' });
    expect(text).toMatch(/cs\.CL.*\nNext: fields: Computer Science, Medicine/);
    expect(await askError('search', { query: 'q', date_from: '2024-1-1' })).toContain('2026-01-31');
    expect(
      await askError('search', { query: 'q', date_from: '2025-01-01', date_to: '2024-01-01' }),
    ).toContain('after');
    expect(await askError('search')).toContain('needs query');
    expect(world.services.all()).toEqual([]);
  });

  it('helps when nothing was found', async () => {
    expect(await ask('search', { query: 'nothing' })).toContain('Next: use fewer or other words');
  });
});

describe('paper_details', () => {
  it('puts together what both services know', async () => {
    const text = await ask('paper_details', { arxiv_id: `https://arxiv.org/abs/${PAPER}v2` });
    for (const part of [
      '# Direct Preference Optimization',
      '4,000 citations (700 influential)',
      'Author 10 + 2 more',
      '(2,345 stars)',
      'preference learning',
      'A summary that a model made.',
      'Preferences without reward models.',
      thePaper.summary,
      `Next: hf_papers(operation="read_paper", arxiv_id="${PAPER}")`,
    ])
      expect(text).toContain(part);
    expect(paths('hub')).toEqual([`/api/papers/${PAPER}`]);
    expect(paths('scholar')).toEqual([`/graph/v1/paper/ARXIV:${PAPER}`]);
  });

  it('gives one half when the other fails, and says so', async () => {
    world.services.scholar.fail(/.*/, { status: 500 }, 9);
    expect(await ask('paper_details', { arxiv_id: PAPER })).toMatch(
      /Note: Semantic Scholar gave nothing:/,
    );
  });

  it('is right about the other half too', async () => {
    world.services.hub.fail(/.*/, { text: '<html>no JSON' }, 9);
    const text = await ask('paper_details', { arxiv_id: PAPER });
    expect(text).toMatch(
      /Note: The Hub gave nothing: The Hub's answer for the paper 2305\.18290 is not JSON/,
    );
    expect(text).toContain('Preferences without reward models.');
  });

  it('takes other ids to Semantic Scholar alone', async () => {
    expect(await ask('paper_details', { arxiv_id: 'doi:10.1/0' })).toContain('citations');
    expect(paths('hub')).toEqual([]);
    expect(paths('scholar')).toEqual(['/graph/v1/paper/DOI:10.1/0']);
  });

  it('says not found when both say so', async () => {
    const text = await askError('paper_details', { arxiv_id: '2401.00001' });
    expect(text).toMatch(/^\[remote\/not-found\] There is no paper 2401\.00001/);
  });

  it.each(['attention', 'http://evil.test/abs/2305.18290', '2305.1', '../etc'])(
    'refuses %s as an id, with two examples',
    async (arxiv_id) => {
      const text = await askError('paper_details', { arxiv_id });
      expect(text).toMatch(/2305\.18290 or hep-th\/9901001/);
      expect(world.services.all()).toEqual([]);
    },
  );
});

describe('citation_graph', () => {
  it('shows both sides, influential ones first, and pages each', async () => {
    const text = await ask('citation_graph', { arxiv_id: PAPER, limit: 3 });
    expect(text).toMatch(
      /## Cited by \(the 40 that Semantic Scholar lists first, of more\)\n1\. Scholar paper 31\n.*INFLUENTIAL/,
    );
    expect(text).toContain('2. Scholar paper 1\n');
    expect(text).toContain('## Cites (1)\n1. Scholar paper 90');
    expect(text).toContain('"And once more."');
    expect(text).not.toContain('A third mention');
    expect(text.split('\n').at(-1)).toMatch(
      /citations 1–3 of 40, references 1–1 of 1 · more: cursor=/,
    );
    const next = await ask('citation_graph', { arxiv_id: PAPER, limit: 3, cursor: cursorOf(text) });
    expect(next).toContain('4. Scholar paper 3\n');
    expect(next).not.toContain('Scholar paper 90');
  });

  it('reports a half that is missing', async () => {
    world.services.scholar.fail(/.*references/, { status: 500 }, 9);
    const text = await ask('citation_graph', { arxiv_id: PAPER });
    expect(text).toContain('Note: the references are missing:');
    expect(text).toContain('## Cited by');
    world.services.scholar.fail(/.*/, { status: 500 }, 9);
    expect(await askError('citation_graph', { arxiv_id: 'DOI:10.1/9' })).toMatch(
      /^\[remote\/failed\]/,
    );
  });

  it('asks one side alone when that is wanted', async () => {
    await ask('citation_graph', { arxiv_id: PAPER, direction: 'References' });
    expect(paths('scholar')).toEqual([`/graph/v1/paper/ARXIV:${PAPER}/references`]);
  });
});

describe('snippet_search', () => {
  it('quotes passages with the facts about their papers, in one more request', async () => {
    const text = await ask('snippet_search', { query: 'reward hacking', limit: 5 });
    expect(text).toContain(
      '1. Scholar paper 0\n   arXiv 2305.18290 · 2023 · 4,000 citations · section Results',
    );
    expect(text).toContain('2. Scholar paper 1\n   CorpusId:1001');
    expect(paths('scholar')).toEqual(['/graph/v1/snippet/search', '/graph/v1/paper/batch']);
    const quotes = [...text.matchAll(/^ {3}"(.*)"$/gm)].map(([, quote = '']) => quote.length);
    expect(quotes).toHaveLength(5);
    expect(Math.max(...quotes)).toBeLessThanOrEqual(400);
    const next = await ask('snippet_search', {
      query: 'reward hacking',
      limit: 5,
      cursor: cursorOf(text),
    });
    expect(next).toContain('6. Scholar paper 5');
  });

  it('keeps the passages when the facts fail', async () => {
    world.services.scholar.fail(/.*batch/, { status: 500 }, 9);
    const text = await ask('snippet_search', { query: 'x' });
    expect(text).toContain('Note: years, citations and arXiv ids are missing');
    expect(text).toContain('A passage number 0');
  });
});

describe('recommend', () => {
  it('takes one paper or lists of examples, not both', async () => {
    expect(await ask('recommend', { arxiv_id: PAPER, limit: 3 })).toMatch(/\[1–3 of 30 papers/);
    const lists = { positive_ids: `${PAPER}, DOI:10.1/2`, negative_ids: '["2401.00001"]' };
    expect(await ask('recommend', lists)).toContain('Scholar paper 200');
    expect(JSON.parse(world.services.scholar.requests.at(-1)?.body.toString() ?? '')).toEqual({
      positivePaperIds: [`ARXIV:${PAPER}`, 'DOI:10.1/2'],
      negativePaperIds: ['ARXIV:2401.00001'],
    });
    expect(await askError('recommend', { arxiv_id: PAPER, ...lists })).toContain('not both');
    expect(await askError('recommend')).toContain('needs arxiv_id or positive_ids');
    const many = Array.from({ length: 101 }, () => PAPER);
    expect(await askError('recommend', { positive_ids: many })).toContain('at most 100');
  });
});

describe('find_*', () => {
  it('lists datasets page after page and names the tool for the first', async () => {
    const text = await ask('find_datasets', { arxiv_id: PAPER, sort: 'trending' });
    expect(text).toContain(
      '1. org/datasets-0\n   10,000 downloads · 7 likes · language:en, dpo, a, b, c\n   Pairs of answers. With preferences.',
    );
    expect(text).toContain('gated');
    expect(text).toContain('Next: hf_inspect_dataset(dataset="org/datasets-0")');
    const { query } = world.services.hub.requests[0] ?? {};
    expect(query?.toString()).toBe(
      'filter=arxiv%3A2305.18290&sort=trendingScore&direction=-1&limit=10',
    );
    const second = await ask('find_datasets', {
      arxiv_id: PAPER,
      sort: 'trending',
      cursor: cursorOf(text),
    });
    const third = await ask('find_datasets', {
      arxiv_id: PAPER,
      sort: 'trending',
      cursor: cursorOf(second),
    });
    expect(second).toContain('11. org/datasets-10');
    expect(third).toContain('23. org/datasets-22');
    expect(third.split('\n').at(-1)).toBe('[21–23 of 23 datasets, the end]');
  });

  it('lists models and collections', async () => {
    expect(await ask('find_models', { arxiv_id: PAPER })).toContain(
      'text-generation · transformers',
    );
    const collections = await ask('find_collections', { arxiv_id: PAPER });
    expect(collections).toContain('1. Alignment\n   by org · 12 upvotes · 3 items');
    expect(world.services.hub.requests.at(-1)?.query.get('item')).toBe(`papers/${PAPER}`);
    expect(await ask('find_models', { arxiv_id: '2401.00001' })).toContain('(nothing found)');
    expect(await askError('find_models', { arxiv_id: 'DOI:10.1/1' })).toContain('is no arXiv id');
  });

  it('shows all kinds, and the error of the part that fails', async () => {
    world.services.hub.fail(/\/api\/models/, { status: 500, json: { error: 'boom' } }, 9);
    const text = await ask('find_all_resources', { arxiv_id: PAPER, limit: 4 });
    expect(text).toMatch(/## Datasets \(the first 4\)\n1\. org\/datasets-0/);
    expect(text).toMatch(/## Models\nThis part failed: The Hub failed at models/);
    expect(text).toContain('## Spaces');
    expect(text).toContain('## Collections (1)');
    world.services.hub.fail(/.*/, { status: 500 }, 99);
    expect(await askError('find_all_resources', { arxiv_id: '2401.00009' })).toMatch(
      /^\[remote\/failed\]/,
    );
  });
});

describe('Semantic Scholar', () => {
  it('gets its key, and at most one request a second across parallel calls', async () => {
    world = await startResearch({
      env: { SEMANTIC_SCHOLAR_API_KEY: TEST_TOKENS.scholar, HF_TOKEN: TEST_TOKENS.hub },
    });
    servePapers(world.services);
    await Promise.all([
      ask('citation_graph', { arxiv_id: PAPER }),
      ask('paper_details', { arxiv_id: PAPER }),
      ask('recommend', { arxiv_id: PAPER }),
    ]);
    const { requests } = world.services.scholar;
    expect(requests).toHaveLength(4);
    expect(requests.every(({ headers }) => headers['x-api-key'] === TEST_TOKENS.scholar)).toBe(
      true,
    );
    expect(world.clock.pauses.filter((ms) => ms > 900 && ms <= 1000)).toHaveLength(3);
  });

  it('names the key and the page when the quota is used up', async () => {
    world.services.scholar.fail(/.*/, { status: 429, headers: { 'retry-after': '120' } }, 9);
    const text = await askError('recommend', { arxiv_id: PAPER });
    expect(text).toMatch(/^\[remote\/rate-limited\] .*for 2 min/);
    expect(text).toMatch(/S2_API_KEY \(https:\/\/www\.semanticscholar\.org/);
  });
});
