/** Looks at a dataset from all sides at once and brings together what is known: parts, columns, rows, numbers, verdicts. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { parseCard, type CardPart } from './card.ts';
import { chatFormOf } from './chat-forms.ts';
import {
  lookAtChats,
  messagesIn,
  messagesInText,
  SHAREGPT,
  type ChatLook,
  type Row,
} from './chat-messages.ts';
import { isDialogue } from './columns.ts';
import { readDatasetFacts, type DatasetFacts } from './dataset-facts.ts';
import { isText, type FeatureType } from './feature-types.ts';
import { DatasetNotes, settle, type Settled } from './notes.ts';
import { choosePart, partsOf } from './parts.ts';
import { chooseFile, lookAtFile, namesSplit, type RawLook } from './raw-rows.ts';
import { mediaFlags, redFlags, type ColumnStatistics } from './signals.ts';
import { judge, type Verdict } from './verdict.ts';
import { FETCHED_ROWS, viewPart, type SampleRow, type Seen, type SplitFiles } from './view-part.ts';
import {
  viewSize,
  viewSplits,
  viewValidity,
  type DatasetName,
  type Part,
  type ViewerSize,
  type ViewerSplits,
} from './viewer.ts';

export interface InspectRequest {
  readonly id: string;
  readonly config?: string;
  readonly split?: string;
  readonly offset: number;
}

export interface Inspection {
  readonly facts: DatasetFacts;
  readonly parts: readonly CardPart[];
  /** What the rest is about; undefined when nothing is known of parts. */
  readonly chosen: Part | undefined;
  /** Of the split, or of the file that the rows are from; undefined where nobody says it. */
  readonly rowCount: number | undefined;
  readonly types: ReadonlyMap<string, FeatureType>;
  /** All that were fetched, up to 100. */
  readonly rows: readonly SampleRow[];
  /** Where the rows are from: the viewer, or one file. */
  readonly rowsFrom: string;
  readonly statistics: ReadonlyMap<string, ColumnStatistics>;
  readonly chat: ChatLook | undefined;
  readonly verdicts: readonly Verdict[];
  readonly parquet: readonly SplitFiles[];
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
  const [facts, first] = await Promise.all([
    readDatasetFacts(hub, request.id, signal),
    viewWhole(hub, asked, signal),
  ]);
  const name = { id: facts.id, page: facts.page };
  // The viewer does not know old names, which the Hub leads on from.
  const isRenamed = facts.id !== request.id;
  const { validity, splits, size } = isRenamed ? await viewWhole(hub, name, signal) : first;
  if (isRenamed) notes.add(`${request.id} is called ${facts.id} now.`);
  refuseLocked(facts, splits);
  const viewed = notes.take('The dataset viewer', splits);
  const sizes = notes.take('Sizes', size, viewed === undefined);
  const card = parseCard(facts.card);
  const parts = viewed === undefined ? card.parts : partsOf(viewed.splits, sizes);
  const chosen = choosePart(parts, request, facts.id);
  if (viewed !== undefined && (viewed.pending?.length ?? 0) > 0) {
    notes.incomplete(`The viewer still works on ${viewed.pending?.length} parts.`);
  }
  const failed = viewed?.failed ?? [];
  if (failed.length > 0) {
    const names = failed.map((each) => `${each.config ?? '?'} / ${each.split ?? '?'}`);
    const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
    notes.add(`The viewer failed at ${names.slice(0, 5).join(', ')}${more}.`);
  }
  if ('data' in validity && validity.data.viewer === false && validity.data.preview === true)
    notes.add('The viewer has only the first rows of it.');
  if (sizes?.partial === true)
    notes.add('Row counts are of the first 5 GB only, which the viewer has converted.');
  if (facts.isDisabled) notes.add('The Hub has disabled this dataset.');
  const rowCount = viewed === undefined ? undefined : rowsOf(parts, chosen);
  refuseBeyond(request.offset, rowCount, sizes?.partial === true);
  const seen =
    viewed === undefined || chosen === undefined
      ? undefined
      : await viewPart(hub, name, chosen, request.offset, notes, signal);
  if (rowCount === 0) notes.add('This split has no rows.');
  const declared = card.types.get(chosen?.config ?? 'default') ?? [...card.types.values()][0];
  const raw =
    (seen?.rows.length ?? 0) > 0 || rowCount === 0
      ? undefined
      : await readRaw(hub, facts, chosen, request.offset, notes, signal);
  refuseBeyond(request.offset, raw?.rowCount, false);
  const rows = seen !== undefined && raw === undefined ? seen.rows : sampleOf(raw, request.offset);
  const types =
    [seen?.types, raw?.types, declared].find((found) => (found?.size ?? 0) > 0) ?? new Map();
  return conclude({ facts, parts, chosen, types, rows, seen, raw, notes });
}

/** What the viewer says of the dataset as a whole. */
interface WholeView {
  readonly validity: Settled<{ readonly preview?: unknown; readonly viewer?: unknown }>;
  readonly splits: Settled<ViewerSplits>;
  readonly size: Settled<ViewerSize>;
}

async function viewWhole(
  hub: HubContext,
  name: DatasetName,
  signal: AbortSignal,
): Promise<WholeView> {
  const [validity, splits, size] = await Promise.all([
    settle(viewValidity(hub, name, signal)),
    settle(viewSplits(hub, name, signal)),
    settle(viewSize(hub, name, signal)),
  ]);
  return { validity, splits, size };
}

const rowsOf = (parts: readonly CardPart[], chosen: Part | undefined): number | undefined =>
  parts.find(({ config, split }) => config === chosen?.config && split === chosen.split)?.rows;

/** @throws GloveboxError `input/invalid` where nothing can be; a count of the first part only forbids nothing. */
function refuseBeyond(offset: number, count: number | undefined, isPartial: boolean): void {
  if (count === undefined || count === 0 || offset < count || isPartial) return;
  throw new GloveboxError(
    'input/invalid',
    `offset=${offset} is beyond the end: there ${count === 1 ? 'is 1 row' : `are ${count.toLocaleString('en-US')} rows`}.`,
    { hint: `offset goes from 0 to ${count - 1}.` },
  );
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
  const file = chooseFile(facts.files, chosen);
  if (file === undefined) {
    notes.add('Rows could not be read: the repository has no Parquet, JSON or CSV file.');
    const script = facts.files.find((path) => isScriptOf(path, facts.id));
    if (script !== undefined)
      notes.add(
        `It is made by the script ${script}, which current versions of datasets do not run: look for a copy as Parquet, in the branch refs/convert/parquet or in another repository.`,
      );
    return undefined;
  }
  if (chosen !== undefined && !namesSplit(file, chosen.split))
    notes.add(`No file is named after the split ${chosen.split}; the rows are those of ${file}.`);
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

/** A script has the name of its dataset. */
const isScriptOf = (path: string, id: string): boolean => path === `${id.split('/').at(-1)}.py`;

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
  const frequencies = new Map(
    [...statistics].flatMap(([column, { frequencies: counts }]) =>
      counts === undefined ? [] : [[column, counts] as const],
    ),
  );
  return {
    facts,
    parts,
    chosen,
    rowCount: raw === undefined ? rowsOf(parts, chosen) : raw.rowCount,
    types,
    rows,
    rowsFrom: raw === undefined ? 'the dataset viewer' : raw.file,
    statistics,
    chat,
    verdicts: types.size === 0 ? [] : judge({ types, rows: whole, frequencies }),
    parquet: seen?.parquet ?? [],
    redFlags: [
      ...redFlags({
        statistics,
        rowCount: rowsOf(parts, chosen),
        rows: rows.every(({ shortened }) => shortened.length === 0) ? whole : [],
        cells: whole,
        chat,
      }),
      ...mediaFlags(types),
    ],
    notes: notes.all,
    isIncomplete: notes.isIncomplete,
  };
}

const TELLING = ['messages', 'conversations', 'chosen', 'completion'];

/** How late a column is looked at: whole conversations first, then answers, and what is only asked last. */
function tells(column: string): number {
  const at = TELLING.indexOf(column);
  return column === 'prompt' ? TELLING.length + 1 : at < 0 ? TELLING.length : at;
}

/** The conversations of the column that tells most. */
function chatOf(
  types: ReadonlyMap<string, FeatureType>,
  rows: readonly Row[],
): ChatLook | undefined {
  const order = [...types].toSorted(([a], [b]) => tells(a) - tells(b));
  for (const [column, type] of order) {
    if (!isText(type) && !isDialogue(type)) continue;
    const read = isText(type) ? messagesInText : messagesIn;
    const cells = rows.filter((row) => column in row).map((row) => row[column]);
    const chats = cells.map(read).filter((chat) => chat !== undefined);
    if (chats.length === 0) continue;
    const isShare =
      chatFormOf(type)?.keys === 'from' ||
      chats.flat().every((message) => !('role' in message) && 'from' in message);
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
