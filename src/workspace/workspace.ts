/** What notebooks find besides Python itself: libraries of the user, imports, and hidden code at the beginning. */
import path from 'node:path';
import { realpath } from 'node:fs/promises';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionBeginning } from '#session/contract.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import type { Session } from '#session/session.ts';
import { refuseOutside } from '#platform/local-tree.ts';
import { beginSession } from './begin-session.ts';
import { installLibraries, type InstalledLibrary } from './install-libraries.ts';
import { Library } from './library.ts';

export interface WorkspaceSpec extends SessionBeginning {
  readonly libraries: readonly Library[];
}

export interface Workspace {
  /** What the options of the project say. @throws `config/invalid`, and as the makers of `Library`. */
  ofProject(): Promise<WorkspaceSpec>;
  /** Before a kernel is started: its libraries are there. @throws as `installLibraries`. */
  install(
    libraries: readonly Library[],
    sandboxId: string | undefined,
    wait: SandboxWait,
  ): Promise<readonly InstalledLibrary[]>;
  /**
   * In a fresh kernel, after its models; kept with the session, so that `beginAgain` does the same in the next kernel.
   *
   * @returns the id of the run that goes on when the wait is over first. @throws `kernel/library-failed`; the session stays.
   */
  begin(
    session: Session,
    beginning: SessionBeginning,
    wait: SandboxWait,
  ): Promise<string | undefined>;
  /** After a restart. */
  beginAgain(session: Session, wait: SandboxWait): Promise<string | undefined>;
}

export interface WorkspaceOptions {
  readonly helpers: HelperKernels;
  readonly projectDir: string;
  readonly clock: Clock;
  /** The text of one of our Python files. */
  source(this: void, name: string): Promise<string>;
  settings(this: void): {
    /** Relative to the project. */
    readonly libraries: readonly string[];
    readonly imports: readonly string[];
    readonly initCode: string | undefined;
  };
}

export function createWorkspace(options: WorkspaceOptions): Workspace {
  const { helpers, projectDir, clock, source, settings } = options;
  const begin = async (
    session: Session,
    beginning: SessionBeginning,
    wait: SandboxWait,
  ): Promise<string | undefined> => {
    // Imports and code are Python; a kernel of another language does without.
    if (session.record.kernel.language.toLowerCase() !== 'python') return undefined;
    return beginSession(session, beginning, await source('begin_session.py'), wait);
  };
  return {
    async ofProject() {
      const { libraries, imports, initCode } = settings();
      const root = libraries.length === 0 ? projectDir : await realpath(projectDir);
      return {
        libraries: await Promise.all(libraries.map((place) => libraryAt(root, place))),
        imports,
        ...(initCode !== undefined && { initCode }),
      };
    },
    install: (libraries, sandboxId, wait) =>
      installLibraries(
        { helpers, clock, source: () => source('libraries.py') },
        sandboxId,
        libraries,
        wait,
      ),
    async begin(session, { imports, initCode, env }, wait) {
      const beginning = {
        imports,
        ...(initCode !== undefined && { initCode }),
        ...(env !== undefined && { env }),
      };
      if (imports.length > 0 || initCode !== undefined || env !== undefined)
        await session.updateRecord({ beginning });
      return begin(session, beginning, wait);
    },
    async beginAgain(session, wait) {
      const { beginning } = session.record;
      return beginning === undefined ? undefined : begin(session, beginning, wait);
    },
  };
}

/** A glovebox.toml may come from somebody else: what it names stays in the project. */
async function libraryAt(root: string, place: string): Promise<Library> {
  const absolute = path.resolve(root, place);
  const real = await realpath(absolute).catch(() => absolute);
  refuseOutside(real, root, place);
  return Library.fromPath(real);
}
