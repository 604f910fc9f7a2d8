/** The watch over secrets that stands behind every test sees what it is there for, by each way to send a request. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TEST_TOKENS } from '../fakes/hub/fake-services.ts';
import { takeSeen } from '../rigs/secret-watch.ts';

const server = createServer((_, response) => response.end('ok'));
let port = 0;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' ? (address?.port ?? 0) : 0;
});
afterAll(() => void server.close());

/** Whatever the name is, it leads to this machine: nothing leaves it. */
async function send(host: string, path: string, headers: Record<string, string>): Promise<void> {
  const lookup: LookupFunction = (_, { all }, callback) =>
    all === true
      ? callback(null, [{ address: '127.0.0.1', family: 4 }])
      : callback(null, '127.0.0.1', 4);
  const outgoing = request({ host, port, path, headers, lookup, agent: false });
  outgoing.end();
  const [answer] = await once(outgoing, 'response');
  answer.resume();
}

it.each([
  ['a header', 'huggingface.co', '/x', { Authorization: `Bearer ${TEST_TOKENS.hub}` }],
  ['a header of another name', 'example.test', '/x', { 'X-Extra': TEST_TOKENS.github }],
  ['an address', 'example.test', `/x?token=${TEST_TOKENS.hub}`, {}],
  ['a key', 'api.semanticscholar.org', '/x', { 'x-api-key': 'anything' }],
])('sees a secret in %s', async (_, host, path, headers) => {
  await send(host, path, headers);
  expect(takeSeen()).toEqual([expect.stringContaining(host)]);
});

it('sees what fetch sends', async () => {
  const headers = { authorization: `Bearer ${TEST_TOKENS.hub}` };
  await expect(fetch('http://nowhere.invalid/x', { headers })).rejects.toThrow(/fetch failed/);
  expect(takeSeen()).toEqual(['nowhere.invalid: authorization']);
});

it('says nothing of what stays on this machine, or carries nothing', async () => {
  await send('127.0.0.1', '/x', { authorization: `Bearer ${TEST_TOKENS.hub}` });
  await send('example.test', '/models/hf_name', { accept: 'text/html' });
  expect(takeSeen()).toEqual([]);
});
