/** TCP connections through the shared SSH connection to one port of its far side, which heal when the connection was lost. */
import { createHash } from 'node:crypto';
import { abandonOn } from '#core/abort.ts';
import { connectTo, isRefused } from './direct-route.ts';
import type { HostRoute } from './host.ts';
import { openForward, type SshForward } from './ssh-forward.ts';
import type { SshSettings } from './ssh-options.ts';

/** Does no I/O: the forwarding is opened for the first connection, and anew when it is found dead. */
export function createSshRoute(
  settings: SshSettings,
  to: { readonly host: string; readonly port: number },
): HostRoute {
  let forward: Promise<SshForward> | undefined;
  let lastPort = usualPort(settings, to);

  const open = (signal?: AbortSignal): Promise<SshForward> => {
    // One attempt for all who want it.
    forward ??= openForward(settings, to, { port: lastPort }).then(
      (opened) => {
        lastPort = opened.port;
        return opened;
      },
      (error: unknown) => {
        forward = undefined;
        throw error;
      },
    );
    return abandonOn(forward, signal);
  };

  return {
    async connect(signal) {
      const { port } = await open(signal);
      try {
        return await connectTo('127.0.0.1', port, signal);
      } catch (error) {
        if (!isRefused(error)) throw error;
        // It went with the connection that carried it. Who found that first has opened another one by now.
        if (lastPort === port) forward = undefined;
        return connectTo('127.0.0.1', (await open(signal)).port, signal);
      }
    },
    close() {
      void forward?.then((opened) => opened.close()).catch(() => undefined);
      forward = undefined;
    },
  };
}

/** Below those that systems give out by themselves. */
const PORTS = { lowest: 20_000, count: 12_000 };

/** The same in every process: ssh takes the wish for a forwarding that it has for granted, so that they do not pile up there. */
function usualPort(
  { destination }: SshSettings,
  { host, port }: { readonly host: string; readonly port: number },
): number {
  const hash = createHash('sha256').update([destination, host, port].join('\0')).digest();
  return PORTS.lowest + (hash.readUInt32BE(0) % PORTS.count);
}
