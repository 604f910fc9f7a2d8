/** Keeps the file system of a running sandbox as an image at Modal. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import type { SandboxHandle, Snapshot } from '#sandbox/backend.ts';
import type { Connection } from './connection.ts';
import { addressOf, ended } from './endpoint.ts';

/** The SDK's own limit is 55 s, which is little for a large one. */
const LIMIT_MS = 300_000;

export async function snapshotModal(
  { id, data }: SandboxHandle,
  ttlMs: number | null,
  connection: Connection,
  signal: AbortSignal,
): Promise<Snapshot> {
  throwIfAborted(signal);
  const record = await connection.store(id).read();
  const address = addressOf(record, data);
  if (record?.phase === 'ended' || (record === undefined && address === undefined)) throw ended(id);
  if (address === undefined || (record !== undefined && record.readyMs === undefined)) {
    throw new GloveboxError('sandbox/pending', `Sandbox ${id} is still starting.`, {
      hint: `sandbox_wait(sandbox_id="${id}") waits for it.`,
    });
  }
  const sdk = await connection.sdk();
  if ((await sdk.poll(address.modalId, signal)) !== 'running') throw ended(id);
  const snapshotId = await sdk.snapshot(address.modalId, { ttlMs, timeoutMs: LIMIT_MS, signal });
  return {
    snapshotId,
    ...(ttlMs !== null && { expiresMs: connection.clock.now() + ttlMs }),
    remarks: [
      'Not in it: volumes (weights, cache), variables, loaded models.',
      `Start from it: sandbox_create(backend="modal", options={"from_snapshot": "${snapshotId}", ...}) with the same models and volumes.`,
    ],
  };
}
