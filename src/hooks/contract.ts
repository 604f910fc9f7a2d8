/** What a hook of Claude Code is: it gets one JSON object, decides, and says so in its exit code and on its streams. */
import type { Clock } from '#platform/clock.ts';
import type { PolicySettings } from '#policy/contract.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import type { LedgerEntry } from '#policy/ledger-lines.ts';
import type { SandboxFate } from '#policy/settle.ts';
import type { JobFate } from '#policy/settle-jobs.ts';
import type { BackendId, Quote } from '#sandbox/backend.ts';
import type { UploadSettings } from '#transcripts/contract.ts';

/** Events that `plugin/hooks/hooks.json` names, spelled as Claude Code does. */
export const HOOK_EVENTS = ['PreToolUse', 'PostToolUse', 'SessionStart', 'SessionEnd'] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** What a hook may know of the world. Nothing in it has been read or made yet. */
export interface HookWorld {
  /** The variables of the process; secrets among them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Glovebox's own folder. */
  readonly dir: string;
  /** The user's project, a real path. */
  readonly projectDir: string;
  readonly clock: Clock;
  /** Of the host, by which budgets count. */
  readonly sessionId: string;
  readonly settings: PolicySettings;
  /** The back end of a call that names none; undefined when only the configuration files say it. */
  readonly defaultBackend: string | undefined;
  /** What a start would cost, from the options as they were written; undefined when nobody can say without asking. */
  quoteOf(
    this: void,
    backend: BackendId,
    options: Readonly<Record<string, unknown>>,
  ): Promise<Quote | undefined>;
  /** The record of a sandbox as it stands on disk. */
  readSandbox(this: void, id: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  fateOf(this: void, id: string): Promise<SandboxFate | undefined>;
  /** What became of a Job that was paid for, as the Hub tells it; `unknown` where it does not at once. */
  fateOfJob(this: void, entry: LedgerEntry, signal: AbortSignal): Promise<JobFate>;
  /** Who the user is on the Hub, from what is remembered, else asked within a second. */
  whoAmI(this: void, signal: AbortSignal): Promise<HubIdentity>;
  /** Hardware of Jobs with its price, from what is remembered, else asked within a second; undefined when nobody knows. */
  flavors(this: void, signal: AbortSignal): Promise<readonly HookFlavor[] | undefined>;
  /** Where Jobs go when a call does not say it; undefined is the account of the token. */
  readonly jobNamespace: string | undefined;
  readonly uploads: HookUploads;
  /** Whether what tools answer is shown redacted. */
  readonly redactsOutputs: boolean;
  /** With the secrets of this machine. */
  loadRedactor(this: void): Promise<Redactor>;
  /** Fires shortly before Claude Code would stop waiting. */
  readonly signal: AbortSignal;
}

export interface HookFlavor {
  readonly name: string;
  /** Processors, memory, accelerators. */
  readonly words: string;
  readonly hasGpu: boolean;
  /** Millionths of a US dollar; absent when it is not known. */
  readonly microUsdPerMinute?: number;
}

/** The upload of transcripts, as a hook sees it. */
export interface HookUploads extends Pick<UploadSettings, 'isOn' | 'repo'> {
  /** Claude Code's own folder. */
  readonly claudeDir: string;
  /** Starts the program that empties the queue and resolves as soon as it runs; it outlives this process. */
  startWorker(): Promise<void>;
}

/** Who the token belongs to, or why nobody knows. */
export type HubIdentity =
  | {
      readonly name: string;
      readonly organisations: readonly string[];
      /** `HF_TOKEN`, or a file; never the value. */
      readonly source: string;
      /** What the token may do, in the Hub's words: `read`, `write`, `fineGrained`. */
      readonly role?: string;
    }
  | {
      readonly unknown: 'no token' | 'token rejected' | 'network' | 'rate limit';
      readonly source?: string;
    };

/** How the process ends. Exit code 0: `stdout` is read as JSON. 2: the call is blocked, `stderr` is the reason. */
export interface HookOutcome {
  readonly exitCode: 0 | 2;
  readonly stdout?: string;
  readonly stderr?: string;
}

/**
 * Answers one event. `input` is what stood on stdin, or undefined when that was no JSON object: what is missing or of the wrong
 * type is for the hook to handle, in the way that is safe for its event.
 *
 * A hook writes nothing to the streams itself and never ends the process.
 */
export type Hook = (
  input: Readonly<Record<string, unknown>> | undefined,
  world: HookWorld,
) => Promise<HookOutcome>;

/** Nothing is said: the host goes on as if there were no hook. */
export const SILENT: HookOutcome = { exitCode: 0 };
