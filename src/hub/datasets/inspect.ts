/** Looks at a dataset from all sides at once and brings together what is known: parts, columns, rows, numbers, verdicts. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { parseCard, type CardPart } from './card.ts';
import {
  lookAtChats,
  messagesIn,
  messagesInText,
  SHAREGPT,
  type ChatLook,
  type Row,
} from './chat-messages.ts';
import { readDatasetFacts, type DatasetFacts } from './dataset-facts.ts';
import {
  isConversations,
  isMessages,
  isText,
  parseFeatureType,
  type FeatureType,
} from './feature-types.ts';
import { DatasetNotes, settle, type Settled } from './notes.ts';
import { choosePart, partsOf } from './parts.ts';
import { chooseFile, lookAtFile, type RawLook } from './raw-rows.ts';
import { parseStatistics, redFlags, type ColumnStatistics } from './signals.ts';
import { judge, type Verdict } from './verdict.ts';
import {
  viewFirstRows,
  viewInfo,
  viewParquet,
  viewRows,
  viewSize,
  viewSplits,
  viewStatistics,
  viewValidity,
  type DatasetName,
  type Part,
  type ViewerRows,
} from './viewer.ts';

const FETCHED_ROWS = 100;

export interface InspectRequest {
  readonly id: string;
  readonly config?: string;
  readonly split?: string;
  readonly offset: number;
}

export interface SampleRow {
  readonly index: number;
  readonly row: Row;
  /** Columns whose value the viewer shortened. */
  readonly shortened: readonly string[];
}

export interface Inspection {
  readonly facts: DatasetFacts;
  readonly parts: readonly CardPart[];
  /** What the rest is about; undefined when nothing is known of parts. */
  readonly chosen: Part | undefined;
  readonly types: ReadonlyMap<string, FeatureType>;
  /** All that were fetched, up to 100. */
  readonly rows: readonly SampleRow[];
  /** Where the rows are from: the viewer, or one file. */
  readonly rowsFrom: string;
  readonly statistics: ReadonlyMap<string, ColumnStatistics>;
  readonly chat: ChatLook | undefined;
  readonly verdicts: readonly Verdict[];
  readonly parquet: readonly {
    readonly split: string;
    readonly files: number;
    readonly bytes: number;
  }[];
  readonly redFlags: readonly string[];
  /** What could not be found out, and why. */
  readonly notes: readonly string[];
  /** The viewer computes something that is not here yet. */
  readonly isIncomplete: boolean;
}

/**
 * @throws GloveboxError as `readDatasetFacts`; `remote/gated`, `remote/auth-required`; `input/invalid` naming the parts there are.
 * Everything else that fails costs its part and is said in `notes`.
 */
export async function inspectDataset(
  hub: HubContext,
  request: InspectRequest,
  signal: AbortSignal,
): Promise<Inspection> {
  const asked = { id: request.id, page: `${hub.hosts().hub}/datasets/${request.id}` };
  const notes = new DatasetNotes();
  const [facts, validity, splits, size] = await Promise.all([
    readDatasetFacts(hub, request.id, signal),
    settle(viewValidity(hub, asked, signal)),
    settle(viewSplits(hub, asked, signal)),
    settle(viewSize(hub, asked, signal)),
  ]);
  const name = { id: facts.id, page: facts.page };
  refuseLocked(facts, splits);
  const viewed = notes.take('The dataset viewer', splits);
  const sizes = notes.take('Sizes', size, viewed === undefined);
  const card = parseCard(facts.card);
  const parts = viewed === undefined ? card.parts : partsOf(viewed.splits, sizes);
  const chosen = choosePart(parts, request, request.id);
  if (viewed !== undefined && (viewed.pending?.length ?? 0) > 0) {
    notes.incomplete(`The viewer still works on ${viewed.pending?.length} parts.`);
  }
  for (const failed of viewed?.failed ?? []) {
    notes.add(`The viewer failed at ${failed.config ?? '?'} / ${failed.split ?? '?'}.`);
  }
  if ('data' in validity && validity.data.viewer === false && validity.data.preview === true)
    notes.add('The viewer has only the first rows of it.');
  if (sizes?.partial === true)
    notes.add('Row counts are of the first 5 GB only, which the viewer has converted.');
  const seen =
    viewed === undefined || chosen === undefined
      ? undefined
      : await viewPart(hub, name, chosen, request.offset, notes, signal);
  const declared = card.types.get(chosen?.config ?? 'default') ?? [...card.types.values()][0];
  const raw =
    (seen?.rows.length ?? 0) > 0
      ? undefined
      : await readRaw(hub, facts, chosen, request.offset, notes, signal);
  const rows = seen !== undefined && raw === undefined ? seen.rows : sampleOf(raw, request.offset);
  const types =
    [seen?.types, raw?.types, declared].find((found) => (found?.size ?? 0) > 0) ?? new Map();
  return conclude({ facts, parts, chosen, types, rows, seen, raw, notes });
}

interface Seen {
  readonly types: ReadonlyMap<string, FeatureType>;
  readonly rows: readonly SampleRow[];
  readonly statistics: ReadonlyMap<string, ColumnStatistics>;
  readonly parquet: Inspection['parquet'];
}

async function viewPart(
  hub: HubContext,
  name: DatasetName,
  part: Part,
  offset: number,
  notes: DatasetNotes,
  signal: AbortSignal,
): Promise<Seen> {
  const [info, found, numbers, files] = await Promise.all([
    settle(viewInfo(hub, name, part, signal)),
    settle<ViewerRows>(
      offset === 0
        ? viewFirstRows(hub, name, part, signal)
        : viewRows(hub, name, part, { offset, length: FETCHED_ROWS }, signal),
    ),
    settle(viewStatistics(hub, name, part, signal)),
    settle(viewParquet(hub, name, part, signal)),
  ]);
  const rows = notes.take('Rows', found);
  const statistics = notes.take('Statistics', numbers);
  const features = notes.take('The schema', info, rows !== undefined)?.dataset_info.features;
  const parquet = notes.take('The list of Parquet files', files);
  if (statistics?.partial === true) {
    notes.add(
      `Statistics are of the first 5 GB only (${statistics.num_examples.toLocaleString('en-US')} rows).`,
    );
  }
  if (rows?.truncated === true)
    notes.add('Rows are long: the viewer gave fewer, or shortened cells.');
  const ofRows = rows?.features.map(({ name: column, type }) => [column, type] as const);
  const types = new Map(
    (ofRows ?? Object.entries(features ?? {})).map(([column, raw]) => [
      column,
      parseFeatureType(raw),
    ]),
  );
  return {
    types,
    rows: (rows?.rows ?? []).map(({ row_idx: index, row, truncated_cells: cells }) => ({
      index,
      row,
      shortened: cells ?? [],
    })),
    statistics: new Map(
      (statistics?.statistics ?? []).map((column) => [
        column.column_name,
        parseStatistics(column.column_type, column.column_statistics),
      ]),
    ),
    parquet: sumBySplit(parquet?.parquet_files ?? []),
  };
}

function sumBySplit(
  files: readonly { readonly split: string; readonly size: number }[],
): Inspection['parquet'] {
  const sums = new Map<string, { split: string; files: number; bytes: number }>();
  for (const { split, size } of files) {
    const sum = sums.get(split) ?? { split, files: 0, bytes: 0 };
    sums.set(split, { split, files: sum.files + 1, bytes: sum.bytes + size });
  }
  return [...sums.values()];
}

/** Straight from a file, when the viewer has no rows. */
async function readRaw(
  hub: HubContext,
  facts: DatasetFacts,
  chosen: Part | undefined,
  offset: number,
  notes: DatasetNotes,
  signal: AbortSignal,
): Promise<RawLook | undefined> {
  const file = chooseFile(facts.files, chosen?.split);
  if (file === undefined) {
    notes.add('Rows could not be read: the repository has no Parquet, JSON lines or CSV file.');
    return undefined;
  }
  const source = { id: facts.id, revision: facts.sha ?? 'main', file };
  try {
    const look = await lookAtFile(hub, source, { offset, count: FETCHED_ROWS }, signal);
    if (look.note !== undefined) notes.add(`${file}: ${look.note}`);
    return look;
  } catch (error) {
    if (isGloveboxError(error, 'cancelled') || isGloveboxError(error, 'remote/gated')) throw error;
    notes.add(`Rows of ${file} could not be read: ${messageOf(error)}`);
    return undefined;
  }
}

const sampleOf = (raw: RawLook | undefined, offset: number): readonly SampleRow[] =>
  (raw?.rows ?? []).map((row, index) => ({ index: offset + index, row, shortened: [] }));

function conclude(found: {
  readonly facts: DatasetFacts;
  readonly parts: readonly CardPart[];
  readonly chosen: Part | undefined;
  readonly types: ReadonlyMap<string, FeatureType>;
  readonly rows: readonly SampleRow[];
  readonly seen: Seen | undefined;
  readonly raw: RawLook | undefined;
  readonly notes: DatasetNotes;
}): Inspection {
  const { facts, parts, chosen, types, rows, seen, raw, notes } = found;
  const whole = rows.map(({ row, shortened }) =>
    Object.fromEntries(Object.entries(row).filter(([column]) => !shortened.includes(column))),
  );
  const statistics = seen?.statistics ?? new Map<string, ColumnStatistics>();
  const chat = chatOf(types, whole);
  const rowCount = parts.find(
    ({ config, split }) => config === chosen?.config && split === chosen.split,
  )?.rows;
  return {
    facts,
    parts,
    chosen,
    types,
    rows,
    rowsFrom: raw === undefined ? 'the dataset viewer' : raw.file,
    statistics,
    chat,
    verdicts: types.size === 0 ? [] : judge({ types, rows: whole }),
    parquet: seen?.parquet ?? [],
    redFlags: redFlags({
      statistics,
      rowCount,
      rows: rows.every(({ shortened }) => shortened.length === 0) ? whole : [],
      chat,
    }),
    notes: notes.all,
    isIncomplete: notes.isIncomplete,
  };
}

/** The conversations of the first column that has some. */
function chatOf(
  types: ReadonlyMap<string, FeatureType>,
  rows: readonly Row[],
): ChatLook | undefined {
  for (const [column, type] of types) {
    const cells = rows.filter((row) => column in row).map((row) => row[column]);
    const read = isText(type) ? messagesInText : messagesIn;
    if (!isText(type) && !isMessages(type) && !isConversations(type)) continue;
    const chats = cells.map(read).filter((chat) => chat !== undefined);
    if (chats.length === 0) continue;
    const isShare = chats.flat().every((message) => !('role' in message) && 'from' in message);
    return isShare ? lookAtChats(column, chats, SHAREGPT) : lookAtChats(column, chats);
  }
  return undefined;
}

/** Without access nothing of the rest can be right. @throws GloveboxError `remote/gated`, `remote/auth-required`. */
function refuseLocked(facts: DatasetFacts, splits: Settled<unknown>): void {
  if (!('failure' in splits)) return;
  const { failure } = splits;
  const isLocked =
    isGloveboxError(failure, 'remote/auth-required') || isGloveboxError(failure, 'remote/gated');
  if (!isLocked) return;
  if (facts.gated === undefined) throw failure;
  const token =
    facts.tokenSource === undefined
      ? 'No token was sent.'
      : `The token of ${facts.tokenSource} was sent, and has no access.`;
  throw new GloveboxError(
    'remote/gated',
    `Access to the dataset ${facts.id} must be granted (gated: ${facts.gated}). ${token}\n${failure.message.split('\n')[1] ?? ''}`.trim(),
    {
      hint: `ask for access at ${facts.page}, then set HF_TOKEN (or GLOVEBOX_HF_TOKEN) to a token of that account that may read gated repositories.`,
    },
  );
}
