import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { takeSeen } from '../../../test/rigs/secret-watch.ts';
import { httpRequest } from '../http.ts';

/** A proxy that writes down who wants to go where, and answers with `status`. */
async function startProxy(status: string) {
  const asked: IncomingMessage[] = [];
  const sent: Buffer[] = [];
  const server = createServer().listen(0, '127.0.0.1');
  server.on('connect', (request, socket) => {
    asked.push(request);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      sent.push(chunk);
      socket.end('this is no TLS');
    });
    socket.write(`HTTP/1.1 ${status}\r\n\r\n`);
  });
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { asked, sent, host: `127.0.0.1:${port}` };
}

const request = (proxy: string) =>
  httpRequest({
    method: 'GET',
    url: 'https://service.test/secret-path?q=secret',
    headers: { authorization: 'Bearer hf_secret' },
    timeoutMs: 5000,
    isPublicOnly: true,
    proxy,
  });

it('asks the proxy for the host alone, and shows it nothing of the request', async () => {
  const { asked, sent, host } = await startProxy('200 Connection established');
  await expect(request(`http://me:p%40ss@${host}`)).rejects.toMatchObject({ code: 'http/failed' });
  expect(asked.map(({ method, url }) => [method, url])).toEqual([['CONNECT', 'service.test:443']]);
  expect(asked[0]?.headers['proxy-authorization']).toBe(
    `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
  );
  expect(JSON.stringify(asked[0]?.headers)).not.toContain('hf_secret');
  // The handshake of TLS begins with a record of this kind.
  expect(sent[0]?.[0]).toBe(0x16);
  expect(Buffer.concat(sent).toString('latin1')).not.toContain('secret');
  // Node began the request inside of the tunnel, as far as the watch over secrets can see.
  expect(takeSeen()).toEqual(['service.test: authorization']);
});

it('says what the proxy answered, without its address', async () => {
  const { host } = await startProxy('407 Proxy Authentication Required');
  const failing = request(`http://me:password@${host}`);
  await expect(failing).rejects.toMatchObject({
    code: 'http/failed',
    message: expect.stringContaining('407'),
  });
  await expect(failing).rejects.toMatchObject({ message: expect.not.stringContaining('password') });
});

it('refuses what is no proxy, without showing it', async () => {
  await expect(request('socks5://me:password@host')).rejects.toMatchObject({
    code: 'config/invalid',
    message: expect.not.stringContaining('password'),
  });
});
