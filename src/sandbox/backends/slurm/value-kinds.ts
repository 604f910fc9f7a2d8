/** The values that a SLURM job can be asked for with, each checked before it becomes a word of a command line. */
import * as z from 'zod';
import { parseTimeLimitMs } from './time-limit.ts';

/** Every value but an extra argument: no control character anywhere, and it cannot be taken for an option. */
const plain = z
  .string()
  .max(4096)
  .refine((value) => !/\p{Cc}/u.test(value), 'must not contain control characters')
  .refine((value) => !value.startsWith('-'), 'must not begin with "-"');

const matching = (pattern: RegExp, accepts: string): z.ZodType<string> =>
  plain.refine((value) => pattern.test(value), `must be ${accepts}`);

const commaList = (each: RegExp): RegExp => new RegExp(`^${each.source}(,${each.source})*$`);

export const partitionValue = matching(
  commaList(/[A-Za-z0-9_.+-]+/),
  'the name of a partition, or several separated by commas',
);

/** `none` and empty text: no line at all. */
export const gresValue = matching(
  new RegExp(`^(none|)$|${commaList(/[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?(:\d+)?/).source}`),
  'none, or name[:type][:count], such as gpu:1 or gpu:a100:2, several separated by commas',
);

export const memoryValue = matching(
  /^[1-9]\d{0,8}[KMGT]?$/i,
  'a number with K, M, G or T, such as 32G; without a unit in MB',
);

export const timeValue = plain.refine(
  (value) => parseTimeLimitMs(value) !== undefined,
  'must be minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds, or UNLIMITED',
);

export const nameValue = matching(/^[A-Za-z0-9_.-]{1,64}$/, 'a name');

export const constraintValue = matching(
  /^[A-Za-z0-9_.:&|*()[\],-]{1,256}$/,
  'an expression over features of nodes, such as a100&nvlink',
);

export const hostListValue = matching(
  /^[A-Za-z0-9_.,[\]-]{1,1024}$/,
  'a list of hosts, such as node1,node[3-5]',
);

export const moduleValue = matching(/^[A-Za-z0-9_./+-]{1,200}$/, 'the name of a module');

/** A path on the cluster, or a program's name; `~` stands for the home folder there. */
export const pathValue = plain.refine((value) => value !== '', 'must not be empty');

export const setupLine = z
  .string()
  .max(4096)
  .refine((value) => !/[\0\n\r]/.test(value), 'must be one line');

/** What Glovebox decides itself, and what would make another kind of job. */
const REFUSED_ARGUMENTS = [
  '--wrap',
  '--output',
  '--error',
  '--export',
  '--export-file',
  '--array',
  '--parsable',
  '--test-only',
  '--wait',
  '--comment',
  '--open-mode',
  '--signal',
  '--input',
  '--chdir',
  '--help',
  '--usage',
  '--version',
  '--wckey-file',
];

export const extraArgument = z
  .string()
  .max(1024)
  .refine((value) => /^--[a-z]/.test(value), 'must begin with "--" (write --name=value)')
  .refine((value) => !/\p{Cc}/u.test(value), 'must not contain control characters')
  .refine((value) => !isRefused(value), 'is decided by Glovebox itself and cannot be given here');

/** `sbatch` takes any beginning of an option's name that is not ambiguous. */
function isRefused(argument: string): boolean {
  const name = argument.split('=', 1)[0] ?? '';
  return (
    name.length >= 4 &&
    REFUSED_ARGUMENTS.some((refused) => refused === name || isBeginning(refused, name))
  );
}

function isBeginning(refused: string, name: string): boolean {
  return refused.startsWith(name) && !KEPT_NAMES.has(name);
}

/** Whole names of harmless options that are the beginning of a refused one. */
const KEPT_NAMES: ReadonlySet<string> = new Set(['--wckey']);
