/** A machine on which commands of a user run: this one, or one that is reached over SSH. */
import type { Duplex } from 'node:stream';
import type { CommandResult } from './process.ts';

export interface HostCommandOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Written to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string;
  /** Added to the environment of the command, after the user's own. Never secrets: on a remote host they would stand in argv. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that runs until it is ended, with its stdin and stdout as one byte stream. */
export interface HostStream {
  readonly stream: Duplex;
  /** Resolves when the command has ended, with the last 4 KiB of its stderr. Never rejects. */
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
  /** Ends the command. Idempotent. */
  close(): void;
}

/**
 * Where the commands of a cluster are run. Both implementations behave the same: an argv list that no shell interprets, its own
 * process group, a hard limit. Paths are POSIX paths on that host; `~` is not expanded.
 */
export interface Host {
  /** For a person: `this machine`, or the SSH destination as the user wrote it. */
  readonly name: string;
  readonly isRemote: boolean;

  /**
   * Runs a program to its end. Any exit code of the program is a result, not an error.
   *
   * @throws `host/unreachable` when the connection failed or broke, so that nothing is known about the command; `host/login-needed`
   *   when only a person can log in (second factor, passphrase); `timeout`, `cancelled`, `path/not-found` for a missing program.
   */
  run(argv: readonly string[], options: HostCommandOptions): Promise<CommandResult>;

  /** Starts a program whose stdin and stdout are a byte stream, e.g. a relay. @throws as `run`. */
  open(
    argv: readonly string[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<HostStream>;

  /** Replaces a file in one step, with its folders (0700). `mode` defaults to 0600. @throws as `run`, `storage/failed`. */
  writeFile(
    file: string,
    content: string,
    options: { readonly mode?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;

  /** The text of a file, undefined when there is none. @throws as `run`, `storage/failed`. */
  readFile(
    file: string,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<string | undefined>;

  /** The home folder of the user there. */
  home(signal?: AbortSignal): Promise<string>;
}
