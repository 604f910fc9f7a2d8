/** A machine on which commands of a user run: this one, or one that is reached over SSH. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CommandResult } from './process.ts';

export interface HostCommandOptions {
  /** Counts from the moment the connection is there and it is the command's turn. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Written to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string | Uint8Array;
  /** Added to the environment of the command, after the user's own. Never secrets: on a remote host they would stand in argv. */
  readonly env?: Readonly<Record<string, string>>;
  /** Taken out of the user's environment there, before `env`: names, or beginnings with `*` at the end, e.g. `SQUEUE_*`. */
  readonly withoutEnv?: readonly string[];
}

export interface HostCommandResult extends CommandResult {
  /** As a shell says it: 128 + its number when a signal ended the program. */
  readonly code: number;
  readonly signal: null;
}

/** A command that runs until it is ended, with its stdin and stdout as one byte stream. */
export interface HostStream {
  /** Ending it closes the command's stdin; it ends when the command's stdout does. Its errors are swallowed: see `ended`. */
  readonly stream: Duplex;
  /**
   * Resolves when the command has ended, with the last 4 KiB of its stderr. Never rejects. On a remote host code 255 also
   * stands for a broken connection.
   */
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
  /** Ends the command: on this machine by signals, on a remote one by the end of its stdin. Idempotent. */
  close(): void;
}

/** The way to one TCP port that a host can reach. */
export interface HostRoute {
  /**
   * A new connection. Over SSH the far end may refuse it only after this has resolved: then it is reset.
   *
   * @throws `server/unreachable` when nobody listens there; what `Host.run` throws when the host itself cannot be reached.
   */
  connect(signal?: AbortSignal): Promise<Socket>;
  /** Lets go of what is held for it; connections that are open live on. Idempotent. */
  close(): void;
}

/**
 * Where the commands of a cluster are run. Both implementations behave the same: an argv list that no shell interprets, its own
 * process group, a hard limit. Paths are POSIX paths on that host; `~` is not expanded. A word holds no NUL.
 */
export interface Host {
  /** For a person: `this machine`, or the SSH destination as the user wrote it. */
  readonly name: string;
  readonly isRemote: boolean;

  /**
   * Runs a program to its end. Any exit code of the program is a result, not an error.
   *
   * At its limit, and when the caller gives up, the program is ended with its process group (SIGTERM, 2 s later SIGKILL). On a
   * remote host this happens there as soon as the end of the channel is noticed: at once over a connection that works, else
   * when sshd or the network gives the connection up. So it also ends when this process is killed.
   *
   * @throws `host/unreachable` when the connection failed or broke, so that nothing is known about the command; `host/login-needed`
   *   when only a person can log in (second factor, passphrase, unknown host key); `host/key-refused`; `config/invalid` when
   *   SSH refuses its own configuration; `timeout`, `cancelled`, `path/not-found` for a missing program, `input/invalid`,
   *   `input/too-large`.
   */
  run(argv: readonly string[], options: HostCommandOptions): Promise<HostCommandResult>;

  /**
   * Starts a program whose stdin and stdout are a byte stream, e.g. a relay. Resolves when it was started; from then on only
   * `close` ends it, not the signal. Few may be open at a time (4 on a remote host): a further one waits for its turn.
   *
   * @throws as `run`.
   */
  open(
    argv: readonly string[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<HostStream>;

  /**
   * Replaces a file in one step, with its folders (0700). `mode` defaults to 0600. A link at `file` is replaced, not followed.
   *
   * @throws as `run`, `storage/failed`; the old file is untouched then, unless the connection broke (`host/unreachable`).
   */
  writeFile(
    file: string,
    content: string,
    options: { readonly mode?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;

  /** Connections as if they came from that host; over SSH through the shared connection, without a session. Does no I/O. */
  routeTo(to: { readonly host: string; readonly port: number }): HostRoute;

  /** The text of a file of at most 8 MiB, undefined when there is none. @throws as `run`, `storage/failed`. */
  readFile(
    file: string,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<string | undefined>;

  /** The home folder of the user there. @throws as `run`. */
  home(signal?: AbortSignal): Promise<string>;

  /**
   * The name that the machine gives itself. Behind one SSH destination may be several login nodes: after a new connection it
   * may be another one. @throws as `run`.
   */
  hostname(signal?: AbortSignal): Promise<string>;
}
