/** What whoever ends a sandbox of somebody else is told. */
import { GloveboxError } from '#core/errors.ts';

/** @param owner a project, or what else it belongs to */
export const notOwned = (id: string, owner: string): GloveboxError =>
  new GloveboxError(
    'sandbox/not-owned',
    `Sandbox ${id} belongs to ${owner}, and somebody may be working in it. It was not ended.`,
    {
      hint: `Only when the user wants exactly that: sandbox_stop(sandbox_id="${id}", force=true), glovebox stop ${id} --force, or terminate({ force: true }).`,
    },
  );
