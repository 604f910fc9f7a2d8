/** Finds a TCP port that nobody listens on. */
import { createServer } from 'node:net';
import { GloveboxError } from '#core/errors.ts';

export interface PortRange {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/**
 * A port that was free a moment ago; whoever wants it must be ready to find it taken. Without a range the operating system
 * chooses, with one the search begins at a random place in it, so that several starts at once rarely meet.
 *
 * @throws `sandbox/start-failed` when every port of the range is taken.
 */
export async function findFreePort(host: string, { min, max }: PortRange = {}): Promise<number> {
  if (min === undefined && max === undefined) {
    const port = await tryPort(host, 0);
    if (port !== undefined) return port;
  }
  const lowest = min ?? 1024;
  const size = (max ?? 65_535) - lowest + 1;
  const offset = Math.floor(Math.random() * size);
  for (let tried = 0; tried < size; tried += 1) {
    const port = await tryPort(host, lowest + ((offset + tried) % size));
    if (port !== undefined) return port;
  }
  const range = `${lowest} to ${lowest + size - 1}`;
  throw new GloveboxError('sandbox/start-failed', `No port from ${range} is free on ${host}.`, {
    hint: 'Widen GLOVEBOX_PORT_MIN and GLOVEBOX_PORT_MAX, or unset both.',
  });
}

function tryPort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(found));
    });
  });
}
