/** What the Modal back end is told from outside. */
import type { Clock } from '#platform/clock.ts';
import type { Environment } from '#platform/environment.ts';
import type { Log } from '#platform/log.ts';
import type { CodeServerArchives } from './code-server.ts';
import type { Layout } from '#sandbox/layout.ts';

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
  /** What the user knows of Modal's prices: see `rates.ts`. */
  readonly prices: readonly string[];
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
  /** Instead of the pinned editor, for tests. */
  readonly codeServer?: CodeServerArchives;
  /** Shorter ones for tests: of an idle kernel, of a server without kernels, and of trying to end a machine. */
  readonly limits?: {
    readonly idleS?: number;
    readonly emptyServerS?: number;
    readonly endMs?: number;
  };
  readonly clock: Clock;
  readonly log: Log;
}
