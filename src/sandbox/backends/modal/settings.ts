/** What the Modal back end is told from outside. */
import type { Clock } from '#platform/clock.ts';
import type { Environment } from '#platform/environment.ts';
import type { Log } from '#platform/log.ts';

/** Where things are inside a sandbox. Relative paths count from the working folder of its main process. */
export interface Layout {
  readonly workspace: string;
  readonly models: string;
  readonly cache: string;
  /** Private files of ours. */
  readonly state: string;
  /** What Jupyter listens on. */
  readonly ip: string;
  readonly port: number;
  /** Who runs Jupyter and kernels when the container starts as root; absent: nobody else. */
  readonly user?: { readonly name: string; readonly uid: number };
}

/** Whose container it is; files of kernels belong to this user. */
const CONTAINER_USER = { name: 'gbx', uid: 1000 };

/** @param root `/` in a container of its own; any other folder belongs to somebody else, so no user is made then. */
export function layoutBelow(root: string, port: number): Layout {
  const base = root.replace(/\/+$/, '');
  const isContainer = root === '/';
  return {
    workspace: `${base}/workspace`,
    models: `${base}/models`,
    cache: `${base}/cache`,
    state: `${base}/var/lib/glovebox`,
    // Which address a tunnel needs is not documented; nothing but the tunnel leads to it.
    ip: isContainer ? '0.0.0.0' : '127.0.0.1',
    port,
    ...(isContainer && { user: CONTAINER_USER }),
  };
}

/** Read anew at each use, so that a bad value hurts only who needs it. */
export interface ModalSettings {
  /** Glovebox's own folder. */
  readonly dir: string;
  /** Folder with the Python files that run inside. */
  readonly pythonDir: string;
  readonly appName: string;
  readonly environment?: string | undefined;
  /** Instead of what the SDK finds by itself: its variables, its profile. */
  readonly token?: { readonly id: string; readonly secret: string };
  /** The folder inside a sandbox below which everything of ours is. */
  readonly root: string;
  /** The user's variables, for secrets that are named in options. */
  readonly variables: Environment;
  /** The Hugging Face Hub, without a slash at the end. */
  readonly hubUrl: string;
  /** A token for it that the user gave to Glovebox, to check what is gated. */
  readonly hubToken?: string | undefined;
}

export interface ModalContext {
  readonly settings: () => ModalSettings;
  /** Where things are inside, asked once for each start; instead of what settings and options say. */
  readonly layout?: () => Promise<Layout>;
  /** Shorter ones for tests: of an idle kernel, of a server without kernels, and of trying to end a machine. */
  readonly limits?: {
    readonly idleS?: number;
    readonly emptyServerS?: number;
    readonly endMs?: number;
  };
  readonly clock: Clock;
  readonly log: Log;
}
