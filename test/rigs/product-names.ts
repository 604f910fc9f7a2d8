/** Every name of ours that a text may use, taken from the code, and what a text names that does not exist. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { CONFIG_FILE } from '#config/project.ts';
import { OPTION_KEYS, OPTION_TABLE } from '#config/options.ts';
import { ERROR_CODES } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { BACKEND_IDS } from '#sandbox/backend.ts';
import { huggingfaceOptions } from '#sandbox/backends/huggingface/options.ts';
import { modalOptions } from '#sandbox/backends/modal/options.ts';
import { slurmOptions } from '#sandbox/backends/slurm/options.ts';
import { tools } from '#tools/index.ts';
import { inputSchemaOf } from '#tools/input-schema.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** How Claude Code shows a tool of the plugin. */
export const PREFIX = 'mcp__plugin_glovebox_glovebox__';

const toolNames: ReadonlySet<string> = new Set(tools.map(({ name }) => name));
const argumentsByTool = new Map(
  tools.map((tool) => [tool.name, new Set(keysIn(inputSchemaOf(tool)))]),
);
/** Options of back ends, also those within others. */
const backendOptions = new Set(
  [huggingfaceOptions, modalOptions, slurmOptions].flatMap((schema) =>
    keysIn(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })),
  ),
);
const words = new Set(tools.flatMap((tool) => wordsIn(inputSchemaOf(tool))));
const optionKeys = new Set<string>(OPTION_KEYS);
/** Tables of a `glovebox.toml`. */
const tables = new Set(OPTION_KEYS.map((key) => key.split('.')[0] ?? ''));
const errorCodes = new Set<string>(Object.keys(ERROR_CODES));
const helpByCommand = readHelp();
const resources = ['glovebox://server/status', 'glovebox://runs/{run_id}'];

export const pluginOptions: ReadonlySet<string> = new Set(
  OPTION_KEYS.flatMap((key) => OPTION_TABLE[key].pluginOption ?? []),
);
export const variables: ReadonlySet<string> = new Set(
  OPTION_KEYS.flatMap((key) => [
    OPTION_TABLE[key].env,
    ...(OPTION_TABLE[key].oldNames ?? []).map(({ env }) => env),
  ]),
);

/** Commands, skills and subagents of the plugin, by the name behind `glovebox:`. */
export const pluginParts: ReadonlySet<string> = new Set(
  ['commands', 'skills', 'agents'].flatMap((folder) =>
    readdirSync(path.join(root, 'plugin', folder)).map((file) => path.parse(file).name),
  ),
);

/** What `import ... from "glovebox"` gives, and the calls on it, as the page of the library and its types name them. */
const libraryText = [
  'src/index.ts',
  'src/library/contract.ts',
  'src/library/sandbox.ts',
  'src/library/session.ts',
]
  .map((file) => readFileSync(path.join(root, file), 'utf8'))
  .join('\n');

/** What stands in backticks, with what stands in blocks of code line by line. Blocks without a language are forms to fill. */
export function codeIn(markdown: string): readonly string[] {
  // TypeScript is checked as such.
  const blocks = [...markdown.matchAll(/```(?!ts\b)\w+\n([\s\S]*?)```/g)].flatMap(
    ([, block = '']) => block.split('\n').filter((line) => line.trim() !== ''),
  );
  const spans = [...markdown.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)];
  return [...blocks, ...spans.map(([, span = '']) => span.replaceAll(/\s+/g, ' '))];
}

/**
 * Pieces of code that are not explained by the product. `foreign`: what belongs to other programs, by exact text.
 */
export function unknownCode(code: readonly string[], foreign: ReadonlySet<string>): string[] {
  return code.filter((piece) => !foreign.has(piece) && !isKnown(piece));
}

function isKnown(piece: string): boolean {
  if (resources.includes(piece)) return true;
  if (/^\[?\{/.test(piece)) return keysInText(piece).every(isOurWord);
  const bracketed = /^\[([^\]]+)\]$/.exec(piece)?.[1];
  if (bracketed !== undefined) return isKnownInBrackets(bracketed);
  const libraryCall = /^(Sandbox|Session|sandbox|session)\.(\w+)$/.exec(piece);
  if (libraryCall !== null) return new RegExp(`\\b${libraryCall[2] ?? ''}\\(`).test(libraryText);
  if (piece.startsWith('mcp__')) return toolNames.has(piece.replace(PREFIX, ''));
  const part = /^\/?glovebox:([a-z-]+)( .*)?$/.exec(piece)?.[1];
  if (part !== undefined) return pluginParts.has(part);
  if (/^glovebox( |$)/.test(piece)) return isKnownCommand(piece.split(/\s+/).slice(1));
  const call = /^([a-z_]+)\((.*)\)$/.exec(piece);
  if (call !== null) return isKnownCall(call[1] ?? '', call[2] ?? '');
  const assignment = /^"?([a-z_]+)"?\s*[=:]\s*(.*)$/.exec(piece);
  if (assignment !== null) {
    const [, name = '', value = ''] = assignment;
    return isOurWord(name) && keysInText(value).every(isOurWord);
  }
  return isOurWord(piece);
}

/** A tool, an argument, a word that one takes, an option, a variable, an error code, a part of the plugin. */
export function isOurWord(word: string): boolean {
  return (
    toolNames.has(word) ||
    backendOptions.has(word) ||
    words.has(word) ||
    optionKeys.has(word) ||
    variables.has(word) ||
    errorCodes.has(word) ||
    pluginOptions.has(word) ||
    pluginParts.has(word) ||
    word === CONFIG_FILE ||
    BACKEND_IDS.some((id) => id === word) ||
    [...argumentsByTool.values()].some((names) => names.has(word))
  );
}

/** A code of an error, or a table of a configuration file. */
function isKnownInBrackets(inside: string): boolean {
  if (inside.includes('/')) return errorCodes.has(inside);
  return inside.startsWith('sandbox.') || tables.has(inside);
}

function isKnownCommand([name = '', ...rest]: readonly string[]): boolean {
  const help = helpByCommand.get(name.startsWith('-') ? '' : name);
  if (help === undefined) return name === '';
  // The arguments of a tool are flags of its own.
  if (name === 'tool') {
    const flags = rest.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
    const known = argumentsByTool.get(rest[0] ?? '') ?? new Set();
    return flags.every(
      (flag) => help.includes(`--${flag}`) || known.has(flag.replaceAll('-', '_')),
    );
  }
  return rest
    .filter((word) => word.startsWith('-') && word !== '-')
    .every((flag) => new RegExp(`(^|[ ,])${flag}[ ,<\\n]`, 'm').test(help));
}

function isKnownCall(name: string, inside: string): boolean {
  const known = argumentsByTool.get(name);
  if (known === undefined) return false;
  const nested = keysInText(inside);
  const outer = inside.replaceAll(/[[{][\s\S]*[\]}]/g, '').replaceAll(/"[^"]*"/g, '""');
  const given = [...outer.matchAll(/(\w+)=/g)].map(([, argument = '']) => argument);
  return given.every((argument) => known.has(argument)) && nested.every(isOurWord);
}

const keysInText = (text: string): readonly string[] =>
  [...text.matchAll(/"?([a-z_]+)"?\s*:\s/g)].map(([, key = '']) => key);

/** Names of properties anywhere in a JSON schema. */
function keysIn(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(keysIn);
  if (!isRecord(schema)) return [];
  const { properties } = schema;
  const own = isRecord(properties) ? Object.keys(properties) : [];
  return [...own, ...Object.values(schema).flatMap(keysIn)];
}

/** The words that an argument may be, anywhere in a JSON schema. */
function wordsIn(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(wordsIn);
  if (!isRecord(schema)) return [];
  const listed: readonly unknown[] = Array.isArray(schema['enum']) ? schema['enum'] : [];
  return [
    ...listed.filter((word) => typeof word === 'string'),
    ...Object.values(schema).flatMap(wordsIn),
  ];
}

/** The help of each command, by name; the general one by no name. From the generated reference, which a test keeps current. */
function readHelp(): ReadonlyMap<string, string> {
  const page = readFileSync(path.join(root, 'docs/reference/cli.md'), 'utf8');
  const parts = [...page.matchAll(/^## glovebox ?([a-z-]*)\n\n```text\n([\s\S]*?)```/gm)];
  return new Map(parts.map(([, name = '', help = '']) => [name, help]));
}
