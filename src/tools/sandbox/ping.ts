/** ping: every layer between here and a kernel, asked by itself. */
import * as z from 'zod';
import { messageOf } from '#core/errors.ts';
import { defineTool, textResult, type ToolContext } from '../define-tool.ts';

const CONTROL_MS = 2_000;

export const ping = defineTool({
  name: 'ping',
  toolset: 'sandbox',
  title: 'Check the way to a kernel',
  description:
    'Asks each layer (record, sandbox, Jupyter server, kernel) and says which answers and how fast. Never fails and is not delayed by running code; "unknown" is a possible answer.',
  input: z.strictObject({
    session_id: z
      .string()
      .optional()
      .describe("Check this session's kernel too. Default: only the sandboxes of the project."),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  async run(input, context) {
    const lines =
      input.session_id === undefined
        ? await pingSandboxes(context)
        : await pingSession(input.session_id, context);
    return textResult(lines.join('\n'));
  },
});

async function layer(name: string, ask: () => Promise<string>): Promise<string> {
  const startMs = performance.now();
  const answer = await ask().catch((error: unknown) => `unknown: ${messageOf(error)}`);
  return `${name}: ${answer} (${Math.round(performance.now() - startMs)} ms)`;
}

const sandboxLayers = (
  id: string,
  { sandboxes, sessions, signal }: ToolContext,
): Promise<readonly string[]> =>
  Promise.all([
    layer(`sandbox ${id}`, async () => {
      const { status } = await sandboxes.get(id, signal);
      return status.end === undefined ? status.state : `ended: ${status.end.message}`;
    }),
    layer('jupyter server', async () => {
      const { kernels } = await sessions.server(id).status(signal);
      return `answers, ${kernels} kernel${kernels === 1 ? '' : 's'}`;
    }),
  ]);

async function pingSandboxes(context: ToolContext): Promise<readonly string[]> {
  const views = await context.sandboxes
    .list({ projectDir: context.projectDir }, context.signal)
    .catch(() => []);
  if (views.length === 0)
    return ['glovebox: answers', 'No sandbox is running; start_new_notebook starts the local one.'];
  const layers = await Promise.all(views.map(({ id }) => sandboxLayers(id, context)));
  return ['glovebox: answers', ...layers.flat()];
}

async function pingSession(sessionId: string, context: ToolContext): Promise<readonly string[]> {
  const known = (await context.sessions.list(true)).find(({ id }) => id === sessionId);
  if (known === undefined)
    return ['glovebox: answers', `session ${sessionId}: no such session; list_sessions shows them`];
  const record = `session ${sessionId}: ${known.state}${known.detail === undefined ? '' : `: ${known.detail}`}`;
  const layers = await sandboxLayers(known.sandboxId, context);
  const kernel = await Promise.all([
    layer('kernel, asked at the server', async () => {
      const model = await context.sessions
        .server(known.sandboxId)
        .kernel(known.kernelId, context.signal);
      return model === undefined ? 'gone' : `there, says ${model.executionState}`;
    }),
    layer('kernel, asked itself', async () => {
      const link = await context.sessions.openLink(sessionId);
      if (link === undefined) return 'not connected from this process';
      return (await link.channel.pingControl(CONTROL_MS, context.signal))
        ? 'answers'
        : `no answer within ${CONTROL_MS / 1000} s`;
    }),
  ]);
  return ['glovebox: answers', record, ...layers, ...kernel];
}
