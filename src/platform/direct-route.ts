/** TCP connections from this machine to one port of another one. */
import { connect, type Socket } from 'node:net';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { errnoOf } from './files.ts';
import type { HostRoute } from './host.ts';

const LIMIT_MS = 10_000;

/** Does no I/O. */
export function createDirectRoute(to: { readonly host: string; readonly port: number }): HostRoute {
  return { connect: (signal) => connectTo(to.host, to.port, signal), close: () => undefined };
}

/** @throws `server/unreachable`, with the system's error as its cause; `cancelled`. */
export function connectTo(host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const settle = (): void => {
      socket.off('error', onError).off('connect', onConnect).setTimeout(0).off('timeout', onLimit);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: GloveboxError): void => {
      settle();
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const onError = (error: Error): void =>
      fail(unreachable(`${host}:${port} cannot be reached: ${messageOf(error)}`, error));
    const onLimit = (): void =>
      fail(unreachable(`${host}:${port} did not answer within ${LIMIT_MS / 1000} s.`));
    const onAbort = (): void => fail(cancelled(signal));
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    socket.on('error', onError).on('connect', onConnect).setTimeout(LIMIT_MS, onLimit);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export const isRefused = (error: unknown): boolean =>
  error instanceof GloveboxError && errnoOf(error.cause) === 'ECONNREFUSED';

function unreachable(message: string, cause?: unknown): GloveboxError {
  return new GloveboxError('server/unreachable', message, {
    hint: 'A firewall may be between here and there, or what listened there has ended.',
    cause,
  });
}
