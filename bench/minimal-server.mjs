/** The least that answers an MCP handshake and lists one tool: the floor for starting a server. Written by hand, no SDK. */
import { createInterface } from 'node:readline';

const ANSWERS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'minimal', version: '0' },
  }),
  'tools/list': () => ({
    tools: [{ name: 'nothing', description: 'Does nothing.', inputSchema: { type: 'object' } }],
  }),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = ANSWERS[method]?.(params ?? {}) ?? {};
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`);
});
