/** sandbox_transfer: files and folders between the project and a sandbox. */
import * as z from 'zod';
import { renderBytes } from '#core/units.ts';
import type { Reloaded } from '#shell/reload.ts';
import type { Transferred } from '#shell/project-transfer.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { sandboxId } from '../parameters.ts';
import { waitOf } from '../render-run.ts';

export const sandboxTransfer = defineTool({
  name: 'sandbox_transfer',
  toolset: 'sandbox',
  title: 'Move files into or out of a sandbox',
  description:
    'Copies a file or folder between the project (local_path) and a sandbox, byte by byte. A pushed folder leaves out what .gitignore names. ' +
    'Other files at the target are replaced only with overwrite. Same files are not sent again.',
  input: z.strictObject({
    sandbox_id: sandboxId,
    direction: z.enum(['push', 'pull']).describe('push: into the sandbox.'),
    local_path: z.string().min(1).describe('In the project.'),
    remote_path: z.string().min(1).describe('In the sandbox, as for sandbox_read.'),
    overwrite: z.boolean().optional().describe('Default: false.'),
    reload: z
      .boolean()
      .optional()
      .describe('After a push, reload changed Python modules in all sessions there.'),
  }),
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: true },
  async run(input, context) {
    const { projectTransfer } = context;
    const wait = waitOf(undefined, context);
    const request = {
      sandboxId: input.sandbox_id,
      localPath: input.local_path,
      remotePath: input.remote_path,
      overwrite: input.overwrite === true,
    };
    const moved = await projectTransfer[input.direction](request, wait);
    const reloads =
      input.reload === true && input.direction === 'push'
        ? await context.reload(moved.sandboxId, moved.changed, wait)
        : [];
    const text = [...render(moved, input.direction), ...reloads.map(reloadLine)].join('\n');
    const { sandboxId: id, files, bytes, sha256 } = moved;
    return textResult(text, { sandbox_id: id, files, bytes, sha256 });
  },
});

function render(moved: Transferred, direction: 'push' | 'pull'): readonly string[] {
  const { localPath, remotePath, isFolder, files, bytes, unchanged, sha256, leftOut } = moved;
  const [from, to] = direction === 'push' ? [localPath, remotePath] : [remotePath, localPath];
  const count = isFolder ? `${files} files, ${renderBytes(bytes)}` : `${bytes} bytes`;
  const same = unchanged === 0 ? '' : `, ${isFolder ? unchanged : 'which was'} there already`;
  const more = leftOut.length > 10 ? `, ... (${leftOut.length})` : '';
  return [
    `${from} -> ${to}: ${count}${same}`,
    `sha256: ${sha256}${isFolder ? ' (of the lines "SHA256  NAME", sorted)' : ''}`,
    ...(leftOut.length === 0 ? [] : [`left out: ${leftOut.slice(0, 10).join(', ')}${more}`]),
  ];
}

function reloadLine({ sessionId, outcome }: Reloaded): string {
  if ('waiting' in outcome)
    return `session ${sessionId} is busy: modules are imported anew when it is free (run ${outcome.waiting})`;
  if ('error' in outcome) return `session ${sessionId}: not imported anew: ${outcome.error}`;
  const { reloaded, failed } = outcome;
  const done =
    reloaded.length === 0 ? 'had imported none of them' : `imported anew: ${reloaded.join(', ')}`;
  return [`session ${sessionId} ${done}`, ...failed.map((text) => `FAILED: ${text}`)].join('\n');
}
