/** Writes what is known of a dataset as one answer: verdict first, then parts, schema, samples, messages, files, warnings, next step. */
import type { ChatLook } from '#hub/datasets/chat-messages.ts';
import type { CardPart } from '#hub/datasets/card.ts';
import { renderFeatureType } from '#hub/datasets/feature-types.ts';
import type { Inspection } from '#hub/datasets/inspect.ts';
import { measures, percent, type ColumnStatistics } from '#hub/datasets/signals.ts';
import type { Verdict } from '#hub/datasets/verdict.ts';
import type { SampleRow } from '#hub/datasets/view-part.ts';
import { oneLine, renderCount, shorten } from '../../paged-answer.ts';

const MAX_PARTS = 10;
const MAX_COLUMNS = 40;
const MAX_FLAGS = 15;
const MAX_CELL_CHARS = 150;
const MAX_TYPE_CHARS = 300;

/** Megabytes with one decimal, as the Hub counts them. */
export const megabytes = (bytes: number): string =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(1)} GB`
    : bytes >= 1e5
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e3).toFixed(1)} kB`;

export interface ReportOptions {
  readonly sampleRows: number;
  readonly offset: number;
  readonly notes: readonly string[];
  readonly budget: number;
}

/** Parts that matter less give way when the budget is short, and the answer says which did. */
export function renderReport(found: Inspection, options: ReportOptions): string {
  const next = nextStep(found, options);
  const always = [...heading(found), ...section('Fit for training', verdictLines(found.verdicts))];
  const flags = found.redFlags.slice(0, MAX_FLAGS);
  const more = found.redFlags.length - flags.length;
  const warnings = section('Warnings', [
    ...flags,
    ...(more > 0
      ? [`and ${renderCount(more)} more of that kind; column="NAME" shows one column`]
      : []),
    ...found.notes,
    ...options.notes,
  ]);
  const parts: readonly (readonly [what: string, lines: readonly string[]])[] = [
    ['splits', partLines(found.parts)],
    ['schema', section('Schema', schemaLines(found))],
    ['samples', sampleLines(found, options.sampleRows)],
    ['messages', chatLines(found.chat)],
    ['Parquet', parquetLines(found.parquet)],
    ['files', found.rows.length > 0 ? [] : fileLines(found.facts.files)],
  ];
  let left = options.budget - size([...always, ...warnings]) - next.length - 300;
  const kept = new Map<string, string>();
  for (const [what, lines] of [1, 2, 0, 3, 4, 5].flatMap((at) => parts.slice(at, at + 1))) {
    const text = shorten(lines.join('\n'), Math.max(200, left));
    if (lines.length === 0 || left < 200) continue;
    kept.set(what, text);
    left -= text.length + 1;
  }
  const missing = parts.filter(([what, lines]) => lines.length > 0 && !kept.has(what));
  const cut =
    missing.length === 0
      ? []
      : [`[left out for length: ${missing.map(([what]) => what).join(', ')}]`];
  return [
    ...always,
    ...parts.flatMap(([what]) => kept.get(what) ?? []),
    ...warnings.map((line) => shorten(line, 600)),
    ...cut,
    `Next: ${next}`,
  ].join('\n');
}

const size = (lines: readonly string[]): number => lines.join('\n').length;
const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', `## ${title}`, ...lines.map((line) => `- ${line}`)];

export function heading({ facts, parts }: Inspection): readonly string[] {
  const bytes = parts.map((part) => part.bytes).filter((value) => value !== undefined);
  const total = bytes.reduce((sum, value) => sum + value, 0);
  const line = [
    facts.isPrivate ? 'private' : 'public',
    facts.gated === undefined ? 'not gated' : `gated (${facts.gated})`,
    `license ${facts.license ?? 'not stated'}`,
    ...(total > 0 ? [`${megabytes(total)} as Parquet`] : []),
    ...(facts.sha === undefined ? [] : [`revision ${facts.sha.slice(0, 12)}`]),
    ...(facts.lastModified === undefined ? [] : [`changed ${facts.lastModified.slice(0, 10)}`]),
    ...(facts.downloads === undefined ? [] : [`${renderCount(facts.downloads)} downloads`]),
  ];
  return [`# ${facts.id}`, facts.page, line.join(' · ')];
}

function verdictLines(verdicts: readonly Verdict[]): readonly string[] {
  if (verdicts.length === 0) return ['Not known: neither schema nor rows could be read.'];
  return verdicts.map(
    ({ method, fit, reason, mapping }) =>
      `${method}: ${fit}. ${reason}${mapping === undefined ? '' : `\n  mapping: ${mapping}`}`,
  );
}

const rowWords = (count: number): string => `${renderCount(count)} row${count === 1 ? '' : 's'}`;

function partLines(parts: readonly CardPart[]): readonly string[] {
  if (parts.length === 0) return [];
  const lines = parts
    .slice(0, MAX_PARTS)
    .map(({ config, split, rows, bytes }) =>
      [
        `${config} / ${split}`,
        rows === undefined ? 'rows not known' : rowWords(rows),
        ...(bytes === undefined ? [] : [megabytes(bytes)]),
      ].join(' · '),
    );
  const more = parts.length - lines.length;
  return section('Splits (config / split)', [
    ...lines,
    ...(more > 0 ? [`and ${renderCount(more)} more (${renderCount(parts.length)} in all)`] : []),
  ]);
}

function schemaLines({ types, statistics, chosen }: Inspection): readonly string[] {
  const lines = [...types].slice(0, MAX_COLUMNS).map(([name, type]) => {
    const found = statistics.get(name);
    const numbers = found === undefined ? '' : summary(found);
    return `${name}: ${shorten(renderFeatureType(type), MAX_TYPE_CHARS)}${numbers === '' ? '' : ` · ${numbers}`}`;
  });
  const more = types.size - lines.length;
  const where = chosen === undefined ? [] : [`of ${chosen.config} / ${chosen.split}:`];
  return lines.length === 0
    ? []
    : [
        ...where,
        ...lines,
        ...(more > 0 ? [`and ${more} more columns; column="NAME" shows one`] : []),
      ];
}

const numberOf = (value: number | string): string =>
  typeof value === 'number' ? renderCount(Number(value.toFixed(3))) : value;

function summary(found: ColumnStatistics): string {
  const { nullShare, median, max, distinct, type } = found;
  const unit = measures(type);
  return [
    ...(nullShare === undefined ? [] : [`null ${percent(nullShare)}`]),
    ...(unit === undefined || median === undefined || max === undefined
      ? []
      : [`${unit}: median ${numberOf(median)}, max ${numberOf(max)}`]),
    ...(unit === undefined && distinct !== undefined ? [`${numberOf(distinct)} distinct`] : []),
    ...(unit === undefined && distinct === undefined && max !== undefined
      ? [`${numberOf(found.min ?? '?')} to ${numberOf(max)}`]
      : []),
  ].join(', ');
}

function sampleLines({ rows, rowsFrom }: Inspection, count: number): readonly string[] {
  if (rows.length === 0) return [];
  return [
    '',
    `## Sample rows (from ${rowsFrom})`,
    ...rows.slice(0, count).flatMap((row) => rowLines(row, MAX_CELL_CHARS)),
  ];
}

function rowLines({ index, row, shortened }: SampleRow, chars: number): readonly string[] {
  return [
    `row ${renderCount(index)}`,
    ...Object.entries(row)
      .slice(0, MAX_COLUMNS)
      .map(
        ([name, cell]) =>
          `  ${name}: ${renderCell(cell, chars)}${shortened.includes(name) ? ' [shortened by the viewer]' : ''}`,
      ),
  ];
}

/** A text as it is, everything else as JSON; one line. Signed addresses of media are of no use to anybody. */
export function renderCell(cell: unknown, chars: number): string {
  const text =
    typeof cell === 'string'
      ? JSON.stringify(shorten(cell, chars))
      : (JSON.stringify(cell, (key, value: unknown) =>
          key === 'src' && typeof value === 'string' ? value.replace(/\?.*$/, '') : value,
        ) ?? 'nothing');
  return oneLine(text, chars + 2);
}

function chatLines(chat: ChatLook | undefined): readonly string[] {
  if (chat === undefined) return [];
  const roles = chat.roles.map(([role, count]) => `${role} ${renderCount(count)}`).join(', ');
  const tools =
    chat.toolFields.length === 0 ? 'no tool calls' : `uses ${chat.toolFields.join(', ')}`;
  const example =
    chat.example === undefined ? [] : [`example: ${oneLine(JSON.stringify(chat.example), 500)}`];
  return section(`Messages in ${chat.column}`, [
    `${chat.conversations} conversations looked at, ${chat.minMessages} to ${chat.maxMessages} messages each; roles: ${roles}; ${tools}`,
    ...(chat.withSystem === 0
      ? []
      : [`${chat.withSystem} of ${chat.conversations} have a system message`]),
    ...example,
  ]);
}

function parquetLines(parquet: Inspection['parquet']): readonly string[] {
  return section(
    'Parquet',
    parquet.map(
      ({ split, files, bytes }) =>
        `${split}: ${files} file${files === 1 ? '' : 's'}, ${megabytes(bytes)}`,
    ),
  );
}

const MAX_FOLDERS = 10;

/** How many files each folder has, with those of the root by name. */
function fileLines(files: readonly string[]): readonly string[] {
  const folders = new Map<string, number>();
  for (const file of files.filter((path) => path.includes('/'))) {
    const folder = file.slice(0, file.lastIndexOf('/'));
    folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  const root = files.filter((path) => !path.includes('/'));
  const more = folders.size - MAX_FOLDERS;
  return section('Files', [
    ...(root.length === 0 ? [] : [shorten(root.join(', '), 400)]),
    ...[...folders].slice(0, MAX_FOLDERS).map(([name, count]) => `${name}/ ${renderCount(count)}`),
    ...(more > 0 ? [`and ${renderCount(more)} more folders`] : []),
  ]);
}

function nextStep(found: Inspection, { offset, sampleRows }: ReportOptions): string {
  const { facts, verdicts, chosen } = found;
  if (found.isIncomplete)
    return `ask again in a minute: hf_inspect_dataset(dataset="${facts.id}"); the viewer is not ready.`;
  if (found.rows.length === 0) {
    const other = found.parts.find(({ rows = 0 }) => rows > 0);
    if (found.rowCount === 0 && other !== undefined)
      return `a split that has rows: hf_inspect_dataset(dataset="${facts.id}", config="${other.config}", split="${other.split}").`;
    return `hf_repo_files(operation="list", repo_id="${facts.id}", repo_type="dataset", recursive=true) shows the files.`;
  }
  const best = verdicts.find(({ fit }) => fit === 'ready');
  const mapped = verdicts.find(({ mapping }) => mapping !== undefined);
  if (best === undefined && mapped !== undefined)
    return `map the columns for ${mapped.method} as said above.`;
  const part = chosen === undefined ? '' : `, config="${chosen.config}", split="${chosen.split}"`;
  const after = offset + Math.min(sampleRows, found.rows.length);
  if (found.rowCount === undefined || after < found.rowCount)
    return `more rows: hf_inspect_dataset(dataset="${facts.id}"${part}, offset=${after}).`;
  return best === undefined
    ? `hf_repo_files(operation="read", repo_id="${facts.id}", repo_type="dataset", path="README.md") says what it is for.`
    : `a working example for it: github_find_examples(repo="trl", keyword="${KEYWORDS[best.method]}").`;
}

/** What the examples of each method are called. */
const KEYWORDS: Readonly<Record<Verdict['method'], string>> = {
  SFT: 'sft',
  DPO: 'dpo',
  'reward model': 'reward',
  KTO: 'kto',
  GRPO: 'grpo',
};

/** One column in full. */
export function renderColumn(found: Inspection, name: string, budget: number): string {
  const type = found.types.get(name);
  const statistics = found.statistics.get(name);
  const lines = [
    `# ${found.facts.id} · column ${name}`,
    found.facts.page,
    `type: ${type === undefined ? 'not known' : renderFeatureType(type)}`,
    ...(statistics === undefined ? ['statistics: not available'] : statisticsLines(statistics)),
    '',
    `## Values (from ${found.rowsFrom})`,
    ...found.rows
      .slice(0, 10)
      .map(
        ({ index, row, shortened }) =>
          `row ${renderCount(index)}: ${renderCell(row[name], 700)}${shortened.includes(name) ? ' [shortened by the viewer]' : ''}`,
      ),
    ...found.notes.map((note) => `Note: ${note}`),
  ];
  return shorten(lines.join('\n'), budget);
}

function statisticsLines(found: ColumnStatistics): readonly string[] {
  const { frequencies = [], histogram } = found;
  const unit = measures(found.type);
  const numbers = (['min', 'max', 'mean', 'median', 'std', 'distinct'] as const).flatMap((key) =>
    found[key] === undefined ? [] : [`${key} ${found[key]}`],
  );
  return [
    `kind: ${found.type}${unit === undefined ? '' : `, numbers are lengths in ${unit}`}`,
    `missing: ${found.nullShare === undefined ? 'not known' : percent(found.nullShare)}`,
    ...(numbers.length === 0 ? [] : [numbers.join(', ')]),
    ...(frequencies.length === 0
      ? []
      : [
          `values: ${frequencies
            .slice(0, 30)
            .map(([value, count]) => `${oneLine(value, 40)} ${renderCount(count)}`)
            .join(', ')}${frequencies.length > 30 ? `, ... (${frequencies.length} in all)` : ''}`,
        ]),
    ...(histogram === undefined
      ? []
      : [
          `histogram: ${histogram.counts
            .map((count, at) => `${String(histogram.edges[at])}+: ${renderCount(count)}`)
            .join(', ')}`,
        ]),
  ];
}
