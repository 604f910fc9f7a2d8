/** The configs and splits of a dataset, and which of them is meant. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import type { CardPart } from './card.ts';
import type { Part, ViewerSize } from './viewer.ts';

/** What the viewer lists, with the counts it has. */
export function partsOf(
  splits: readonly Part[],
  sizes: ViewerSize | undefined,
): readonly CardPart[] {
  return splits.map(({ config, split }) => {
    const size = sizes?.size.splits.find(
      (other) => other.config === config && other.split === split,
    );
    const rows = size?.num_rows;
    const bytes = size?.num_bytes_parquet_files;
    return {
      config,
      split,
      ...(typeof rows === 'number' && { rows }),
      ...(typeof bytes === 'number' && { bytes }),
    };
  });
}

/**
 * Where nothing is known of parts, the one that was asked for by name is taken at its word.
 *
 * @throws GloveboxError `input/invalid` for a name that is not there, with those that are.
 */
export function choosePart(
  parts: readonly Part[],
  { config, split }: { readonly config?: string; readonly split?: string },
  id: string,
): Part | undefined {
  if (parts.length === 0) {
    return config === undefined && split === undefined
      ? undefined
      : { config: config ?? 'default', split: split ?? 'train' };
  }
  const configs = [...new Set(parts.map((part) => part.config))];
  const wanted = config ?? (configs.includes('default') ? 'default' : configs[0]) ?? '';
  const inConfig = parts.filter((part) => part.config === wanted);
  const chosen =
    inConfig.find((part) => part.split === (split ?? 'train')) ??
    (split === undefined ? inConfig[0] : undefined);
  if (chosen !== undefined) return { config: chosen.config, split: chosen.split };
  const isConfig = inConfig.length === 0;
  const guess = isConfig
    ? didYouMean(wanted, configs)
    : didYouMean(
        split ?? '',
        inConfig.map((part) => part.split),
      );
  const pairs = parts.map((part) => `${part.config} / ${part.split}`);
  throw new GloveboxError(
    'input/invalid',
    `${id} has no ${isConfig ? `config "${wanted}"` : `split "${split ?? ''}" in config "${wanted}"`}.${guess}`,
    {
      hint: `Config / split: ${pairs.slice(0, 40).join(', ')}${pairs.length > 40 ? `, ... (${pairs.length} in all)` : ''}.`,
    },
  );
}
