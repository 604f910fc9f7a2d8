/**
 * Watches every request that the process of a test makes, and fails the test that sends a secret to a host that is not on this
 * machine. Fakes record what reaches them; this sees what would have reached others.
 */
import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { afterEach, expect } from 'vitest';

/** What the tokens of the services begin with, those of tests too. */
const SECRET = /\b(hf|ghp|gho|github_pat|sk|ak|as)_[\w-]{16,}|\bs2-test-key\b/;
const SECRET_HEADERS = ['authorization', 'x-api-key', 'cookie', 'proxy-authorization'];
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/;

const seen: string[] = [];

function look(host: string, path: string, headers: Readonly<Record<string, unknown>>): void {
  if (LOOPBACK.test(host)) return;
  const carried = Object.entries(headers).filter(
    ([name, value]) => SECRET_HEADERS.includes(name.toLowerCase()) || SECRET.test(String(value)),
  );
  if (carried.length === 0 && !SECRET.test(path)) return;
  seen.push(`${host}: ${carried.map(([name]) => name).join(', ') || 'in the address'}`);
}

subscribe('http.client.request.start', (message) => {
  const request: unknown = Object(message).request;
  if (request instanceof ClientRequest)
    look(request.host, request.path, { ...request.getHeaders() });
});
subscribe('undici:request:create', (message) => {
  const { origin, path, headers } = Object(Object(message).request);
  const pairs: readonly unknown[] = Array.isArray(headers) ? headers : [];
  const named = pairs.flatMap((name, at) => (at % 2 === 0 ? [[String(name), pairs[at + 1]]] : []));
  look(new URL(String(origin)).hostname, String(path), Object.fromEntries(named));
});

/** What was seen since the last question, for the test of this watch. */
export const takeSeen = (): readonly string[] => seen.splice(0);

afterEach(() => {
  expect(takeSeen(), 'secrets that went to hosts elsewhere').toEqual([]);
});
