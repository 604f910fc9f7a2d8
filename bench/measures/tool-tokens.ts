/** What the list of tools costs a model that reads it. */
import type { Bench, Measure } from '../bench.ts';
import type { Finding } from '../row.ts';

/** The usual estimate for English and JSON; each model counts in its own way. */
const CHARS_PER_TOKEN = 4;

export const toolTokens: Measure = {
  name: 'tool-tokens',
  async run({ server }: Bench) {
    const { tools } = await server.client.listTools();
    const alwaysLoaded = tools.filter(({ _meta }) => _meta?.['anthropic/alwaysLoad'] === true);
    return [
      tokensOf('tools/list, all tools', tools, 12_000),
      tokensOf('tools/list, the tools that are always loaded', alwaysLoaded, 4000),
    ];
  },
};

interface Listed {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: object;
}

/** Of what clients hand on to a model, at most; the hints are for themselves. */
const tokensOf = (measure: string, listed: readonly Listed[], most: number): Finding => {
  const read = listed.map(({ name, title, description, inputSchema }) => ({
    name,
    title,
    description,
    inputSchema,
  }));
  return {
    measure,
    unit: 'tokens',
    bar: { of: 'median', most },
    ours: [JSON.stringify(read).length / CHARS_PER_TOKEN],
  };
};
