/** attach_to_session: a session, a notebook's kernel or any kernel of a sandbox that somebody else started. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { resolveNotebookPath } from '#notebook/paths.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { modelsIn } from '#session/loaded-models.ts';
import type { Session } from '#session/session.ts';
import { outline, sessionSummary } from '../answers.ts';
import { defineTool, type ToolContext } from '../define-tool.ts';
import { sandboxId, waitS } from '../parameters.ts';
import { modelLines } from '../render-models.ts';
import { waitOf } from '../render-run.ts';

export const attachToSession = defineTool({
  name: 'attach_to_session',
  toolset: 'notebook',
  title: 'Attach to a running session or kernel',
  description:
    'Attaches to what already runs: a session by session_id, the live kernel of a notebook by notebook_path, or a kernel of a sandbox by kernel_id (also one that a person started; it is then borrowed and never deleted). ' +
    'A busy kernel can be attached. Never starts anything. Takes the line that a set-up script printed as it is.',
  input: z.strictObject({
    session_id: z
      .string()
      .optional()
      .describe('Session id (s-...), e.g. of a set-up script or an earlier conversation.'),
    notebook_path: z.string().optional().describe('Notebook whose live kernel to use.'),
    kernel_id: z.string().optional().describe('Jupyter kernel id, as list_sessions shows it.'),
    sandbox_id: sandboxId,
    jupyter_url: z
      .string()
      .optional()
      .describe(
        'As a set-up script printed it. Only compared: a session whose sandbox is not reached there is refused.',
      ),
    model_info: z
      .array(z.record(z.string(), z.json()))
      .optional()
      .describe('As a set-up script printed it; not needed.'),
    wait_s: waitS,
  }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  async run(input, context) {
    const session = await attach(input, context);
    await session.notebook.refresh();
    const text = [
      sessionSummary(session, 'Attached.'),
      ...modelLines(modelsIn(session.record)),
      `cells:\n${outline(session.notebook.cells())}`,
    ].join('\n');
    return {
      blocks: [{ type: 'text', text }],
      meta: {
        session_id: session.id,
        notebook_path: session.record.notebookPath,
        sandbox_id: session.record.sandboxId,
      },
    };
  },
});

interface AttachInput {
  readonly session_id?: string | undefined;
  readonly notebook_path?: string | undefined;
  readonly kernel_id?: string | undefined;
  readonly sandbox_id?: string | undefined;
  readonly jupyter_url?: string | undefined;
  readonly wait_s?: number | undefined;
}

async function attach(input: AttachInput, context: ToolContext): Promise<Session> {
  const { sessions, signal } = context;
  const wait = waitOf(input.wait_s, context);
  const given = [input.session_id, input.notebook_path, input.kernel_id].filter(
    (value) => value !== undefined,
  );
  if (given.length !== 1) {
    throw new GloveboxError(
      'input/invalid',
      'Give exactly one of session_id, notebook_path and kernel_id.',
      {
        hint: 'list_sessions shows all three.',
      },
    );
  }
  if (input.session_id !== undefined) {
    await checkPlace(input.session_id, input, context);
    return sessions.get(input.session_id, signal);
  }
  if (input.notebook_path !== undefined)
    return attachNotebook(input.notebook_path, input.sandbox_id, wait, context);
  return sessions.adoptKernel(
    input.kernel_id ?? '',
    { sandboxId: input.sandbox_id, folder: context.settings.notebookDir() },
    wait,
  );
}

/**
 * What somebody says about where a session is must be what its back end says, before anything is opened (F3).
 *
 * @throws `session/unknown`, `input/invalid`, and what keeps the sandbox from being asked.
 */
async function checkPlace(
  sessionId: string,
  { sandbox_id: named, jupyter_url: url }: AttachInput,
  { sessions, sandboxes, signal }: ToolContext,
): Promise<void> {
  const id = await sessions.sandboxIdOf(sessionId);
  if (id === undefined) return; // `get` says which sessions there are.
  if (named !== undefined && named !== id) {
    throw new GloveboxError(
      'input/invalid',
      `Session ${sessionId} is in sandbox ${id}, not in ${named}.`,
      { hint: `attach_to_session(session_id="${sessionId}") alone attaches to it.` },
    );
  }
  if (url === undefined) return;
  const { baseUrl } = await sandboxes.endpointSource(id)(signal);
  const { sharesHost } = await sandboxes.backend((await sandboxes.get(id, signal)).backend);
  if (isSamePlace(url, baseUrl, sharesHost)) return;
  throw new GloveboxError(
    'input/invalid',
    `Sandbox ${id} is reached at ${baseUrl}, not at the jupyter_url that was given. Nothing was sent there.`,
    { hint: `attach_to_session(session_id="${sessionId}") alone attaches to it.` },
  );
}

/** A tunnel that begins on this machine begins at another port in every process. */
function isSamePlace(given: string, reported: string, sharesHost: boolean): boolean {
  if (!URL.canParse(given)) return false;
  const one = new URL(given);
  const other = new URL(reported);
  if (one.username !== '' || one.password !== '' || one.search !== '') return false;
  const isTunnel = !sharesHost && isLoopback(one) && isLoopback(other);
  return (isTunnel || one.origin === other.origin) && withSlash(one) === withSlash(other);
}

const withSlash = ({ pathname }: URL): string => pathname.replace(/\/*$/, '/');

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);

async function attachNotebook(
  requested: string,
  sandbox: string | undefined,
  wait: SandboxWait,
  context: ToolContext,
): Promise<Session> {
  const { sessions, signal, settings, projectDir } = context;
  const path = await resolveNotebookPath({
    requested,
    notebookDir: settings.notebookDir(),
    projectDir,
  });
  const find = async (): Promise<Session | undefined> => {
    const live = await sessions.ofNotebook(path);
    return live === undefined
      ? sessions.adoptBound(path, sandbox, wait)
      : sessions.get(live.id, signal);
  };
  const found = await sessions.openInTurn(path, find, signal);
  if (found !== undefined) return found;
  throw new GloveboxError('session/unknown', `No live kernel belongs to ${path}.`, {
    hint: `start_notebook(notebook_path="${requested}") starts one.`,
  });
}
