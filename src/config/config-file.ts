/** Reads one `glovebox.toml`: values by option key, sandbox profiles, and what is wrong with it. */
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { didYouMean } from '#core/nearest.ts';
import { readTextIfExists } from '#platform/files.ts';
import type { Problem, Profile } from './config.ts';
import { isOptionKey, OPTION_KEYS, OPTION_TABLE, type OptionKey } from './options.ts';

export interface FileValue {
  readonly value: unknown;
  readonly line: number | undefined;
}

export interface ConfigFile {
  readonly path: string;
  /** What relative paths in it count from: the project, or the folder of the user's file. */
  readonly folder: string;
  readonly values: ReadonlyMap<OptionKey, FileValue>;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly problems: readonly Problem[];
  /** Set when nothing in the file can be trusted: every option it might have set fails with it. */
  readonly broken?: GloveboxError;
}

/** `undefined` when there is no such file. Never throws: what is wrong is in the answer. */
export async function readConfigFile(
  file: string,
  owner: 'user' | 'project',
): Promise<ConfigFile | undefined> {
  const empty = {
    path: file,
    folder: path.dirname(file),
    values: new Map(),
    profiles: new Map(),
    problems: [],
  };
  try {
    const text = await readTextIfExists(file);
    if (text === undefined) return undefined;
    // Most machines have no such file, so the parser is loaded only here.
    const { parse } = await import('smol-toml');
    return sort(file, owner, parse(text), text);
  } catch (error) {
    const broken = brokenFile(file, error);
    return { ...empty, broken, problems: [problemOf(broken)] };
  }
}

function brokenFile(file: string, error: unknown): GloveboxError {
  const line = isRecord(error) && typeof error['line'] === 'number' ? `:${error['line']}` : '';
  const [reason = ''] = messageOf(error).split('\n');
  return new GloveboxError('config/invalid', `${file}${line} cannot be read: ${reason}.`, {
    hint: `Repair ${file}. Its format is TOML; glovebox doctor checks it.`,
    cause: error,
  });
}

function sort(file: string, owner: 'user' | 'project', content: object, text: string): ConfigFile {
  const values = new Map<OptionKey, FileValue>();
  const profiles = new Map<string, Profile>();
  const problems: Problem[] = [];
  const sections = new Set(
    OPTION_KEYS.filter((key) => key.includes('.')).map((key) => key.split('.')[0] ?? ''),
  );

  const refuse = (keys: readonly string[], why: string, hint: string): void => {
    const line = lineOf(text, keys);
    problems.push({
      severity: 'error',
      message: `${place(file, line)}: ${keys.join('.')} ${why}`,
      hint,
    });
  };

  const visit = (table: Readonly<Record<string, unknown>>, above: readonly string[]): void => {
    for (const [name, value] of Object.entries(table)) {
      const keys = [...above, name];
      const key = keys.join('.');
      if (isOptionKey(key)) {
        const { from, env } = OPTION_TABLE[key];
        if (from === 'outside' || (from === 'user' && owner === 'project')) {
          refuse(
            keys,
            whyNotHere(from),
            `Set ${env} instead${from === 'user' ? ', or put it into the glovebox.toml of the user' : ''}.`,
          );
        } else values.set(key, { value, line: lineOf(text, keys) });
      } else if (above.length === 0 && name === 'sandbox' && isRecord(value)) {
        addProfiles(value);
      } else if (above.length === 0 && sections.has(name) && isRecord(value)) {
        visit(value, keys);
      } else {
        refuse(
          keys,
          `is not an option.${didYouMean(key, [...OPTION_KEYS, ...sections, 'sandbox'])}`,
          'glovebox doctor lists all options.',
        );
      }
    }
  };

  const addProfiles = (tables: Readonly<Record<string, unknown>>): void => {
    for (const [name, options] of Object.entries(tables)) {
      const line = lineOf(text, ['sandbox', name]);
      if (isRecord(options))
        profiles.set(name, { name, options, file, ...(line !== undefined && { line }) });
      else
        refuse(
          ['sandbox', name],
          'is not a profile.',
          'Write a profile as a table: [sandbox.NAME], with its options below.',
        );
    }
  };

  visit(Object.fromEntries(Object.entries(content)), []);
  return { path: file, folder: path.dirname(file), values, profiles, problems };
}

export const problemOf = ({ message, hint }: GloveboxError): Problem => ({
  severity: 'error',
  message,
  ...(hint !== undefined && { hint }),
});

const whyNotHere = (from: 'user' | 'outside'): string =>
  from === 'user'
    ? 'cannot be set by a project, because its file may come from somebody else.'
    : 'cannot be set in a file, because it decides where the files are.';

export const place = (file: string, line: number | undefined): string =>
  line === undefined ? file : `${file}:${line}`;

/**
 * The line that sets a key. The parser tells no positions, so headers and keys are followed by eye; `undefined` where
 * unusual quoting hides them.
 */
function lineOf(text: string, keys: readonly string[]): number | undefined {
  const wanted = keys.join('.');
  let header = '';
  let atHeader: number | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const section = /^\s*\[+\s*([^\]]+?)\s*\]/.exec(line)?.[1];
    const key = /^\s*([\w."'-]+(?:\s*\.\s*[\w"'-]+)*)\s*=/.exec(line)?.[1];
    if (section !== undefined) {
      header = plain(section);
      if (header === wanted) atHeader ??= index + 1;
    } else if (key !== undefined) {
      const full = header === '' ? plain(key) : `${header}.${plain(key)}`;
      if (full === wanted) return index + 1;
      if (full.startsWith(`${wanted}.`)) atHeader ??= index + 1;
    }
  }
  return atHeader;
}

const plain = (key: string): string => key.replaceAll(/["'\s]/g, '');
