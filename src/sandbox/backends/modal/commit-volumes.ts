/** Commits the volumes of a sandbox that is about to be ended: what is not would be lost with it. */
import type { SandboxHandle } from '#sandbox/backend.ts';
import { throwIfAborted } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import { withLimit } from '#platform/with-limit.ts';
import { leaseOf, machineIn, traceOf } from '#sandbox/rented/lease.ts';
import type { Connection } from './connection.ts';

/** The end of a machine that costs money does not wait for longer. */
const LIMIT_MS = 20_000;

/** As well as it can be done: whatever fails, the sandbox is ended. @throws nothing but `cancelled`. */
export async function commitVolumes(
  { id, data }: SandboxHandle,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  const { provider, clock, modal } = connection;
  try {
    const { commits } = data;
    const mounts = Array.isArray(commits) ? commits.filter((one) => typeof one === 'string') : [];
    const lease = await leaseOf(provider, id).read();
    const machine = machineIn(id, traceOf(lease, data));
    const wasUsed = lease?.phase === 'running' && lease.readyMs !== undefined;
    if (mounts.length === 0 || machine === undefined || !wasUsed) return;
    const sdk = await connection.sdk();
    await withLimit({ clock, limitMs: LIMIT_MS, signal, who: provider.name }, (limited) =>
      sdk.exec(machine.id, ['sync', ...mounts], { timeoutMs: LIMIT_MS, signal: limited }),
    );
  } catch (error) {
    throwIfAborted(signal);
    modal.log.info(`Volumes of sandbox ${id} could not be committed: ${messageOf(error)}`);
  }
}
