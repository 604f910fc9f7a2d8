/** sandbox_bash: one shell command in a sandbox. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { defineTool } from '../define-tool.ts';
import { sandboxId, waitS } from '../parameters.ts';
import { renderCommand } from '../render-command.ts';
import { followRun, waitOf } from '../render-run.ts';

const DEFAULT_TIMEOUT_S = 60;
const MAX_TIMEOUT_S = 7 * 24 * 3600;

export const sandboxBash = defineTool({
  name: 'sandbox_bash',
  toolset: 'sandbox',
  title: 'Run a shell command in a sandbox',
  description:
    'Runs one command with bash in a sandbox and answers with exit code, stdout and stderr. Each call is a shell of its own: no cd or variable stays. Nothing is sent twice. ' +
    'After wait_s the answer is a run_id and the command goes on: get_run follows it, interrupt_kernel ends it. At timeout_s the command and all its children are ended. ' +
    "Long output is shown as beginning and end; all of it is in a file for sandbox_read. On the local back end this is the user's machine, without isolation.",
  input: z.strictObject({
    sandbox_id: sandboxId,
    command: z.string().min(1).describe('The command, as bash takes it.'),
    cwd: z
      .string()
      .optional()
      .describe('Folder to run in. Default: the project, or the workspace of the sandbox.'),
    stdin: z.string().optional().describe('Text for its standard input. Default: none.'),
    timeout_s: z
      .number()
      .positive()
      .max(MAX_TIMEOUT_S)
      .optional()
      .describe('Seconds until it is ended (default 60).'),
    wait_s: waitS,
  }),
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const { shell, sessions } = context;
    const timeoutS = input.timeout_s ?? DEFAULT_TIMEOUT_S;
    if (input.command.includes('\0') || input.cwd?.includes('\0') === true) {
      throw new GloveboxError('input/invalid', 'A command cannot contain NUL characters.', {
        hint: 'Put binary data into a file, or give it in stdin as base64 and decode it there.',
      });
    }
    const started = await shell.start(
      {
        sandboxId: input.sandbox_id,
        command: input.command,
        timeoutMs: timeoutS * 1000,
        ...(input.cwd !== undefined && { cwd: input.cwd }),
        ...(input.stdin !== undefined && { stdin: input.stdin }),
      },
      waitOf(input.wait_s, context),
    );
    const { run, session } = started;
    await followRun(run, input.wait_s, context, () => sessions.cancelAfterCall(session, run));
    return renderCommand(run.view(), started.sandboxId, context.settings.outputChars());
  },
});
