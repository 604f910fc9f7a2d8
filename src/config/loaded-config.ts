/** Decides the value of every option from all sources, and explains it. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { place, problemOf, type ConfigFile } from './config-file.ts';
import type { Config, Explanation, Flags, Origin, Problem, Profile } from './config.ts';
import { variable, type Environment } from './environment.ts';
import type { Kind } from './kinds.ts';
import { pluginVariable, type Facts } from './option.ts';
import {
  isOptionKey,
  OPTION_KEYS,
  OPTION_TABLE,
  type OptionKey,
  type OptionValue,
} from './options.ts';
import { REDACTED, Secret } from './secret.ts';

export interface Sources {
  readonly env: Environment;
  readonly cwd: string;
  readonly facts: Facts;
  readonly flags: Flags;
  /** Strongest first. */
  readonly files: readonly ConfigFile[];
}

/** The strongest source that says something about an option. */
interface Candidate<T> {
  readonly origin: Origin;
  readonly raw: unknown;
  readonly kind: Kind<T>;
  /** Folder from which a relative path counts. */
  readonly base: string;
}

export class LoadedConfig implements Config {
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  get<K extends OptionKey>(key: K): OptionValue<K> {
    const value = this.#value(key);
    const complaint = OPTION_TABLE[key].check?.(value, (other) =>
      isOptionKey(other) ? this.#value(other) : undefined,
    );
    if (complaint === undefined) return value;
    const origin = this.#candidate(key)?.origin ?? 'default';
    throw invalid(key, origin, `is ${show(value)}, ${complaint}.`);
  }

  getOrDefault<K extends OptionKey>(key: K): OptionValue<K> {
    try {
      return this.get(key);
    } catch (error) {
      if (!isGloveboxError(error, 'config/invalid')) throw error;
      return OPTION_TABLE[key].default(this.#sources.facts);
    }
  }

  explain(): readonly Explanation[] {
    return OPTION_KEYS.map((key) => {
      const { about, defaultText } = OPTION_TABLE[key];
      try {
        const origin = this.#candidate(key)?.origin ?? 'default';
        const value = this.get(key);
        return {
          key,
          value: value === undefined ? `(${defaultText ?? 'none'})` : plain(value),
          origin,
          about,
        };
      } catch (error) {
        if (!isGloveboxError(error, 'config/invalid')) throw error;
        return {
          key,
          value: '(not valid)',
          origin: this.#originOf(key),
          about,
          error: error.message,
        };
      }
    });
  }

  problems(): readonly Problem[] {
    const { files, env } = this.#sources;
    const found = [
      ...files.flatMap((file) => file.problems),
      ...oldNameProblems(env),
      ...unknownVariables(env),
    ];
    for (const key of OPTION_KEYS) {
      try {
        this.get(key);
      } catch (error) {
        if (!isGloveboxError(error, 'config/invalid')) throw error;
        found.push(problemOf(error));
      }
    }
    return found.filter(
      (problem, index) => found.findIndex(({ message }) => message === problem.message) === index,
    );
  }

  profiles(): ReadonlyMap<string, Profile> {
    return new Map(this.#sources.files.toReversed().flatMap((file) => [...file.profiles]));
  }

  #originOf(key: OptionKey): Origin {
    try {
      return this.#candidate(key)?.origin ?? 'default';
    } catch {
      return 'default';
    }
  }

  #value<K extends OptionKey>(key: K): OptionValue<K> {
    const candidate = this.#candidate(key);
    if (candidate === undefined) return OPTION_TABLE[key].default(this.#sources.facts);
    const { kind, origin, raw, base } = candidate;
    const parsed = kind
      .schema()
      .safeParse(typeof raw === 'string' && !isFile(origin) ? kind.fromText(raw) : raw);
    if (!parsed.success) {
      const guess = typeof raw === 'string' ? didYouMean(raw, kind.known ?? []) : '';
      throw invalid(key, origin, `is ${show(raw, kind)} but must be ${kind.accepts}.${guess}`);
    }
    return kind.settle?.(parsed.data, { base, home: this.#sources.facts.home }) ?? parsed.data;
  }

  /** @throws GloveboxError `config/invalid` when a file that cannot be read might have set it. */
  #candidate<K extends OptionKey>(key: K): Candidate<NonNullable<OptionValue<K>>> | undefined {
    const { env, flags, files, cwd } = this.#sources;
    const { kind, flag, env: name, pluginOption, oldNames = [] } = OPTION_TABLE[key];
    const fromFlag = flags[key];
    if (fromFlag !== undefined)
      return { origin: { flag: flag ?? key }, raw: fromFlag, kind, base: cwd };
    const fromPlugin =
      pluginOption === undefined
        ? []
        : [{ env: pluginVariable(pluginOption), kind, means: undefined }];
    for (const source of [{ env: name, kind, means: undefined }, ...fromPlugin, ...oldNames]) {
      const text = variable(env, source.env);
      const raw = text === undefined || source.means === undefined ? text : source.means(text);
      if (raw !== undefined)
        return {
          origin: { env: source.env },
          raw,
          kind: source.kind ?? kind,
          base: cwd,
        };
    }
    for (const { path, values, broken, folder } of files) {
      if (broken !== undefined) throw broken;
      const found = values.get(key);
      if (found === undefined) continue;
      const origin = { file: path, ...(found.line !== undefined && { line: found.line }) };
      return { origin, raw: found.value, kind, base: folder };
    }
    return undefined;
  }
}

function invalid(key: OptionKey, origin: Origin, complaint: string): GloveboxError {
  if (origin === 'default')
    return new GloveboxError('config/invalid', `The default of ${key} ${complaint}`);
  if ('env' in origin) {
    const { env, pluginOption } = OPTION_TABLE[key];
    if (pluginOption !== undefined && origin.env === pluginVariable(pluginOption))
      return new GloveboxError('config/invalid', `The plugin option ${pluginOption} ${complaint}`, {
        hint: `Correct it with "/plugin configure glovebox@glovebox" in Claude Code, or set ${env}.`,
      });
    return new GloveboxError('config/invalid', `${origin.env} ${complaint}`, {
      hint: `Correct or unset ${origin.env}.`,
    });
  }
  if ('flag' in origin) {
    return new GloveboxError('config/invalid', `${origin.flag} ${complaint}`, {
      hint: `Correct ${origin.flag}.`,
    });
  }
  const where = place(origin.file, origin.line);
  return new GloveboxError('config/invalid', `${where}: ${key} ${complaint}`, {
    hint: `Correct ${where}.`,
  });
}

function oldNameProblems(env: Environment): Problem[] {
  const found: Problem[] = [];
  for (const key of OPTION_KEYS) {
    const { env: name, oldNames = [] } = OPTION_TABLE[key];
    const current = variable(env, name);
    for (const old of oldNames) {
      if (old.isStandard === true) continue;
      const value = variable(env, old.env);
      if (value === undefined || value === current) continue;
      found.push(
        current === undefined
          ? {
              severity: 'notice',
              message: `${old.env} is an old name.`,
              hint: `Rename it to ${name}.`,
            }
          : {
              severity: 'warning',
              message: `${name} is used, and ${old.env} says something else.`,
              hint: `Unset ${old.env}.`,
            },
      );
    }
  }
  return found;
}

function unknownVariables(env: Environment): Problem[] {
  const known = OPTION_KEYS.map((key) => OPTION_TABLE[key].env);
  return Object.keys(env)
    .filter(
      (name) =>
        name.startsWith('GLOVEBOX_') && !known.includes(name) && variable(env, name) !== undefined,
    )
    .map((name) => ({
      severity: 'warning',
      message: `${name} is not a variable that is read.${didYouMean(name, known)}`,
    }));
}

const isFile = (origin: Origin): boolean => typeof origin === 'object' && 'file' in origin;

function plain(value: unknown): string {
  if (value instanceof Secret) return REDACTED;
  return Array.isArray(value) ? value.join(', ') || '(none)' : String(value);
}

/** For an error text; a value that might be a secret is not shown. */
function show(value: unknown, kind?: Kind<unknown>): string {
  if (value instanceof Secret || kind?.secret === true) return REDACTED;
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value));
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
