/** Reaches an https service through a proxy, inside a tunnel that the proxy cannot read. */
import { request as httpRequestOf } from 'node:http';
import { request as httpsRequestOf } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { GloveboxError } from '#core/errors.ts';

/**
 * A connection to the host of `target` through `proxy` (http or https, with credentials where it wants them). The proxy looks the
 * name up and sees nothing of what follows. The connection is for one request.
 *
 * @throws GloveboxError `config/invalid` for an address that is no proxy, `http/failed` when the proxy refuses; Node's errors.
 */
export async function openTunnel(
  proxy: string,
  target: URL,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const via = parseProxy(proxy);
  const place = `${target.hostname}:${target.port === '' ? 443 : target.port}`;
  const credentials = `${decodeURIComponent(via.username)}:${decodeURIComponent(via.password)}`;
  const headers = {
    host: place,
    ...(credentials !== ':' && {
      'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}`,
    }),
  };
  const send = via.protocol === 'https:' ? httpsRequestOf : httpRequestOf;
  const { hostname: host, port } = via;
  const options = { host, port, method: 'CONNECT', path: place, headers, signal, agent: false };
  return new Promise((resolve, reject) => {
    const outgoing = send(options);
    outgoing.on('error', reject);
    outgoing.on('connect', (answer, socket) => {
      if (answer.statusCode === 200) {
        resolve(connect({ socket, servername: target.hostname }));
        return;
      }
      socket.destroy();
      const text = `The proxy answered ${answer.statusCode} to the wish for ${place}.`;
      reject(new GloveboxError('http/failed', text, { hint: 'check GLOVEBOX_PROXY.' }));
    });
    outgoing.end();
  });
}

/** Nothing of the address is shown: it may hold credentials. */
function parseProxy(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new GloveboxError('config/invalid', 'GLOVEBOX_PROXY is no http or https address.', {
    hint: 'write it as http://host:port.',
  });
}
