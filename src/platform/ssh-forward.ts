/** Ports of this machine that lead through the shared SSH connection to what its far side can reach. */
import { GloveboxError } from '#core/errors.ts';
import { findFreePort } from './ports.ts';
import { runCommand } from './process.ts';
import { createSshControl } from './ssh-control.ts';
import { unreachable } from './ssh-errors.ts';
import { controlArguments, sshEnvironment, type SshSettings } from './ssh-options.ts';

export interface SshForward {
  /** On 127.0.0.1. Connections to it are reset when nobody listens at the other end. */
  readonly port: number;
  /** Stops listening; connections that are open live on. Idempotent; does nothing when the connection is gone. */
  close(): Promise<void>;
}

export interface ForwardOptions {
  /** Tried first, for instance that of a forwarding which was lost. Default: any free port. */
  readonly port?: number;
  readonly signal?: AbortSignal | undefined;
}

const LIMIT_MS = 10_000;
const ATTEMPTS = 5;

/**
 * Opens a forwarding to `host:port` as the far side sees it. It takes no session of its own, lives as long as the shared
 * connection, and ends with it unseen: whoever finds its port dead opens it again.
 *
 * @throws as `SshControl.ensure`; `host/unreachable` when the server allows no forwarding.
 */
export async function openForward(
  settings: SshSettings,
  to: { readonly host: string; readonly port: number },
  { port: wanted, signal }: ForwardOptions = {},
): Promise<SshForward> {
  if (!/^[A-Za-z0-9_.:-]+$/.test(to.host)) {
    throw new GloveboxError('input/invalid', `"${to.host}" is not the name of a host.`);
  }
  const route = await createSshControl(settings).ensure(signal);
  const ask = (request: 'forward' | 'cancel', port: number) => {
    const words = ['-L', `127.0.0.1:${port}:[${to.host}]:${to.port}`];
    return runCommand(controlArguments(settings, route, [request, ...words]), {
      env: sshEnvironment(settings.env),
      timeoutMs: LIMIT_MS,
      signal: request === 'forward' ? signal : undefined,
    });
  };
  let said = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    // Somebody may take it before ssh does.
    const port = attempt === 0 && wanted !== undefined ? wanted : await findFreePort('127.0.0.1');
    const { code, stderr } = await ask('forward', port);
    if (code === 0) {
      let closing: Promise<unknown> | undefined;
      return {
        port,
        close: async () => void (await (closing ??= ask('cancel', port).catch(() => undefined))),
      };
    }
    said = stderr.trim();
  }
  throw unreachable(
    settings.destination,
    `${settings.destination} forwards no port to ${to.host}: ${said}`,
  );
}
