/** sandbox_snapshot: the file system of a sandbox, kept beyond its end. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';

const DAY_MS = 24 * 3_600_000;

export const sandboxSnapshot = defineTool({
  name: 'sandbox_snapshot',
  toolset: 'sandbox',
  title: 'Keep the files of a sandbox',
  description:
    'Keeps the file system of a running sandbox for another to start from. Variables, loaded models and volumes are not in it. The provider may charge for storage.',
  input: z.strictObject({
    sandbox_id: z.string().describe('Sandbox id.'),
    description: z.string().min(1).max(500).describe('What is in it, for whoever looks later.'),
    ttl_days: z
      .number()
      .positive()
      .max(3650)
      .optional()
      .describe('Days until it is deleted. Default: 30.'),
  }),
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: true },
  async run({ sandbox_id, description, ttl_days = 30 }, { sandboxes, sessions, signal }) {
    await sessions.refuseClosed(sandbox_id);
    const ttlMs = Math.round(ttl_days * DAY_MS);
    const { snapshotId, expiresMs, remarks } = await sandboxes.snapshot(
      sandbox_id,
      { description, ttlMs },
      signal,
    );
    const until =
      expiresMs === undefined ? [] : [`kept until: ${new Date(expiresMs).toISOString()}`];
    return textResult([`snapshot_id: ${snapshotId}`, ...until, ...remarks].join('\n'), {
      snapshot_id: snapshotId,
    });
  },
});
