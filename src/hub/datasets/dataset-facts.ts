/** What the Hub itself says of a dataset: access, license, revision, files, and the card's description of its parts. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { askHub } from '../request.ts';
import { encodePath } from '../request.ts';

const text = z.string().nullish().catch(undefined);

const answer = z.object({
  id: z.string(),
  private: z.boolean().nullish().catch(undefined),
  gated: z.union([z.boolean(), z.string()]).nullish().catch(undefined),
  disabled: z.boolean().nullish().catch(undefined),
  sha: text,
  lastModified: text,
  downloads: z.number().nullish().catch(undefined),
  likes: z.number().nullish().catch(undefined),
  cardData: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  tags: z.array(z.string()).nullish().catch(undefined),
  siblings: z
    .array(z.object({ rfilename: z.string() }))
    .nullish()
    .catch(undefined),
});

export interface DatasetFacts {
  /** As the Hub spells it now; a renamed dataset has another id than the one that was asked for. */
  readonly id: string;
  readonly page: string;
  readonly isPrivate: boolean;
  /** `auto` or `manual`; undefined when it is open. */
  readonly gated: string | undefined;
  readonly isDisabled: boolean;
  readonly sha: string | undefined;
  readonly lastModified: string | undefined;
  readonly downloads: number | undefined;
  readonly likes: number | undefined;
  readonly license: string | undefined;
  /** `configs` and `dataset_info` of the card, unparsed. */
  readonly card: Readonly<Record<string, unknown>>;
  readonly files: readonly string[];
  /** Where the token came from that was sent; undefined when none was. */
  readonly tokenSource: string | undefined;
}

/** @throws GloveboxError as `askHub` does. */
export async function readDatasetFacts(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<DatasetFacts> {
  const page = `${hub.hosts().hub}/datasets/${id}`;
  const { data, response } = await askHub(
    hub,
    {
      path: `/api/datasets/${encodePath(id)}`,
      schema: answer,
      what: `the dataset ${id}`,
      page,
      // A renamed repository is answered with a redirect.
      redirects: 'same-origin',
    },
    signal,
  );
  const card = data.cardData ?? {};
  return {
    id: data.id,
    page: `${hub.hosts().hub}/datasets/${data.id}`,
    isPrivate: data.private === true,
    gated: typeof data.gated === 'string' ? data.gated : data.gated === true ? 'yes' : undefined,
    isDisabled: data.disabled === true,
    sha: data.sha ?? undefined,
    lastModified: data.lastModified ?? undefined,
    downloads: data.downloads ?? undefined,
    likes: data.likes ?? undefined,
    license: licenseOf(card, data.tags ?? []),
    card,
    files: (data.siblings ?? []).map(({ rfilename }) => rfilename),
    tokenSource: response.credentialSource,
  };
}

function licenseOf(
  card: Readonly<Record<string, unknown>>,
  tags: readonly string[],
): string | undefined {
  const { license } = card;
  const words: readonly unknown[] = Array.isArray(license) ? license : [license];
  const named = words.filter((word) => typeof word === 'string');
  if (named.length > 0) return named.join(', ');
  return tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
}
