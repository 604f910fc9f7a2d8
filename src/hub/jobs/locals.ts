/** What Jobs need of this machine: where they go by default, and the secrets that may travel with them. */

export interface JobSecret {
  /** Never in a text. */
  readonly value: string;
  /** The variable, option or file it came from. */
  readonly source: string;
}

export interface JobLocals {
  /** Where Jobs run when a call does not say it; undefined is the account of the token. */
  namespace(): string | undefined;
  /** What goes into a Job as HF_TOKEN: a token that was set for that, else the user's own. */
  token(): Promise<JobSecret | undefined>;
  /** A variable of this machine that a call names as a secret. */
  variable(name: string): string | undefined;
  /** Marks what this installation started; tells nothing about it. */
  readonly installation: string;
}
