/** Shell commands in any sandbox: each is a run, sent once, in a hidden kernel that has nothing else to do. */
import { newUuid } from '#core/ids.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import { pythonCall } from '#session/python-call.ts';
import type { Run } from '#session/run.ts';
import type { Session } from '#session/session.ts';

/** Of each stream; what follows is in its file, and its end is shown when the command is over. */
const STREAM_BYTES = 256 * 1024;
/** A command that writes more is taken for one that has run wild, before it fills the disk. */
const MAX_BYTES = 1024 * 1024 * 1024;

export interface ShellRequest {
  readonly sandboxId: string | undefined;
  /** A text for bash, or sh where there is none; or the words of a command, which no shell reads. */
  readonly command: string | readonly string[];
  /** The words are arguments of the interpreter of the sandbox's Python kernel. */
  readonly program?: 'python';
  /** Default: the root of the sandbox's server, which is the project or the workspace. */
  readonly cwd?: string;
  /** Without it the command finds the end of its input at once. */
  readonly stdin?: string;
  /** When the command and everything it started is ended. Counted in the sandbox, so it holds when this process is gone. */
  readonly timeoutMs: number;
}

export interface StartedCommand {
  readonly sandboxId: string;
  readonly session: Session;
  /** Its streams are those of the command; `shellResultOf` reads how it ended. */
  readonly run: Run;
}

export interface Shell {
  /**
   * Starts a command. It is sent at most once, and goes on whoever waits for it, also when this process ends: the run says how
   * it stands, to this process and to later ones. Interrupting the run ends the command and all of its children.
   *
   * @throws `sandbox/pending`, `sandbox/ended`, `shell/unavailable`, `kernel/start-failed`, `cancelled`; nothing was started then.
   */
  start(request: ShellRequest, wait: SandboxWait): Promise<StartedCommand>;
}

export interface ShellOptions {
  readonly helpers: HelperKernels;
  /** The text of `python/shell.py`. */
  source(this: void): Promise<string>;
}

export function createShell({ helpers, source }: ShellOptions): Shell {
  return {
    async start({ sandboxId, command, program, cwd, stdin, timeoutMs }, wait) {
      const shell = await source();
      const { sandbox, session, release } = await helpers.lend(sandboxId, wait);
      try {
        const code = pythonCall(shell, {
          id: newUuid(),
          command,
          program,
          cwd,
          stdin,
          timeout_s: timeoutMs / 1000,
          stream_bytes: STREAM_BYTES,
          max_bytes: MAX_BYTES,
        });
        const run = session.scratch(code);
        void run.whenFinal().then(release);
        return { sandboxId: sandbox.id, session, run };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}
