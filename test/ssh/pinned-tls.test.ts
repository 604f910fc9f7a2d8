/** TLS to one certain certificate, from here and through a real sshd (S26, S27). */
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDirectRoute } from '#platform/direct-route.ts';
import type { HostRoute } from '#platform/host.ts';
import { listenPinned } from '#platform/pinned-tls.ts';
import type { RelayListener } from '#platform/relay-socket.ts';
import { createSshHost } from '#platform/ssh-host.ts';
import { closed, connectTo, echo, readToEnd, startByteServer } from '../rigs/byte-servers.ts';
import { isMissing } from '../rigs/require.ts';
import { sshdIsMissing, startSshd } from '../rigs/sshd.ts';

const certFile = process.env['GLOVEBOX_TEST_CERT'] ?? '';
const isOpensslMissing = isMissing('openssl', certFile !== '', 'apt-get install -y openssl');

describe.skipIf(isOpensslMissing)('a pinned listener', () => {
  let server: Server;
  let port: number;
  let received: number;
  let failures: string[];
  const listeners: RelayListener[] = [];
  const cert = certFile === '' ? '' : readFileSync(certFile, 'utf8');
  const own = (): string => new X509Certificate(cert).fingerprint256;

  beforeEach(async () => {
    received = 0;
    failures = [];
    const key = readFileSync(process.env['GLOVEBOX_TEST_KEY'] ?? '', 'utf8');
    server = createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, (socket) => {
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => (received += chunk.length));
      socket.pipe(socket);
    });
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.close();
    server.close();
  });

  async function portTo(route: HostRoute, fingerprint: string): Promise<number> {
    const onFailure = (error: Error): void => void failures.push(error.message);
    const listener = await listenPinned({ route, fingerprint }, { onFailure });
    listeners.push(listener);
    return listener.port;
  }
  const direct = (to = port): HostRoute => createDirectRoute({ host: '127.0.0.1', port: to });

  test('S27: carries bytes both ways, to their end', async () => {
    const socket = await connectTo(await portTo(direct(), own()));
    const bytes = randomBytes(3_000_000);
    socket.end(bytes);
    expect((await readToEnd(socket)).equals(bytes)).toBe(true);
    expect(failures).toEqual([]);
  });

  test('S27: sends nothing to a server with another certificate', async () => {
    const socket = await connectTo(await portTo(direct(), own().replaceAll('A', 'B')));
    socket.write('the token');
    await closed(socket);
    expect(failures).toEqual([expect.stringMatching(/another certificate/)]);
    expect(received).toBe(0);
  });

  test('S27: nor to one that speaks plainly, or that is not there', async () => {
    const plain = await startByteServer((socket) => socket.end('HTTP/1.1 400 no\r\n\r\n'));
    await closed(await connectTo(await portTo(direct(plain.port), own())));
    await plain.stop();
    await closed(await connectTo(await portTo(direct(plain.port), own())));
    expect(failures).toEqual([
      expect.stringMatching(/^TLS failed: /),
      expect.stringMatching(/cannot be reached: .*ECONNREFUSED/),
    ]);
  });

  test.skipIf(sshdIsMissing())(
    'S26: over SSH it heals with the connection that carries it',
    async () => {
      const sshd = await startSshd();
      try {
        const { destination, configFile, controlFolder } = sshd;
        const host = createSshHost({ destination, configFile, controlFolder, env: process.env });
        const near = await portTo(host.routeTo({ host: '127.0.0.1', port }), own());
        const says = async (text: string): Promise<string> => {
          const socket = await connectTo(near);
          socket.end(text);
          return (await readToEnd(socket)).toString();
        };
        expect(await says('first')).toBe('first');
        // Another process that wants the same takes the forwarding that is there.
        const other = createSshHost({ destination, configFile, controlFolder, env: process.env });
        const routes = [host, other].map((each) => each.routeTo({ host: '127.0.0.1', port }));
        const sockets = await Promise.all(routes.map((route) => route.connect()));
        const [one, two] = sockets.map((socket) => socket.remotePort);
        expect(one).toBe(two);
        for (const socket of sockets) socket.destroy();
        await sshd.kill();
        const socket = await connectTo(near);
        await closed(socket);
        await sshd.start();
        await expect.poll(() => says('second').catch(String), { timeout: 20_000 }).toBe('second');
        expect(sshd.logins()).toBe(2);
      } finally {
        await sshd.stop();
      }
    },
  );

  test('a route to where nobody listens says so, from here and for each caller', async () => {
    const gone = await startByteServer(echo);
    await gone.stop();
    await expect(direct(gone.port).connect()).rejects.toMatchObject({
      code: 'server/unreachable',
    });
    await expect(direct().connect(AbortSignal.abort())).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
