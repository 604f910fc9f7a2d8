/** Finds the generic resource of a cluster that is meant by the name of a GPU, as people write it for any back end. Pure. */
import { GloveboxError } from '#core/errors.ts';
import type { Partition } from './parse-sinfo.ts';

interface AskedGpu {
  /** Several are in order of preference. */
  readonly gpu: string | readonly string[];
  readonly gpu_count?: number | undefined;
  readonly partition?: string | undefined;
}

/** What sites call GPUs of which they do not tell the type. */
const ANY = 'gpu';

/**
 * `gpu:a100:2` for `A100-80GB` twice.
 *
 * @param offered the partitions that were asked for; undefined where the scheduler could not be asked: then it is left to it.
 * @param all for the words about where there is one.
 * @throws `config/invalid` where none of them has such a GPU.
 */
export function gresFor(
  { gpu, gpu_count: count = 1, partition }: AskedGpu,
  offered: readonly Partition[] | undefined,
  all: readonly Partition[] = [],
): string {
  const names = typeof gpu === 'string' ? [gpu] : gpu;
  const gresOf = (type: string): string => (type === ANY ? `gpu:${count}` : `gpu:${type}:${count}`);
  if (offered === undefined) return gresOf((names[0] ?? ANY).toLowerCase());
  const types = typesOf(offered);
  for (const name of names) {
    const type = match(name, types);
    if (type !== undefined) return gresOf(type);
  }
  const elsewhere = all.filter((one) =>
    names.some((name) => match(name, typesOf([one])) !== undefined),
  );
  const where = partition === undefined ? 'The default partition' : `Partition ${partition}`;
  const has = types.length === 0 ? 'has no GPUs' : `has ${types.join(', ')}`;
  throw new GloveboxError(
    'config/invalid',
    `Options of the slurm back end: gpu: ${where} has no ${names.join(' or ')}; it ${has}.`,
    {
      hint:
        elsewhere.length > 0
          ? `Ask for partition ${elsewhere.map(({ name }) => name).join(' or ')}, where there is one.`
          : 'sandbox_options(backend="slurm") lists partitions with their GPUs; gpu="gpu" takes any.',
    },
  );
}

const typesOf = (partitions: readonly Partition[]): readonly string[] => [
  ...new Set(partitions.flatMap(({ gpus }) => gpus.map(({ name }) => name))),
];

/** Sites write `a100`, `A100-80GB` and `nvidia_a100_80gb_pcie` for the same: the one that says more must say all that the other says. */
function match(name: string, types: readonly string[]): string | undefined {
  const asked = wordsOf(name);
  if (name.toLowerCase() === ANY) return types.length > 0 ? ANY : undefined;
  return (
    types.find((type) => type.toLowerCase() === name.toLowerCase()) ??
    types.find((type) => isWithin(asked, wordsOf(type))) ??
    types.find((type) => type !== ANY && isWithin(wordsOf(type), asked))
  );
}

const isWithin = (some: readonly string[], others: readonly string[]): boolean =>
  some.every((word) => others.includes(word));

const wordsOf = (name: string): readonly string[] =>
  name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
