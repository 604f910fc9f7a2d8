/** What the library works with: the same services as the tools, opened at the first call that needs them. */
import type { AdmitAll } from '#sandbox/joint-admission.ts';
import type { Sandboxes, SandboxRequest, SandboxWait } from '#sandbox/sandboxes.ts';
import type { Replacements } from '#session/replace-sandbox.ts';
import type { Sessions } from '#session/sessions.ts';
import type { SandboxFiles } from '#shell/files.ts';
import type { Shell } from '#shell/shell.ts';
import type { Transfer } from '#shell/transfer.ts';
import { GloveboxError } from '#core/errors.ts';
import type { Interfaces } from '#workspace/interfaces.ts';
import type { Workspace } from '#workspace/workspace.ts';
import type { Progress } from '#sandbox/backend.ts';

/** Whoever runs a set-up script, and is told what it made. */
export interface ScriptHost {
  /** Called before anything is made at the provider, so that it can be ended when the script dies. */
  created(this: void, sandboxId: string): void;
  /** Takes the one line. Resolves when it cannot be lost any more. */
  ready(this: void, line: string): Promise<void>;
}

export interface Engine {
  /** The user's project on this machine, an absolute path. */
  readonly projectDir: string;
  readonly sandboxes: Sandboxes;
  readonly sessions: Sessions;
  readonly shell: Shell;
  readonly files: SandboxFiles;
  readonly transfer: Transfer;
  readonly workspace: Workspace;
  readonly interfaces: Interfaces;
  readonly replacements: Replacements;
  /** The folder that new notebooks go to. */
  notebookDir(this: void): string;
  /** What each request for a sandbox carries beside what the program asks for: who answers for it. */
  requestTerms(this: void, wait: SandboxWait): Partial<SandboxRequest>;
  /** As `requestTerms`, for several that are asked for together. */
  admitAll(this: void, wait: SandboxWait): AdmitAll | undefined;
  /** Shows how far a call is, where the caller gave nothing for it. */
  readonly report: (progress: Progress) => void;
  readonly host: ScriptHost;
  /** Puts everything onto disk and closes what is open here; sandboxes and kernels live on. */
  close(this: void): Promise<void>;
}

let open: (() => Promise<Engine>) | undefined;
let opened: Promise<Engine> | undefined;

/** Called once by whoever puts the library together; tests call it again. */
export function provideEngine(how: () => Promise<Engine>): void {
  open = how;
  opened = undefined;
}

/** Opened at the first call; one that failed is tried again by the next. @throws `config/invalid`. */
export function engine(): Promise<Engine> {
  if (open === undefined) {
    return Promise.reject(new GloveboxError('internal', 'The library was not put together.'));
  }
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/**
 * Puts everything onto disk and closes the connections of this program; sandboxes, sessions and their runs live on, and the next
 * call opens them again. A program that ends by itself does it by itself.
 */
export async function close(): Promise<void> {
  const last = opened;
  opened = undefined;
  await (await last?.catch(() => undefined))?.close();
}
