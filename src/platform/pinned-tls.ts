/** A port of this machine that leads through TLS to a server with one certain certificate, and to no other. */
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { HostRoute } from './host.ts';
import { listenOnLoopback, type RelayListener } from './relay-socket.ts';

export interface PinnedTarget {
  readonly route: HostRoute;
  /** SHA-256 of the server's certificate: 32 pairs of hexadecimal digits in capitals, with colons. */
  readonly fingerprint: string;
}

export interface PinnedListenOptions {
  /** Taken where it is free. */
  readonly port?: number;
  /** Why a connection did not come about; its near end is reset. */
  readonly onFailure: (error: GloveboxError) => void;
}

/** Not a byte of a connection leaves before the certificate is the expected one. */
export function listenPinned(
  { route, fingerprint }: PinnedTarget,
  { port, onFailure }: PinnedListenOptions,
): Promise<RelayListener> {
  return listenOnLoopback(port, (near) => {
    near.pause().on('error', () => undefined);
    openPinned(route, fingerprint).then(
      (far) => join(near, far),
      (error: unknown) => {
        near.resetAndDestroy();
        onFailure(toFailure(error));
      },
    );
  });
}

async function openPinned(route: HostRoute, fingerprint: string): Promise<TLSSocket> {
  const socket = await route.connect();
  return new Promise((resolve, reject) => {
    // No authority vouches for a certificate that was made an hour ago: the pin is stricter than all of them.
    const far = connectTls({ socket, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
    const fail = (error: Error): void => {
      far.destroy();
      socket.destroy();
      reject(error);
    };
    far.once('error', fail).once('close', () => fail(new Error('the connection was closed')));
    far.once('secureConnect', () => {
      if (far.getPeerCertificate().fingerprint256 !== fingerprint) return fail(stranger());
      far.removeAllListeners('close').off('error', fail);
      return resolve(far);
    });
  });
}

/** TLS knows no half-closed connection, so the end of one side is, once everything is through, that of the other. */
function join(near: Socket, far: TLSSocket): void {
  far.on('error', () => near.resetAndDestroy());
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroySoon());
  near.pipe(far);
  far.pipe(near);
}

function toFailure(error: unknown): GloveboxError {
  if (error instanceof GloveboxError) return error;
  return new GloveboxError('server/unreachable', `TLS failed: ${messageOf(error)}`, {
    hint: 'Something else may listen there.',
    cause: error,
  });
}

const stranger = (): GloveboxError =>
  new GloveboxError(
    'server/unreachable',
    'What listens there shows another certificate than the server that was started. Nothing was sent to it.',
    { hint: 'Stop the sandbox and start another one.' },
  );
