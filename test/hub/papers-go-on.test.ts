/** hf_papers through MCP where it is easily untrue: filters that nobody applies, lists that cannot go on, papers without an id. */
import { beforeEach, describe, expect, it } from 'vitest';
import { PAPER, servePapers } from '../fakes/hub/paper-routes.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

let world: ResearchWorld;
beforeEach(async () => {
  world = await startResearch();
  servePapers(world.services);
});

const ask = async (operation: string, args: Record<string, unknown> = {}): Promise<string> =>
  (await call(world.client, 'hf_papers', { operation, ...args })).text;
const cursorOf = (text: string): string => /cursor=([\w-]+)/.exec(text)?.[1] ?? '';

describe('a search whose filters could not be applied', () => {
  it('goes on without them, says so again, and is not taken for the filtered one', async () => {
    const args = { query: 'q', min_citations: 5, limit: 3 };
    world.services.scholar.fail(/.*/, { status: 503, text: 'down' }, 9);
    const first = await ask('search', args);
    expect(first).toMatch(/^filters not applied \(/);
    const before = world.services.scholar.requests.length;
    const second = await ask('search', { ...args, cursor: cursorOf(first) });
    expect(second.split('\n')[0]).toMatch(/^filters not applied \(as in the answer/);
    expect(second).toContain('4. Paper 3');
    expect(second).not.toContain('3. Paper 2');
    expect(world.services.scholar.requests).toHaveLength(before);
    const other = { ...args, min_citations: 6, cursor: cursorOf(first) };
    expect(await callError(world.client, 'hf_papers', { operation: 'search', ...other })).toContain(
      'does not continue this call',
    );
  });

  it('stays an error where it was going on with the filtered one', async () => {
    const args = { query: 'q', min_citations: 5, limit: 3 };
    const cursor = cursorOf(await ask('search', args));
    world.clock.advance(25 * 3_600_000);
    world.services.scholar.fail(/.*/, { status: 503, text: 'down' }, 9);
    expect(
      await callError(world.client, 'hf_papers', { operation: 'search', ...args, cursor }),
    ).toMatch(/^\[remote\/failed\]/);
  });
});

it.each([
  ['trending', { date_from: '2025-01-01', min_citations: 3 }, ['date_from', 'min_citations']],
  ['search', { query: 'q', date: '2026-01' }, ['date']],
  ['snippet_search', { query: 'q', sort_by: 'citationCount' }, ['sort_by']],
  ['find_models', { arxiv_id: PAPER, query: 'small' }, ['query']],
  ['paper_details', { arxiv_id: PAPER, section: '2' }, ['section']],
] as const)('tells of what %s does not read', async (operation, args, names) => {
  const text = await ask(operation, args);
  for (const name of names)
    expect(text).toMatch(
      new RegExp(`Note: ${name} does nothing in operation "${operation}"; it belongs to \\w`),
    );
});

it('says nothing of defaults that a model fills in', async () => {
  const filled = {
    query: 'q',
    direction: 'both',
    sort_by: 'relevance',
    sort: 'downloads',
    offset: 0,
    positive_ids: [],
    date: '',
    section: null,
  };
  expect(await ask('search', filled)).not.toContain('does nothing');
});

it('leads on only to papers that can be asked for', async () => {
  const nameless = { paperId: 'a'.repeat(40), title: 'Nameless', year: 2020 };
  const named = { ...nameless, title: 'Named', externalIds: { CorpusId: 7 } };
  world.services.scholar.on('GET', /.*\/citations/, () => ({
    json: { data: [{ isInfluential: true, citingPaper: nameless }, { citingPaper: named }] },
  }));
  world.services.scholar.on('GET', /.*\/references/, () => ({
    json: { data: [{ citedPaper: nameless }] },
  }));
  expect(await ask('citation_graph', { arxiv_id: PAPER })).toContain('arxiv_id="CorpusId:7"');
  const alone = await ask('citation_graph', { arxiv_id: PAPER, direction: 'references' });
  expect(alone).toContain('1. Nameless');
  expect(alone).not.toContain('Next:');
});

it('names the page for what no operation lists further', async () => {
  const text = await ask('find_all_resources', { arxiv_id: PAPER, limit: 3 });
  expect(text).toContain(`(more: ${world.services.hub.url}/papers/${PAPER})`);
  expect(text).toContain('(more: operation="find_models")');
});
