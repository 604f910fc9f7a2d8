/** Modal as one who rents out machines: how they stand, how they are reached, and how they are ended. */
import { MARK } from '#sandbox/rented/marks.ts';
import type { Machine } from '#sandbox/rented/lease.ts';
import type { Look, Provider } from '#sandbox/rented/provider.ts';
import { Access } from './access.ts';
import type { Connection } from './connection.ts';
import { endOf, howOf } from './ends.ts';

/** The service tells pieces of a log, not lines; of these, one call tells so many at most. */
const MAX_PIECES = 2000;

/** Does no I/O. */
export function modalProvider(connection: Connection): Provider {
  const { modal, clock } = connection;
  const access = new Access(connection);

  return {
    name: 'Modal',
    brand: 'Modal',
    clock,
    log: modal.log,
    dir: () => connection.settings().dir,
    limits: { endMs: modal.limits?.endMs },
    words: ({ id }) => `Modal sandbox ${id}`,
    page: () => 'https://modal.com/apps',
    endpoint: (machine, signal) => access.endpoint(machine, signal),

    async madeBy(op, _trace, signal) {
      const sdk = await connection.sdk();
      return (await sdk.list({ [MARK.op]: op }, signal)).map(({ id }) => id);
    },

    async look({ id }: Machine, signal): Promise<Look> {
      const sdk = await connection.sdk();
      const code = await sdk.poll(id, signal);
      if (code !== 'running')
        return { isOver: true, how: howOf(code), reason: (facts) => endOf(code, facts) };
      return {
        isOver: false,
        isQueued: false,
        endpoint: (machine) => access.endpoint(machine, signal),
      };
    },

    async end({ id }, signal) {
      const sdk = await connection.sdk();
      await sdk.terminate(id, signal);
    },

    async readLog({ id }, lines, signal) {
      const sdk = await connection.sdk();
      const text = await sdk.log(id, Math.min(MAX_PIECES, Math.max(lines, 100)), signal);
      const all = text.split(/\r?\n/);
      return all.filter((line, at) => line !== '' || at < all.length - 1).slice(-lines);
    },
  };
}
