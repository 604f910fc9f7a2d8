/** What a loaded configuration promises. */
import type { OptionKey, OptionValue } from './options.ts';

export type Origin =
  | 'default'
  | { readonly file: string; readonly line?: number }
  | { readonly env: string }
  | { readonly flag: string };

export interface Explanation {
  readonly key: OptionKey;
  /** As text for a person; a secret is `[redacted]`. */
  readonly value: string;
  readonly origin: Origin;
  readonly about: string;
  /** Why the value cannot be used. */
  readonly error?: string;
}

export interface Problem {
  /** `error`: something is not used as written. `warning`: probably not what was meant. `notice`: old but honoured. */
  readonly severity: 'error' | 'warning' | 'notice';
  readonly message: string;
  readonly hint?: string;
}

/** A `[sandbox.NAME]` table as written; the back end that gets it checks the options. */
export interface Profile {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly file: string;
  readonly line?: number;
}

/** Values for this process alone, by key; text or already typed. */
export type Flags = { readonly [K in OptionKey]?: string | boolean | number | undefined };

/**
 * Nothing about it throws but `get`: configuration must never keep a server from starting. A bad value is an error for
 * whoever needs that option, and for nobody else.
 */
export interface Config {
  /** The value in force. @throws GloveboxError `config/invalid` that names the place, the value and what is accepted. */
  get<K extends OptionKey>(key: K): OptionValue<K>;
  /** Like `get`, but the default instead of an error: for the little that is needed before anybody can be told. */
  getOrDefault<K extends OptionKey>(key: K): OptionValue<K>;
  /** Every option, in the order of the table. */
  explain(): readonly Explanation[];
  /** Everything that is wrong or old, each once: bad values, unknown keys and variables, unreadable files, old names. */
  problems(): readonly Problem[];
  /** Sandbox profiles by name; the project's replaces the user's of the same name. */
  profiles(): ReadonlyMap<string, Profile>;
}
