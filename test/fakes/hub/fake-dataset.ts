/** A dataset on the fake Hub and in the fake viewer, in the shapes that both answer with. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { FakeAnswer, FakeRequest } from './fake-service.ts';
import type { FakeServices } from './fake-services.ts';

type Row = Readonly<Record<string, unknown>>;

export interface FakeDataset {
  readonly id: string;
  /** As `/first-rows` and `/info` tell them. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
  /** Default: one config `default` with the split `train`. */
  readonly parts?: readonly (readonly [config: string, split: string])[];
  /** What `/first-rows` gives instead of the value of these columns; `/rows` has them whole. */
  readonly truncatedCells?: Readonly<Record<string, string>>;
  /** A name that the Hub leads on from, and that the viewer does not know any more. */
  readonly oldName?: string;
  readonly statistics?: readonly {
    readonly column_name: string;
    readonly column_type: string;
    readonly column_statistics: Readonly<Record<string, unknown>>;
  }[];
  /** More of what `/api/datasets/ID` answers. */
  readonly hub?: Readonly<Record<string, unknown>>;
  /** Files of the repository by path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** What the viewer answers instead, whatever is asked. */
  readonly viewer?: FakeAnswer;
}

/** As the viewer says that it does not serve something. */
export const viewerError = (status: number, code: string, error = code): FakeAnswer => ({
  status,
  json: { error },
  headers: { 'x-error-code': code },
});

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);

export function addDataset(services: FakeServices, dataset: FakeDataset): void {
  const { id, features, rows, files = {}, parts = [['default', 'train']] } = dataset;
  services.hub.on('GET', new RegExp(`/api/datasets/${escaped(id)}`), () => ({
    json: {
      id,
      private: false,
      gated: false,
      sha: 'a'.repeat(40),
      lastModified: '2025-09-30T12:00:00.000Z',
      downloads: 12_345,
      likes: 6,
      tags: ['license:mit'],
      siblings: Object.keys(files).map((rfilename) => ({ rfilename })),
      ...dataset.hub,
    },
  }));
  const { oldName, truncatedCells = {} } = dataset;
  if (oldName !== undefined)
    services.hub.on('GET', new RegExp(`/api/datasets/${escaped(oldName)}`), () => ({
      status: 307,
      headers: { location: `/api/datasets/${id}` },
    }));
  for (const [path, content] of Object.entries(files)) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const route = new RegExp(`/datasets/${escaped(id)}/resolve/\\w+/${escaped(path)}`);
    services.hub.on('GET', route, () => ({
      status: 302,
      headers: { location: `${services.mirror.url}/${id}/${path}` },
    }));
    services.mirror.on('GET', new RegExp(`/${escaped(id)}/${escaped(path)}`), (request) =>
      rangeOf(bytes, request),
    );
  }
  const named = parts.map(([config, split]) => ({ dataset: id, config, split }));
  const first = named[0];
  const answers: Readonly<Record<string, (request: FakeRequest) => unknown>> = {
    'is-valid': () => ({
      preview: true,
      viewer: true,
      search: true,
      filter: true,
      statistics: true,
    }),
    splits: () => ({ splits: named, pending: [], failed: [] }),
    size: () => ({
      size: {
        dataset: { dataset: id, num_rows: rows.length },
        configs: [],
        splits: named.map((part) => ({
          ...part,
          num_rows: rows.length,
          num_columns: Object.keys(features).length,
          num_bytes_parquet_files: 123_456,
        })),
      },
      pending: [],
      failed: [],
      partial: false,
    }),
    info: () => ({ dataset_info: { features }, partial: false }),
    'first-rows': () => page(rows.slice(0, 100), 0, truncatedCells),
    rows: ({ query }) => {
      const offset = Number(query.get('offset'));
      return page(rows.slice(offset, offset + Number(query.get('length'))), offset, {});
    },
    statistics: () => ({
      num_examples: rows.length,
      statistics: dataset.statistics ?? [],
      partial: false,
    }),
    parquet: () => ({
      parquet_files: [
        { ...first, url: `${services.hub.url}/x`, filename: '0000.parquet', size: 123_456 },
      ],
      partial: false,
    }),
  };
  const page = (
    some: readonly Row[],
    offset: number,
    cut: Readonly<Record<string, string>>,
  ): unknown => ({
    ...first,
    features: Object.entries(features).map(([name, type], feature_idx) => ({
      feature_idx,
      name,
      type,
    })),
    rows: some.map((row, index) => ({
      row_idx: offset + index,
      row: { ...row, ...cut },
      truncated_cells: Object.keys(cut),
    })),
    truncated: Object.keys(cut).length > 0,
    num_rows_total: rows.length,
  });
  if (oldName !== undefined)
    viewedIn(services).set(oldName, () => viewerError(404, 'RenamedDatasetError'));
  viewedIn(services).set(id, (request) => {
    const answer = answers[request.match[0] ?? ''];
    if (answer === undefined) throw new Error(`the viewer has no ${request.path}`);
    return dataset.viewer ?? { json: answer(request) };
  });
}

const viewed = new WeakMap<FakeServices, Map<string, (request: FakeRequest) => FakeAnswer>>();

/** What the viewer knows, by id: one viewer for all datasets of a test. */
function viewedIn(services: FakeServices): Map<string, (request: FakeRequest) => FakeAnswer> {
  const known = viewed.get(services);
  if (known !== undefined) return known;
  const made = new Map<string, (request: FakeRequest) => FakeAnswer>();
  viewed.set(services, made);
  services.viewer.on('GET', /\/([a-z-]+)/, (request) => {
    const answer = made.get(request.query.get('dataset') ?? '');
    return answer === undefined ? viewerError(404, 'ResponseNotFound') : answer(request);
  });
  return made;
}

/** As storage answers a request for a part. */
export function rangeOf(bytes: Uint8Array, { headers }: FakeRequest): FakeAnswer {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined) return { bytes };
  const start = Number(from);
  if (start >= bytes.length) {
    return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } };
  }
  const part = bytes.subarray(start, Number(to) + 1);
  const range = `bytes ${start}-${start + part.length - 1}/${bytes.length}`;
  return { status: 206, bytes: part, headers: { 'content-range': range } };
}

/** A Parquet file of one column of text and one of numbers. */
export function parquetOf(
  texts: readonly string[],
  kv?: { key: string; value: string },
): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'text', data: [...texts], type: 'STRING' },
        { name: 'score', data: texts.map((_, index) => index / 2), type: 'DOUBLE' },
      ],
      ...(kv !== undefined && { kvMetadata: [kv] }),
    }),
  );
}
