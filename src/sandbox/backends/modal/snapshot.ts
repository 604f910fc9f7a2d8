/** Keeps the file system of a running sandbox as an image at Modal. */
import type { SandboxHandle, Snapshot } from '#sandbox/backend.ts';
import type { Connection } from './connection.ts';
import { leaseOf } from '#sandbox/rented/lease.ts';
import { pending, runningMachine } from '#sandbox/rented/life.ts';

/** The SDK's own limit is 55 s, which is little for a large one. */
const LIMIT_MS = 300_000;

export async function snapshotModal(
  handle: SandboxHandle,
  ttlMs: number | null,
  connection: Connection,
  signal: AbortSignal,
): Promise<Snapshot> {
  const machine = await runningMachine(handle, connection.provider, signal);
  const lease = await leaseOf(connection.provider, handle.id).read();
  if (lease !== undefined && lease.readyMs === undefined) throw pending(handle.id);
  const sdk = await connection.sdk();
  const snapshotId = await sdk.snapshot(machine.id, { ttlMs, timeoutMs: LIMIT_MS, signal });
  return {
    snapshotId,
    ...(ttlMs !== null && { expiresMs: connection.clock.now() + ttlMs }),
    remarks: [
      'Not in it: volumes (weights, cache), variables, loaded models.',
      `Start from it: sandbox_create(backend="modal", options={"from_snapshot": "${snapshotId}", ...}) with the same models and volumes.`,
    ],
  };
}
