/** hf_papers read_paper through MCP: sources in their order, contents, sections by every name, and text to its end. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { PAPER, servePapers } from '../fakes/hub/paper-routes.ts';
import { TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { call, callError } from '../mcp/call.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

const HTML = readFileSync(path.resolve(import.meta.dirname, '../fixtures/hub-paper.html'), 'utf8');
const NONE = { status: 404, text: 'no' };

let world: ResearchWorld;
beforeEach(async () => {
  world = await startResearch({ env: TOKEN_ENV });
  const { services } = world;
  servePapers(services);
  services.hub.on('GET', /\/papers\/(.+)\.md/, () => NONE);
  services.arxiv.on('GET', /\/html\/(.+)/, () => NONE);
  services.ar5iv.on('GET', /\/html\/(.+)/, () => NONE);
});

const read = async (args: Record<string, unknown> = {}): Promise<string> =>
  (await call(world.client, 'hf_papers', { operation: 'read_paper', arxiv_id: PAPER, ...args }))
    .text;
const readError = (args: Record<string, unknown>): Promise<string> =>
  callError(world.client, 'hf_papers', { operation: 'read_paper', arxiv_id: PAPER, ...args });
const asked = (): string[] =>
  world.services.all().map(({ service, path: at }) => `${service} ${at}`);

const MARKDOWN = [
  '# A paper',
  'Some preface.',
  '## Abstract',
  'What it says.',
  '## I. Introduction',
  'Why.',
  '## II. Method',
  'How.',
  '### Inner details',
  '## IV. Results',
  `Much. ${'Long text of the results. '.repeat(4000)}`,
  '```',
  '# no heading inside of code',
  '```',
  '## Appendix A: Proofs',
  'Proof.',
].join('\n\n');

describe('sources', () => {
  it('takes the Markdown of the Hub first', async () => {
    world.services.hub.on('GET', /\/papers\/(.+)\.md/, () => ({ text: MARKDOWN }));
    const text = await read();
    expect(text).toContain('source: Hugging Face Markdown');
    expect(asked()).toEqual([`hub /papers/${PAPER}.md`]);
  });

  it('takes arXiv next, with the version that was given, when the Markdown is only an abstract', async () => {
    world.services.hub.on('GET', /\/papers\/(.+)\.md/, () => ({
      text: '# Title\n\n## Abstract\n\nx',
    }));
    world.services.arxiv.on('GET', /\/html\/(.+)/, () => ({ text: HTML, gzip: true }));
    expect(await read({ arxiv_id: `${PAPER}v2` })).toContain('source: arXiv HTML');
    expect(asked()).toEqual([`hub /papers/${PAPER}.md`, `arxiv /html/${PAPER}v2`]);
  });

  it('takes ar5iv after that, then the abstract with the address of the PDF', async () => {
    const text = await read();
    expect(text).toContain('only the abstract');
    expect(text).toContain('Abstract of Direct Preference Optimization');
    expect(text).toContain(`${world.services.arxiv.url}/pdf/${PAPER}`);
    expect(asked()).toEqual([
      `hub /papers/${PAPER}.md`,
      `hub /api/papers/${PAPER}`,
      `arxiv /html/${PAPER}`,
      `ar5iv /html/${PAPER}`,
    ]);
    world.services.ar5iv.on('GET', /\/html\/(.+)/, () => ({ text: HTML }));
    world.clock.advance(61_000);
    expect(await read()).toContain('source: ar5iv HTML');
  });

  it('does not follow ar5iv to another host, and says not found when nobody has it', async () => {
    world.services.ar5iv.on('GET', /\/html\/(.+)/, () => ({
      status: 302,
      headers: { location: `${world.services.foreign.url}/abs/${PAPER}` },
    }));
    const text = await readError({ arxiv_id: '2401.99999' });
    expect(text).toMatch(/^\[remote\/failed\] No text of 2401\.99999/);
    expect(world.services.foreign.requests).toEqual([]);
    world.services.ar5iv.on('GET', /\/html\/(.+)/, () => ({
      status: 307,
      headers: { location: `${world.services.arxiv.url}/abs/${PAPER}` },
    }));
    expect(await readError({ arxiv_id: '2401.99997' })).toMatch(/^\[remote\/not-found\]/);
    world.services.ar5iv.on('GET', /\/html\/(.+)/, () => NONE);
    expect(await readError({ arxiv_id: '2401.99998' })).toMatch(/^\[remote\/not-found\]/);
  });
});

describe('HTML', () => {
  it('keeps the words beside a formula in a cell, and fences code that has fences in it', async () => {
    const row =
      '<tr><td>12.3<math alttext="\\pm"></math>0.4 <b>best</b> of all</td><td>x</td></tr>';
    const code = '<pre>```\n# a heading?\n```</pre>';
    world.services.arxiv.on('GET', /\/html\/(.+)/, () => ({
      text: `<article><h1>T</h1><h2>1 Table</h2><table>${row}${row}</table>${code}<h2>2 In C#</h2>b</article>`,
    }));
    const text = await read({ section: '1' });
    expect(text).toContain('| 12.3$\\pm$0.4 best of all | x |');
    expect(text).toContain('````\n```\n# a heading?\n```\n````');
    expect(await read({ section: '2' })).toContain('## 2 In C#');
  });

  beforeEach(() => world.services.arxiv.on('GET', /\/html\/(.+)/, () => ({ text: HTML })));

  it('shows abstract and contents with lengths and beginnings', async () => {
    const text = await read();
    expect(text).toContain('# Preferences without Rewards');
    expect(text).toContain('Abstract: We show that $\\beta$ matters.');
    expect(text).toMatch(
      /2 Method \(23 characters, with subsections \d+\)\n {2}Own text of the method\./,
    );
    expect(text).toMatch(/\n {2}2\.1 Loss function \(/);
    expect(text).toContain('A.1 Lemma');
    expect(text).toContain('section="2")');
    for (const noise of ['var x', 'A book', 'A. Author', 'Generated', 'Contents</a>'])
      expect(text).not.toContain(noise);
  });

  it('3: gives the list of references on request only', async () => {
    expect(await read()).toMatch(/\nReferences \(\d+ characters\)\n/);
    const list = await read({ section: 'references' });
    expect(list).toContain('A book.');
    expect(list).not.toContain('A proof.');
  });

  it('renders formulas and tables, and repeats nothing', async () => {
    const text = await read({ section: '2' });
    expect(text).toContain('$L=-\\log\\sigma(x)$');
    expect(text).toContain(
      '| name | value |  |\n| --- | --- | --- |\n| learning rate | $10^{-6}$ | a\\|b |',
    );
    expect(text).toContain('Table 1: Hyper-parameters.');
    expect(text.match(/Text below the loss/g)).toHaveLength(1);
    expect(text).not.toContain('Results of training');
  });

  it.each([
    ['2.1', '### 2.1 Loss function'],
    ['section 3', '## 3 Experiments'],
    ['A', 'A proof.'],
    ['Appendix A', 'Of the lemma.'],
    ['A.1', 'Of the lemma.'],
    ['loss FUNCTION', 'Text below the loss.'],
    ['2.1 Loss function', 'Text below the loss.'],
    ['lemma', 'Of the lemma.'],
    ['abstract', 'We show that'],
  ])('14.7: finds %s', async (section, expected) => {
    expect(await read({ section })).toContain(expected);
  });

  it('says what there is when a name fits nothing or too much', async () => {
    expect(await readError({ section: 'conclusion' })).toMatch(
      /is no section of this paper:\n {2}1 Introduction/,
    );
    const many = await readError({ section: 'tion' });
    expect(many).toMatch(/fits several sections:\n {2}1 Introduction\n {2}2\.1 Loss function/);
    expect(many).not.toContain('Experiments');
  });
});

describe('14.7: Markdown', () => {
  beforeEach(() => world.services.hub.on('GET', /\/papers\/(.+)\.md/, () => ({ text: MARKDOWN })));

  it('finds roman numbers', async () => {
    expect(await read({ section: 'IV', max_chars: 1000 })).toContain('## IV Results');
    expect(await read({ section: 'ii' })).toContain('How.');
    expect(await read({ section: 'Appendix A' })).toContain('Proof.');
  });

  it('reads a section of 100,000 characters to its end, each part within its budget', async () => {
    let whole = '';
    let parts = 0;
    for (let offset: number | undefined = 0; offset !== undefined; parts += 1) {
      const text = await read({ section: 'IV', offset, max_chars: 40_000 });
      expect(text.length).toBeLessThanOrEqual(40_000);
      whole += text;
      const next = /more: offset=(\d+)\]$/.exec(text)?.[1];
      offset = next === undefined ? undefined : Number(next);
    }
    expect(parts).toBe(3);
    expect(whole.match(/Long text of the results\./g)?.length).toBeGreaterThanOrEqual(3998);
    expect(whole).toContain('# no heading inside of code');
    expect(await readError({ section: 'IV', offset: 10_000_000 })).toContain('beyond the end');
  });

  it('says that a limit was out of range', async () => {
    const text = await read({ section: 'ii', max_chars: 10 });
    expect(text).toContain('Note: max_chars=10 is out of range: 1000 was used.');
  });
});
