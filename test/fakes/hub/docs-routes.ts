/** Documentation on the fakes: the list of products, pages, both searches, Gradio, and the description of the API. */
import type { FakeServices } from './fake-services.ts';

const PRODUCTS = [
  { id: 'transformers', url: 'https://huggingface.co/docs/transformers', category: 'Libraries' },
  { id: 'trl', url: '/docs/trl', category: 'Libraries' },
  { id: 'text-generation-inference', url: 'https://huggingface.co/docs/text-generation-inference' },
  { id: 'optimum', url: 'https://huggingface.co/docs/optimum' },
  { id: 'optimum-neuron', url: 'https://huggingface.co/docs/optimum-neuron' },
  { id: 'llm-course', url: 'https://huggingface.co/learn/llm-course' },
  { id: 'agents-course', url: 'https://huggingface.co/learn/agents-course' },
  { not: 'a product' },
];

export const LONG_PAGE = [
  '<!-- licence -->',
  '# Trainer[[trainer]]',
  'The trainer trains.',
  '## Quick start[[quick-start]]',
  '```python\n# a comment that is no heading\nfrom trl import SFTTrainer\n```',
  '## Save memory',
  `Use gradient checkpointing to save memory. ${'More about memory. '.repeat(900)}`,
  '### Offloading weights',
  'Move them to the CPU.',
  '## API of the trainer[[trl.SFTTrainer]]',
  `Arguments of the trainer. ${'An argument. '.repeat(900)}`,
].join('\n\n');

const hit = (url: string, text: string, more: object = {}) => ({
  text,
  product: 'trl',
  heading1: 'Trainer',
  heading2: 'Save memory',
  source_page_url: url,
  source_page_title: 'SFT Trainer',
  ...more,
});

export function serveDocs({ hub, gradio }: FakeServices): void {
  hub.on('GET', /\/api\/docs/, () => ({ json: PRODUCTS }));
  hub.on('GET', /\/(docs|learn)\/([\w-]+)\/llms\.txt/, ({ match: [kind, slug], origin }) => ({
    text: [
      `# ${slug}`,
      `- [Quick tour](${origin}/${kind}/${slug}/main/en/quicktour.md)`,
      `- [Bert](https://huggingface.co/${kind}/${slug}/v4.57.0/en/model_doc/bert.md)`,
      `- [Gemma](/${kind}/${slug}/v4.57.0/en/model_doc/gemma.md)`,
      '- [Elsewhere](https://evil.test/docs/trl/x.md)',
      '- [Another product](/docs/datasets/index.md)',
    ].join('\n'),
  }));
  hub.on('GET', /\/docs\/trl\/llms\.txt/, () => ({ status: 404 }));
  hub.on('GET', /\/docs\/trl/, () => ({
    headers: { 'content-type': 'text/html' },
    text: '<html><nav><a href="/docs/trl/v0.2/en/sft_trainer">SFT <b>Trainer</b></a><a class="x" href="/docs/trl/v0.2/en/dpo_trainer#usage">DPO Trainer</a><a href="https://evil.test/docs/trl/x">x</a></nav></html>',
  }));
  hub.on('GET', /\/docs\/trl\/v0\.2\/en\/sft_trainer\.md/, () => ({ text: LONG_PAGE }));
  hub.on('GET', /\/blog\/post\.md/, () => ({ status: 404 }));
  hub.on('GET', /\/blog\/post/, () => ({
    headers: { 'content-type': 'text/html; charset=utf-8' },
    text: '<!doctype html><html><body><header>Menu</header><main><h1>A post</h1><p>Some <b>bold</b> text, <a href="/docs/trl">a link</a>.</p><pre><code>code &lt;here&gt;</code></pre></main><footer>Foot</footer></body></html>',
  }));
  hub.on('GET', /\/api\/docs\/search/, ({ query, origin }) => ({
    json:
      query.get('q') === 'zzz'
        ? []
        : [
            hit(
              '/docs/trl/v0.2/en/sft_trainer#save-memory',
              `Meaning first. ${'Long. '.repeat(400)}`,
            ),
            hit(`${origin}/docs/trl/v0.2/en/dpo_trainer.md#loss`, 'Meaning second.'),
            hit('/docs/transformers/main/en/trainer#x', 'Of another product.', {
              product: 'transformers',
            }),
            hit('https://evil.test/docs/trl/x', 'From elsewhere.'),
          ],
  }));
  hub.on('GET', /\/api\/docs\/search\/full-text/, ({ query }) => ({
    json: {
      hits:
        query.get('q') === 'zzz'
          ? []
          : [
              {
                url: '/docs/trl/v0.2/en/dpo_trainer#loss',
                hierarchy_lvl0: 'DPO <em>Trainer</em>',
                content: 'Words first.',
              },
              {
                url: 'https://huggingface.co/docs/trl/v0.2/en/grpo#y',
                hierarchy_lvl0: 'GRPO',
                content: 'Words second.',
              },
            ],
    },
  }));
  gradio.on('GET', /\/llms\.txt/, () => ({
    text: [
      '# Gradio',
      '- [Chatbot](https://www.gradio.app/docs/gradio/chatbot): A component that shows a conversation.',
      '- [Blocks and events](/guides/blocks-and-event-listeners): How events work.',
      '- [State](/guides/state-in-blocks): Keeping a chatbot conversation.',
      '- [Elsewhere](https://evil.test/x)',
    ].join('\n'),
  }));
  gradio.on('GET', /\/docs\/gradio\/chatbot\.md/, () => ({
    text: '# Chatbot\n\nShows a conversation.',
  }));
  hub.on('GET', /\/\.well-known\/openapi\.json/, () => ({
    json: OPENAPI,
    headers: { etag: '"api1"' },
  }));
}

const json = (schema: object) => ({ 'application/json': { schema } });

const OPENAPI = {
  openapi: '3.1.0',
  security: [{ bearer: [] }],
  components: {
    schemas: {
      Repo: {
        type: 'object',
        properties: {
          id: { type: 'string' },
          private: { type: 'boolean' },
          self: { $ref: '#/components/schemas/Repo' },
        },
      },
    },
    parameters: {
      Limit: {
        name: 'limit',
        in: 'query',
        description: 'How many',
        schema: { type: 'integer', default: 100 },
      },
    },
  },
  paths: {
    '/api/models': {
      get: {
        operationId: 'listModels',
        summary: 'List models',
        description: 'Lists models with filters.',
        tags: ['Repositories'],
        security: [{}, { bearer: [] }],
        parameters: [
          { $ref: '#/components/parameters/Limit' },
          { name: 'sort', in: 'query', required: true, schema: { enum: ['downloads', 'likes'] } },
        ],
        responses: {
          200: {
            description: 'OK',
            content: json({ type: 'array', items: { $ref: '#/components/schemas/Repo' } }),
          },
        },
      },
    },
    '/api/repos/create': {
      post: {
        operationId: 'createRepo',
        summary: 'Create a repository',
        tags: ['Repositories'],
        requestBody: {
          content: json({
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', description: 'Its name', example: 'my-model' },
              private: { type: 'boolean' },
            },
          }),
        },
        responses: {
          200: { description: 'Created', content: json({ $ref: '#/components/schemas/Repo' }) },
          409: { description: 'It exists' },
          401: { description: 'No' },
          500: { description: 'Never shown' },
        },
      },
    },
    '/api/spaces/{id}/hardware': {
      post: {
        operationId: 'requestHardware',
        summary: 'Change hardware of a Space',
        tags: ['Spaces'],
        parameters: [{ name: 'id', in: 'path', schema: { type: 'string' } }],
        responses: {},
      },
    },
    '/api/broken': { get: 'nonsense' },
  },
};
