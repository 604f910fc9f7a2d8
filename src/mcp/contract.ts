/** What this folder needs of a log and of a clock; the real ones are handed in by `main`. */

export interface McpLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface McpClock {
  /** Milliseconds that never go back. */
  monotonic(): number;
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void, options?: { readonly background?: boolean }): () => void;
}

/** Takes secrets out of a text: errors hold what services and programs said. */
export type Redact = (text: string) => string;
