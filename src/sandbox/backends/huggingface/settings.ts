/** What the Hugging Face back end is told from outside. */
import type { Clock } from '#platform/clock.ts';
import type { Environment } from '#platform/environment.ts';
import type { Log } from '#platform/log.ts';
import type { SshSettings } from '#platform/ssh-options.ts';
import type { Layout } from '#sandbox/layout.ts';
import type { HubJobs } from './hub-jobs.ts';
import type { SshWays } from './ssh-ways.ts';

/** Read anew at each use, so that a bad value hurts only who needs it. */
export interface HuggingfaceSettings {
  /** Glovebox's own folder. */
  readonly dir: string;
  /** Folder with the Python files that run inside. */
  readonly pythonDir: string;
  /** Who Jobs belong to; undefined is the account of the token. */
  readonly namespace?: string | undefined;
  /** It is the back end that is used where nothing names one, or has settings of its own. */
  readonly isWanted: boolean;
  /** The folder inside a Job below which everything of ours is. */
  readonly root: string;
  /** The user's variables, for secrets that are named in options. */
  readonly variables: Environment;
  /** The Hub, without a slash at the end. */
  readonly hubUrl: string;
  /** Opens the proxy before the ports of Jobs, instead of the Hub token. Code in a Job might see it. */
  readonly proxyToken?: string | undefined;
}

export interface HuggingfaceContext {
  readonly settings: () => HuggingfaceSettings;
  readonly hub: HubJobs;
  /** How OpenSSH is used for a destination. */
  readonly ssh: (destination: string) => SshSettings;
  /** Where things are inside, asked once for each start; instead of what settings and options say. */
  readonly layout?: () => Promise<Layout>;
  /** Shorter ones for tests: of an idle kernel, of a server without kernels, of trying to end a Job, of one answer, between two looks, between two looks at what is to be kept. */
  readonly limits?: {
    readonly keepEveryS?: number;
    readonly idleS?: number;
    readonly emptyServerS?: number;
    readonly endMs?: number;
    readonly answerMs?: number;
    readonly everyMs?: number;
  };
  readonly clock: Clock;
  readonly log: Log;
}

/** The same, with what one back end holds. */
export interface HuggingfaceParts extends HuggingfaceContext {
  readonly ways: SshWays;
}
