/** What a row of the option table says. */
import type { Kind } from './kinds.ts';

/** What a default may depend on. */
export interface Facts {
  readonly home: string;
  readonly dir: string;
  readonly projectDir: string;
}

/** A name from before, still honoured. */
export interface OldName<T> {
  readonly env: string;
  /** Where the old name takes other values than the new one. */
  readonly kind?: Kind<T>;
  /** What its text is in the words of the new name; undefined: nothing was said by it. */
  readonly means?: (text: string) => string | undefined;
  /** A name that other programs share: it stays good, and nobody is told to rename it. */
  readonly isStandard?: boolean;
}

/** Where Claude Code puts an option of the plugin: so for hooks by itself, and for the server by `plugin/.mcp.json`. */
export const pluginVariable = (pluginOption: string): string =>
  `CLAUDE_PLUGIN_OPTION_${pluginOption.toUpperCase()}`;

export interface Option<T> {
  readonly kind: Kind<NonNullable<T>>;
  readonly default: (facts: Facts) => T;
  /** For the reference, where the default is not a constant or needs words. */
  readonly defaultText?: string;
  readonly env: string;
  readonly oldNames?: readonly OldName<NonNullable<T>>[];
  /**
   * Its name among the options of the Claude Code plugin, where it is one. Weaker than `env`, which somebody set on purpose
   * for this project or terminal; stronger than `oldNames`, which may be there for other programs.
   */
  readonly pluginOption?: string;
  /** The flag of the command line, for texts. */
  readonly flag?: string;
  /**
   * Which sources may set it. `user`: not the file of a project, which may come from somebody else. `outside`: no file at all,
   * because it is needed to find the files.
   */
  readonly from: 'anywhere' | 'user' | 'outside';
  /** One sentence, with the unit. */
  readonly about: string;
  /** A rule that involves another option: what is wrong, as the end of a sentence, or nothing. */
  readonly check?: (value: T, other: (key: string) => unknown) => string | undefined;
}

interface OptionSpec<T, D extends T | undefined> {
  readonly kind: Kind<T>;
  readonly default: D | ((facts: Facts) => D);
  readonly defaultText?: string;
  readonly env: string;
  readonly oldNames?: readonly OldName<T>[];
  readonly pluginOption?: string;
  readonly flag?: string;
  readonly from?: Option<T>['from'];
  readonly about: string;
  readonly check?: (value: T | D, other: (key: string) => unknown) => string | undefined;
}

/** Declares one option; its type follows from kind and default. */
export function option<T extends {}, D extends T | undefined>(
  spec: OptionSpec<T, D>,
): Option<T | D> {
  const value = spec.default;
  return { from: 'anywhere', ...spec, default: isDerived(value) ? value : () => value };
}

function isDerived<D>(value: D | ((facts: Facts) => D)): value is (facts: Facts) => D {
  return typeof value === 'function';
}
