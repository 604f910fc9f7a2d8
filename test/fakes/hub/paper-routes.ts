/** Papers on the fakes, in the shapes of the real services: one well-known paper with everything, and many others. */
import * as z from 'zod';
import type { FakeServices } from './fake-services.ts';

const batch = z.object({ ids: z.array(z.string()) });

export const PAPER = '2305.18290';

const hubPaper = (id: string, title: string, more: object = {}) => ({
  id,
  title,
  summary: `Abstract of ${title}. It says what was done and what came out, in some sentences.`,
  authors: Array.from({ length: 12 }, (_, n) => ({
    _id: `a${n}`,
    name: `Author ${n + 1}`,
    hidden: false,
  })),
  publishedAt: '2023-05-29T17:57:46.000Z',
  upvotes: 64,
  ai_keywords: ['preference learning', 'reward model'],
  ...more,
});

export const thePaper = hubPaper(PAPER, 'Direct Preference Optimization', {
  ai_summary: 'A summary that a model made.',
  githubRepo: 'https://github.com/eric-mitchell/direct-preference-optimization',
  githubStars: 2345,
  projectPage: 'https://example.test/dpo',
});

/** Number n of a list without an end. */
const listed = (n: number) => ({
  paper: hubPaper(
    `2401.${String(10_000 + n)}`,
    `Paper ${n} about ${n % 7 === 0 ? 'Mixture of Experts' : 'things'}`,
    { upvotes: 500 - n },
  ),
  publishedAt: '2024-01-20T00:00:00.000Z',
  title: `Paper ${n}`,
  numComments: 2,
});

export const scholarPaper = (n: number, more: object = {}) => ({
  paperId: `s2id${n}`,
  externalIds: { ArXiv: `2305.${String(18_290 + n)}`, DOI: `10.1/${n}`, CorpusId: 1000 + n },
  url: `https://www.semanticscholar.org/paper/s2id${n}`,
  title: n === 0 ? 'Direct Preference Optimization' : `Scholar paper ${n}`,
  abstract: `Abstract ${n}. ${'Words and more words. '.repeat(30)}`,
  venue: 'NeurIPS',
  year: 2023,
  publicationDate: '2023-05-29',
  citationCount: 4000 - n,
  influentialCitationCount: 700,
  fieldsOfStudy: ['Computer Science'],
  openAccessPdf: { url: 'https://arxiv.org/pdf/2305.18290' },
  authors: [{ authorId: '1', name: 'R. Rafailov' }],
  ...more,
});

/** A list of the service that is cut by `offset` and `limit`. */
const range = (query: URLSearchParams, total: number): number[] => {
  const offset = Number(query.get('offset') ?? 0);
  const limit = Number(query.get('limit') ?? 10);
  return Array.from(
    { length: Math.max(0, Math.min(limit, total - offset)) },
    (_, at) => offset + at,
  );
};

export function servePapers({ hub, scholar }: FakeServices): void {
  hub.on('GET', /\/api\/daily_papers/, ({ query }) => {
    const limit = Number(query.get('limit'));
    const first = Number(query.get('p')) * limit;
    const count = Math.max(0, Math.min(limit, 180 - first));
    return { json: Array.from({ length: count }, (_, at) => listed(first + at)) };
  });
  hub.on('GET', /\/api\/papers\/search/, ({ query }) => ({
    json:
      query.get('q') === 'nothing'
        ? []
        : Array.from({ length: Number(query.get('limit')) }, (_, at) => listed(at)),
  }));
  hub.on('GET', /\/api\/papers\/(?!search)([\w./-]+)/, ({ match: [id] }) =>
    id === PAPER ? { json: thePaper } : { status: 404, json: { error: 'Paper not found' } },
  );
  scholar.on('GET', /\/graph\/v1\/paper\/search/, ({ query }) => ({
    json: { total: 1234, offset: 0, data: range(query, 1234).map((n) => scholarPaper(n)) },
  }));
  scholar.on('GET', /\/graph\/v1\/paper\/search\/bulk/, ({ query }) => {
    const page = Number((query.get('token') ?? 'page0').slice(4));
    const rows = Array.from({ length: page === 2 ? 5 : 20 }, (_, at) =>
      scholarPaper(page * 20 + at),
    );
    return { json: { total: 45, data: rows, ...(page < 2 && { token: `page${page + 1}` }) } };
  });
  scholar.on('GET', /\/graph\/v1\/paper\/(?!search)([^/]+(?:\/[^/]+)?)/, ({ match: [id] }) =>
    id === `ARXIV:${PAPER}` || id === 'DOI:10.1/0' || id === 'CorpusId:1000'
      ? {
          json: scholarPaper(0, {
            tldr: { model: 'tldr@v2', text: 'Preferences without reward models.' },
          }),
        }
      : { status: 404, json: { error: 'Paper with id not found' } },
  );
  scholar.on('GET', /\/graph\/v1\/paper\/([^/]+)\/citations/, () => ({
    json: {
      offset: 0,
      next: 1000,
      data: Array.from({ length: 40 }, (_, n) => ({
        contexts: ['We build upon it here.', 'And once more.', 'A third mention.'],
        intents: ['methodology'],
        isInfluential: n === 30,
        citingPaper: scholarPaper(n + 1),
      })),
    },
  }));
  scholar.on('GET', /\/graph\/v1\/paper\/([^/]+)\/references/, () => ({
    json: {
      offset: 0,
      data: [
        { contexts: [], intents: [], isInfluential: false, citedPaper: scholarPaper(90) },
        { contexts: [], intents: [], isInfluential: null, citedPaper: null },
      ],
    },
  }));
  scholar.on('GET', /\/graph\/v1\/snippet\/search/, ({ query }) => ({
    json: {
      data: range(query, 30).map((n) => ({
        score: 1 - n / 100,
        paper: {
          corpusId: String(1000 + n),
          title: `Scholar paper ${n}`,
          authors: ['A'],
          openAccessInfo: {},
        },
        snippet: {
          text: `A passage number ${n}. ${'It goes on. '.repeat(60)}`,
          snippetKind: 'body',
          section: 'Results',
        },
      })),
      retrievalVersion: 'pa1-v1',
    },
  }));
  scholar.on('POST', /\/graph\/v1\/paper\/batch/, ({ body }) => {
    const { ids } = batch.parse(JSON.parse(body.toString()));
    return {
      json: ids.map((id) =>
        id === 'CorpusId:1001' ? null : scholarPaper(Number(id.slice(9)) - 1000),
      ),
    };
  });
  const recommended = {
    json: { recommendedPapers: Array.from({ length: 30 }, (_, n) => scholarPaper(n + 200)) },
  };
  scholar.on('GET', /\/recommendations\/v1\/papers\/forpaper\/([^/]+)/, () => recommended);
  scholar.on('POST', /\/recommendations\/v1\/papers\//, () => recommended);
  serveRepos({ hub });
}

function serveRepos({ hub }: Pick<FakeServices, 'hub'>): void {
  for (const kind of ['datasets', 'models', 'spaces'] as const) {
    hub.on('GET', new RegExp(`/api/${kind}`), ({ query, origin }) => {
      const first = Number(query.get('cursor') ?? 0);
      const limit = Number(query.get('limit'));
      const total = query.get('filter') === `arxiv:${PAPER}` ? 23 : 0;
      const items = Array.from(
        { length: Math.max(0, Math.min(limit, total - first)) },
        (_, at) => ({
          _id: `${first + at}`,
          id: `org/${kind}-${first + at}`,
          downloads: 10_000 - first - at,
          likes: 7,
          gated: at === 1 ? 'manual' : false,
          tags: ['arxiv:2305.18290', 'region:us', 'language:en', 'dpo', 'a', 'b', 'c', 'd'],
          description: kind === 'datasets' ? 'Pairs of answers.\n\tWith preferences.' : undefined,
          pipeline_tag: kind === 'models' ? 'text-generation' : undefined,
          library_name: kind === 'models' ? 'transformers' : undefined,
          sdk: kind === 'spaces' ? 'gradio' : undefined,
        }),
      );
      const next = first + limit;
      return {
        json: items,
        ...(next < total && {
          headers: { link: `<${origin}/api/${kind}?cursor=${next}&limit=${limit}>; rel="next"` },
        }),
      };
    });
  }
  hub.on('GET', /\/api\/collections/, ({ query }) => ({
    json:
      query.get('item') === `papers/${PAPER}`
        ? [
            {
              slug: 'org/alignment-1234',
              title: 'Alignment',
              upvotes: 12,
              owner: { name: 'org' },
              items: [{}, {}, {}],
            },
          ]
        : [],
  }));
}
