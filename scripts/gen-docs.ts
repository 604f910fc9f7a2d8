/** Writes `docs/reference/` and the types of the library's config from the code. With `--check` it only compares. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runCli } from '#cli/program.ts';
import { OPTION_KEYS, OPTION_TABLE } from '#config/options.ts';
import { ERROR_CODES } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { createHost } from '#main/command-line.ts';
import type { Backend } from '#sandbox/backend.ts';
import { TOOLSETS, type Tool } from '#tools/define-tool.ts';
import { tools } from '#tools/index.ts';
import { inputSchemaOf } from '#tools/input-schema.ts';
import { renderConfigReference, renderConfigTypes } from './generate/sandbox-config.ts';

const root = path.resolve(import.meta.dirname, '..');
const GENERATED = '<!-- Made by `npm run gen` from the code. Do not edit. -->';

const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'tools.md': renderTools,
  'options.md': renderOptions,
  'old-names.md': renderOldNames,
  'errors.md': renderErrors,
  'cli.md': renderCommands,
  'sandbox-config.md': async () => renderConfigReference(await loadBackends(), table),
};

/** `<name>` outside of code would be taken for HTML and not be seen. */
const escaped = (text: string): string => text.replaceAll('<', '&lt;');

/** A cell of a table: one line, without the sign that ends it. */
const inCell = (text: string): string =>
  escaped(text)
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|');

const toText = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);

const line = (cells: readonly string[]): string => `| ${cells.map(inCell).join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function renderTools(): string {
  const parts = TOOLSETS.map((toolset) => {
    const members = tools.filter((tool) => tool.toolset === toolset);
    return [`## Toolset \`${toolset}\``, ...members.map(renderTool)].join('\n\n');
  });
  return [
    '# Tools',
    'What an agent can call. Arguments without a default are required unless they say otherwise.',
    ...parts,
  ].join('\n\n');
}

function renderTool(tool: Tool): string {
  const { properties, required } = inputSchemaOf(tool);
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  const fields = isRecord(properties) ? Object.entries(properties) : [];
  const hints = [
    tool.hints.readOnly && 'reads only',
    tool.hints.destructive && 'may destroy',
    tool.hints.idempotent && 'idempotent',
    tool.hints.openWorld && 'reaches beyond this machine',
    tool.alwaysLoad && 'always loaded',
  ].filter((hint) => hint !== false);
  const rows = fields.map(([name, field]) => [
    `\`${name}\``,
    typeNameOf(field),
    needed.includes(name) ? 'required' : defaultOf(field),
    isRecord(field) ? toText(field['description']) : '',
  ]);
  return [
    `### ${tool.name}`,
    `*${tool.title}*${hints.length > 0 ? ` (${hints.join(', ')})` : ''}`,
    escaped(tool.description.trim()),
    rows.length > 0 ? table(['argument', 'type', 'default', 'meaning'], rows) : 'No arguments.',
  ].join('\n\n');
}

function typeNameOf(field: unknown): string {
  if (!isRecord(field)) return '';
  if (Array.isArray(field['enum']))
    return field['enum'].map((value) => `\`${toText(value)}\``).join(' ');
  if ('const' in field) return `\`${toText(field['const'])}\``;
  for (const key of ['anyOf', 'oneOf']) {
    const branches = field[key];
    if (Array.isArray(branches)) return [...new Set(branches.map(typeNameOf))].join(' or ');
  }
  if (field['type'] === 'array') return `list of ${typeNameOf(field['items'])}`;
  return toText(field['type']) || 'any';
}

function defaultOf(field: unknown): string {
  return isRecord(field) && 'default' in field ? `\`${JSON.stringify(field['default'])}\`` : '';
}

function renderOptions(): string {
  const rows = OPTION_KEYS.map((key) => {
    const {
      env,
      oldNames = [],
      pluginOption,
      flag,
      from,
      kind,
      about,
      defaultText,
    } = OPTION_TABLE[key];
    const names = [
      `\`${env}\``,
      ...oldNames.map((old) => `(\`${old.env}\`)`),
      ...(flag ? [`\`${flag}\``] : []),
      ...(pluginOption ? [`plugin option \`${pluginOption}\``] : []),
    ];
    const fileKey = from === 'outside' ? '' : `\`${key}\`${from === 'user' ? ' (user)' : ''}`;
    return [
      names.join(' '),
      fileKey,
      defaultText ?? constantDefault(key),
      `${about} Accepts ${kind.accepts}.`,
    ];
  });
  return [
    '# Options',
    'Stronger first: flag, environment variable, option of the Claude Code plugin, older name of the variable, `glovebox.toml` of the project, `glovebox.toml` in `GLOVEBOX_DIR`, default. ' +
      'A key such as `run.wait_s` is written as `wait_s` below `[run]`; keys marked (user) are not taken from the file of a project. ' +
      'Names in parentheses are older ones that still work. A blank variable counts as unset. ' +
      '`glovebox doctor` shows every value in force and where it comes from.',
    table(['variable and flag', 'key in a file', 'default', 'meaning'], rows),
  ].join('\n\n');
}

function renderOldNames(): string {
  const rows = OPTION_KEYS.flatMap((key) => {
    const { env, oldNames = [], kind } = OPTION_TABLE[key];
    return oldNames.map((old) => [
      `\`${old.env}\``,
      `\`${env}\``,
      old.isStandard === true ? 'stays good' : 'old: rename it',
      old.kind === undefined ? kind.accepts : old.kind.accepts,
    ]);
  });
  return [
    '# Older and shared names of variables',
    'They still work. Where both are set, the name of Glovebox counts; `glovebox doctor` names every old one that is in use. ' +
      'What else was there in other systems is told in [coming from another system](../coming-from.md).',
    table(['variable', 'here', 'what to do', 'accepts'], rows),
  ].join('\n\n');
}

/** The default of a row that depends on nothing; a row whose default does must say it in words. */
function constantDefault(key: (typeof OPTION_KEYS)[number]): string {
  const facts = { home: '/home/you', dir: '/home/you/.glovebox', projectDir: '/home/you/project' };
  const value: unknown = OPTION_TABLE[key].default(facts);
  if (value === undefined) return 'none';
  if (Array.isArray(value))
    return value.length === 0 ? 'empty' : value.map((item) => `\`${toText(item)}\``).join(' ');
  return `\`${toText(value)}\``;
}

function renderErrors(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { retryable, about }]) => [
    `\`${code}\``,
    retryable ? 'yes' : 'no',
    about,
  ]);
  return [
    '# Errors',
    'Every failure has one of these codes. An answer begins with it in brackets and ends with the next step. ' +
      '"Retryable" says that the same call may succeed later without anybody changing anything; it never means that code may be sent to a kernel again.',
    table(['code', 'retryable', 'meaning'], rows),
  ].join('\n\n');
}

/** The help texts as a person gets them. */
async function renderCommands(): Promise<string> {
  const general = await helpOf([]);
  const names = [
    ...(/Commands:\n([\s\S]*?)\n\n/.exec(general)?.[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm),
  ];
  const parts = [part('glovebox', general)];
  for (const [, name = ''] of names) parts.push(part(`glovebox ${name}`, await helpOf([name])));
  return ['# Command line', ...parts].join('\n\n');
}

const part = (heading: string, help: string): string =>
  [`## ${heading}`, `\`\`\`text\n${help.trim()}\n\`\`\``].join('\n\n');

const host = createHost({}, root);

async function helpOf(words: readonly string[]): Promise<string> {
  let text = '';
  const stdout = { write: (chunk: string) => void (text += chunk), isTTY: false, columns: 100 };
  await runCli([...words, '--help'], { ...host, stdout });
  return text;
}

/** Those that are built in; looking at their options asks nobody anything. */
async function loadBackends(): Promise<readonly Backend[]> {
  const services = await host.openServices(await host.loadConfig({}));
  try {
    const ids = services.sandboxes.backends();
    return await Promise.all(ids.map((id) => services.sandboxes.backend(id)));
  } finally {
    await services.close();
  }
}

/** As the formatter leaves it, so that nobody has to format what is made. */
function formatted(file: string, text: string): string {
  const oxfmt = path.join(root, 'node_modules/.bin/oxfmt');
  return execFileSync(oxfmt, [`--stdin-filepath=${file}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
}

const isCheck = process.argv.includes('--check');
mkdirSync(path.join(root, 'docs/reference'), { recursive: true });
const stale: string[] = [];

function keep(name: string, text: string): void {
  const file = path.join(root, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  stale.push(name);
  if (!isCheck) writeFileSync(file, text);
}

for (const [name, render] of Object.entries(pages))
  keep(`docs/reference/${name}`, `${GENERATED}\n\n${await render()}\n`);
for (const [name, text] of Object.entries(renderConfigTypes(await loadBackends()))) {
  const file = `src/library/${name}`;
  keep(file, formatted(file, text));
}
if (isCheck && stale.length > 0) {
  console.error(`Not current: ${stale.join(', ')}. Run: npm run gen`);
  process.exitCode = 1;
}
