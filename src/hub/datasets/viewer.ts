/** The dataset viewer: one function per address, and what its refusals mean. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { parseJsonAnswer, reasonOf } from '#platform/web/answer-text.ts';
import type { WebResponse } from '#platform/web/contract.ts';
import type { HubContext } from '../context.ts';
import { hubFailure, isSuccess } from '../failures.ts';
import { withQuery, type QueryValue } from '../request.ts';

const ROWS_MS = 30_000;

/** Why the viewer has no answer, in the cases in which something else can still be said. */
export type ViewerTrouble =
  /** It computes; asking again later helps. */
  | { readonly kind: 'not-ready'; readonly message: string }
  /** It does not serve this dataset. */
  | { readonly kind: 'unavailable'; readonly message: string };

export type Viewed<T> = { readonly data: T } | { readonly trouble: ViewerTrouble };

/** Errors that belong to the dataset as a whole, by the viewer's own names. */
const NO_SERVICE =
  /^(NotSupported\w*|Disabled\w*|DatasetWithScriptNotSupported\w*|DatasetWithTooManyConfigs\w*|ConfigNames\w*|EmptyDataset\w*|DataFilesNotFound\w*|FileFormat\w*|UnsupportedExternal\w*|FeaturesError|StreamingRowsError|RowsPostProcessing\w*|TooBig\w*|CreateCommitError|DatasetGeneration\w*|CacheEntryNotFound\w*|ResponseNotFound)$/;
const NOT_READY =
  /^(ResponseNotReady|ResponseAlreadyComputed|NoIndexation|CachedResponseNotFound)$/;

export interface DatasetName {
  readonly id: string;
  readonly page: string;
}

/**
 * @returns the answer, or the trouble that leaves something else to be said.
 * @throws GloveboxError `remote/gated`, `remote/auth-required`, `remote/not-found`, `input/invalid`, `remote/rate-limited`,
 * `remote/failed`, and as `WebClient.send` does.
 */
async function ask<T>(
  hub: HubContext,
  path: string,
  query: Readonly<Record<string, QueryValue>>,
  schema: z.ZodType<T>,
  { id, page }: DatasetName,
  signal: AbortSignal,
): Promise<Viewed<T>> {
  const url = withQuery(`${hub.hosts().datasetsServer}/${path}`, { dataset: id, ...query });
  const response = await hub.web.send({ url, timeoutMs: ROWS_MS }, signal);
  if (isSuccess(response)) {
    return { data: parseJsonAnswer(schema, response, `The dataset viewer's /${path} for ${id}`) };
  }
  const code = response.headers.get('x-error-code') ?? '';
  const message = `${code === '' ? `status ${response.status}` : code}: ${reasonOf(response)}`;
  if (NOT_READY.test(code)) return { trouble: { kind: 'not-ready', message } };
  if (response.status === 501 || NO_SERVICE.test(code))
    return { trouble: { kind: 'unavailable', message } };
  throw refusal(hub, response, code, id, page);
}

function refusal(
  hub: HubContext,
  response: WebResponse,
  code: string,
  id: string,
  page: string,
): GloveboxError {
  const source = response.credentialSource;
  const said = `\nThe dataset viewer answered ${response.status}: ${reasonOf(response)}`;
  const settings = `${hub.hosts().hub}/settings/tokens`;
  if (
    code === 'ExternalUnauthenticatedError' ||
    (response.status === 401 && source === undefined)
  ) {
    return new GloveboxError(
      'remote/auth-required',
      `The dataset ${id} needs a token: it is gated or private, or does not exist. No token was sent.${said}`,
      {
        hint: `set HF_TOKEN (or GLOVEBOX_HF_TOKEN) to a token with read scope from ${settings}; for gated data ask for access at ${page}.`,
      },
    );
  }
  if (code === 'ExternalAuthenticatedError') {
    return new GloveboxError(
      'remote/gated',
      `The token of ${source ?? 'nowhere'} gives no access to the dataset ${id}.${said}`,
      {
        hint: `ask for access at ${page} with the account of that token; a fine-grained token also needs the right to read gated repositories.`,
      },
    );
  }
  if (code === 'RenamedDatasetError') {
    return new GloveboxError('remote/not-found', `The dataset ${id} has another name now.${said}`, {
      hint: `open ${page}: it leads to the new name.`,
    });
  }
  return hubFailure(hub, response, { what: `the dataset ${id}`, page, who: 'the dataset viewer' });
}

const named = z.object({ config: z.string(), split: z.string() });
const trouble = z
  .array(z.object({ config: z.string().nullish(), split: z.string().nullish() }))
  .nullish()
  .catch(undefined);

const splits = z.object({ splits: z.array(named), pending: trouble, failed: trouble });
const count = z.number().nullish().catch(undefined);
const size = z.object({
  size: z.object({
    dataset: z.object({ num_rows: count, num_bytes_original_files: count }).nullish(),
    splits: z.array(
      named.extend({ num_rows: count, num_columns: count, num_bytes_parquet_files: count }),
    ),
  }),
  pending: trouble,
  failed: trouble,
  partial: z.boolean().nullish().catch(undefined),
});
const info = z.object({
  dataset_info: z.object({
    description: z.string().nullish().catch(undefined),
    license: z.string().nullish().catch(undefined),
    features: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  }),
});
const rows = z.object({
  features: z.array(z.object({ name: z.string(), type: z.unknown() })),
  rows: z.array(
    z.object({
      row_idx: z.number(),
      row: z.record(z.string(), z.unknown()),
      truncated_cells: z.array(z.string()).nullish().catch(undefined),
    }),
  ),
  truncated: z.boolean().nullish().catch(undefined),
  num_rows_total: count,
});
const statistics = z.object({
  num_examples: z.number(),
  statistics: z.array(
    z.object({
      column_name: z.string(),
      column_type: z.string(),
      column_statistics: z.record(z.string(), z.unknown()),
    }),
  ),
  partial: z.boolean().nullish().catch(undefined),
});
const parquet = z.object({
  parquet_files: z.array(
    z.object({
      config: z.string(),
      split: z.string(),
      url: z.string(),
      filename: z.string(),
      size: z.number(),
    }),
  ),
  partial: z.boolean().nullish().catch(undefined),
});

export type ViewerSplits = z.output<typeof splits>;
export type ViewerSize = z.output<typeof size>;
export type ViewerRows = z.output<typeof rows>;

export interface Part {
  readonly config: string;
  readonly split: string;
}

export const viewSplits = (hub: HubContext, name: DatasetName, signal: AbortSignal) =>
  ask(hub, 'splits', {}, splits, name, signal);
export const viewSize = (hub: HubContext, name: DatasetName, signal: AbortSignal) =>
  ask(hub, 'size', {}, size, name, signal);
export const viewInfo = (
  hub: HubContext,
  name: DatasetName,
  { config }: Part,
  signal: AbortSignal,
) => ask(hub, 'info', { config }, info, name, signal);
export const viewFirstRows = (
  hub: HubContext,
  name: DatasetName,
  { config, split }: Part,
  signal: AbortSignal,
) => ask(hub, 'first-rows', { config, split }, rows, name, signal);
/** `length` is at most 100. */
export const viewRows = (
  hub: HubContext,
  name: DatasetName,
  { config, split }: Part,
  { offset, length }: { readonly offset: number; readonly length: number },
  signal: AbortSignal,
) => ask(hub, 'rows', { config, split, offset, length }, rows, name, signal);
export const viewStatistics = (
  hub: HubContext,
  name: DatasetName,
  { config, split }: Part,
  signal: AbortSignal,
) => ask(hub, 'statistics', { config, split }, statistics, name, signal);
export const viewParquet = (
  hub: HubContext,
  name: DatasetName,
  { config }: Part,
  signal: AbortSignal,
) => ask(hub, 'parquet', { config }, parquet, name, signal);

const validity = z.object({
  preview: z.boolean().nullish().catch(undefined),
  viewer: z.boolean().nullish().catch(undefined),
});
export const viewValidity = (hub: HubContext, name: DatasetName, signal: AbortSignal) =>
  ask(hub, 'is-valid', {}, validity, name, signal);
