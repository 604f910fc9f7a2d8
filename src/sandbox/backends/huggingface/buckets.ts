/** The private buckets of sandboxes in Jobs: one of an account for what cells download, one of each sandbox for what they write for keeps (H9). */
import { throwIfAborted } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { KeptOutputs, Progress, SandboxHandle } from '#sandbox/backend.ts';
import { modeOf, outputsOf } from '#sandbox/common-options.ts';
import type { Layout } from '#sandbox/layout.ts';
import type { HubBuckets, HubVolume } from './hub-jobs.ts';
import type { HuggingfaceOptions } from './options.ts';
import type { HuggingfaceContext } from './settings.ts';

/** By `owner/name`; absent is none. */
export interface Buckets {
  readonly cache?: string;
  readonly outputs?: string;
}

/** Where the bucket of what is kept is mounted; cells do not write there themselves. */
export const keptIn = ({ state }: Pick<Layout, 'state'>): string => `${state}/kept`;

/** What a sandbox is to have, whoever may make it. Files of a scoped one stay where they are. */
export function wantedBuckets(
  options: Pick<HuggingfaceOptions, 'cache_volume' | 'mode' | 'outputs'>,
  namespace: string,
  sandboxId: string,
): Buckets {
  const hasOutputs = modeOf(options) !== 'scoped' && outputsOf(options) !== undefined;
  return {
    ...(options.cache_volume !== false && { cache: `${namespace}/glovebox-cache` }),
    ...(hasOutputs && { outputs: `${namespace}/glovebox-${sandboxId}` }),
  };
}

/**
 * Makes those that are missing. One that nobody asked for by name is done without where it cannot be had, and that is told.
 *
 * @throws as `HubBuckets.ensure`, for what was asked for.
 */
export async function makeBuckets(
  wanted: Buckets,
  { cache_volume: cacheVolume, outputs }: Pick<HuggingfaceOptions, 'cache_volume' | 'outputs'>,
  { hub, log }: Pick<HuggingfaceContext, 'hub' | 'log'>,
  { signal, report }: { readonly signal: AbortSignal; readonly report: (step: Progress) => void },
): Promise<Buckets> {
  const make = async (
    id: string | undefined,
    isAskedFor: boolean,
    loss: string,
  ): Promise<string | undefined> => {
    if (id === undefined) return undefined;
    try {
      await hub.buckets.ensure(id, signal);
      return id;
    } catch (error) {
      throwIfAborted(signal);
      if (isAskedFor) throw error;
      report({ message: `${loss}: there is no bucket ${id}`.slice(0, 200) });
      log.warn(`${loss}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const cache = await make(
    wanted.cache,
    cacheVolume === true,
    'What cells download is not kept for the next sandbox',
  );
  const kept = await make(
    wanted.outputs,
    typeof outputs === 'string',
    'What cells write is brought home from the running sandbox only',
  );
  return { ...(cache !== undefined && { cache }), ...(kept !== undefined && { outputs: kept }) };
}

const mount = (source: string, mountPath: string): HubVolume => ({
  type: 'bucket',
  source,
  mountPath,
  readOnly: false,
});

export function bucketMounts({ cache, outputs }: Buckets, layout: Layout): readonly HubVolume[] {
  return [
    ...(cache === undefined ? [] : [mount(cache, layout.cache)]),
    ...(outputs === undefined ? [] : [mount(outputs, keptIn(layout))]),
  ];
}

/** What a handle remembers of it. */
export const rememberedBucket = ({ outputs }: Buckets): { readonly keptIn: string | null } => ({
  // Also nothing: what is remembered may be of an earlier life.
  keptIn: outputs ?? null,
});

export async function keptOutputs(
  { data }: SandboxHandle,
  { hub, settings }: Pick<HuggingfaceContext, 'hub' | 'settings'>,
  signal: AbortSignal,
): Promise<KeptOutputs | undefined> {
  const id = data['keptIn'];
  if (typeof id !== 'string') return undefined;
  const files = await hub.buckets.list(id, signal);
  if (files === undefined) return undefined;
  return {
    files,
    place: `the private bucket ${settings().hubUrl}/buckets/${id} (hf buckets sync hf://buckets/${id} FOLDER fetches it)`,
    read: (file, stop) => hub.buckets.read(id, file, stop),
    discard: (stop) => hub.buckets.remove(id, stop),
  };
}

/** Of a start that failed: nobody has written anything. Never fails. */
export async function forgetIfEmpty(
  { outputs }: Buckets,
  buckets: HubBuckets,
  signal: AbortSignal,
): Promise<void> {
  if (outputs === undefined) return;
  const files = await buckets.list(outputs, signal).catch(() => undefined);
  if (files?.length === 0) await buckets.remove(outputs, signal).catch(() => undefined);
}
