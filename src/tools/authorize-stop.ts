/** Asks policy before a sandbox is ended: whose it is, and what is lost with it. For the tool and for commands. */
import { notOwned } from '#sandbox/not-owned.ts';
import { fact } from '#policy/prompt.ts';
import type { Person } from './authorize.ts';
import type { ToolServices } from './define-tool.ts';

export interface StopServices extends Pick<ToolServices, 'authorize' | 'projectDir'> {
  readonly sandboxes: Pick<ToolServices['sandboxes'], 'origin'>;
  readonly sessions: {
    list(
      all: boolean,
    ): Promise<readonly { readonly sandboxId: string; readonly notebookPath: string }[]>;
  };
  readonly spend: Pick<ToolServices['spend'], 'session'>;
}

export interface StopManner {
  /** The caller has named exactly this one and says that it is meant, whoever it belongs to. */
  readonly force: boolean;
  /** All conversations of the project are those of the person at the terminal. Default: an agent asks, which has its own only. */
  readonly isPerson?: boolean;
}

/**
 * Somebody else's conversation may be working in it. Where a client names no session, whoever works in the project may stop it.
 *
 * @throws GloveboxError `sandbox/unknown`; `sandbox/not-owned` without `force`; as `Authorize`.
 */
export async function authorizeStop(
  id: string,
  { authorize, projectDir, sandboxes, sessions, spend }: StopServices,
  person: Person,
  { force, isPerson = false }: StopManner,
): Promise<void> {
  const { session, projectDir: itsProject, backend } = await sandboxes.origin(id);
  const isOfProject = itsProject === projectDir;
  const isOurs = isOfProject && (session === undefined || session === spend.session());
  if (!force && !isOurs && !(isPerson && isOfProject))
    throw notOwned(id, isOfProject ? 'another conversation' : itsProject);
  const inside = (await sessions.list(false)).filter(({ sandboxId }) => sandboxId === id);
  await authorize(
    {
      tool: 'sandbox_stop',
      operation: '',
      question: `Stop the sandbox ${id}? All variables in its kernels are lost.`,
      facts: [
        fact('backend', backend),
        fact('project', itsProject),
        fact('sessions', inside.map(({ notebookPath }) => notebookPath).join(', ') || 'none'),
      ],
      binding: { id },
      about: { isOurs },
    },
    person,
  );
}
