/** What the viewer has of one split: schema, rows with whole cells, numbers, files. */
import type { HubContext } from '../context.ts';
import type { Row } from './chat-messages.ts';
import { isDialogue } from './columns.ts';
import { parseFeatureType, type FeatureType } from './feature-types.ts';
import { settle, type DatasetNotes } from './notes.ts';
import { parseStatistics, type ColumnStatistics } from './signals.ts';
import {
  viewFirstRows,
  viewInfo,
  viewParquet,
  viewRows,
  viewStatistics,
  type DatasetName,
  type Part,
  type ViewerRows,
} from './viewer.ts';

export const FETCHED_ROWS = 100;
/** So many rows are asked for once more where the first answer cut their conversations. */
const WHOLE_ROWS = 20;

export interface SampleRow {
  readonly index: number;
  readonly row: Row;
  /** Columns whose value the viewer shortened. */
  readonly shortened: readonly string[];
}

export interface SplitFiles {
  readonly split: string;
  readonly files: number;
  readonly bytes: number;
}

export interface Seen {
  readonly types: ReadonlyMap<string, FeatureType>;
  readonly rows: readonly SampleRow[];
  readonly statistics: ReadonlyMap<string, ColumnStatistics>;
  readonly parquet: readonly SplitFiles[];
}

/** What fails costs its part, and is said in `notes`. */
export async function viewPart(
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
  const given = notes.take('Rows', found);
  const statistics = notes.take('Statistics', numbers);
  const features = notes.take('The schema', info, given !== undefined)?.dataset_info.features;
  const parquet = notes.take('The list of Parquet files', files);
  if (statistics?.partial === true) {
    notes.add(
      `Statistics are of the first 5 GB only (${statistics.num_examples.toLocaleString('en-US')} rows).`,
    );
  }
  const ofRows = given?.features.map(({ name: column, type }) => [column, type] as const);
  const types = new Map(
    (ofRows ?? Object.entries(features ?? {})).map(([column, raw]) => [
      column,
      parseFeatureType(raw),
    ]),
  );
  const rows = await wholeRows(hub, name, part, offset, { given, types }, signal);
  if (rows?.truncated === true)
    notes.add('Rows are long: the viewer gave fewer, or shortened cells.');
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

/**
 * The first rows of long conversations come with cells that are cut, of which nothing can be judged. A few of the same rows come
 * whole when they are asked for by number; when that fails, the cut ones are what there is.
 */
async function wholeRows(
  hub: HubContext,
  name: DatasetName,
  part: Part,
  offset: number,
  {
    given,
    types,
  }: {
    readonly given: ViewerRows | undefined;
    readonly types: ReadonlyMap<string, FeatureType>;
  },
  signal: AbortSignal,
): Promise<ViewerRows | undefined> {
  const isCut = given?.rows.some(({ truncated_cells: cells }) =>
    cells?.some((column) => isDialogue(types.get(column))),
  );
  if (offset > 0 || isCut !== true) return given;
  const again = await settle<ViewerRows>(
    viewRows(hub, name, part, { offset: 0, length: WHOLE_ROWS }, signal),
  );
  return 'data' in again && again.data.rows.length > 0 ? again.data : given;
}

function sumBySplit(
  files: readonly { readonly split: string; readonly size: number }[],
): readonly SplitFiles[] {
  const sums = new Map<string, SplitFiles>();
  for (const { split, size } of files) {
    const sum = sums.get(split) ?? { split, files: 0, bytes: 0 };
    sums.set(split, { split, files: sum.files + 1, bytes: sum.bytes + size });
  }
  return [...sums.values()];
}
