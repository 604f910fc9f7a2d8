/** The parameters of hf_jobs that are no plain texts or numbers: wide in what they take, narrow in what they give. */
import * as z from 'zod';
import { splitWords } from '#core/words-of-shell.ts';
import { splitRequirements } from '#policy/script-checks/python-packages.ts';
import { requiredChoice } from '../../wide-input.ts';

export const JOB_OPERATIONS = [
  'run',
  'uv',
  'ps',
  'logs',
  'wait',
  'inspect',
  'cancel',
  'hardware',
  'scheduled run',
  'scheduled ps',
  'scheduled inspect',
  'scheduled delete',
  'scheduled suspend',
  'scheduled resume',
] as const;
export type JobOperation = (typeof JOB_OPERATIONS)[number];

/** `Scheduled_Run` is `scheduled run`: see `normaliseOperation`, which policy uses too. */
export const jobOperation = requiredChoice(JOB_OPERATIONS, 'What to do.');

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

function fromJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Reads a text as JSON where it is that, and else by `read`; what is no text stays as it is. */
const wide =
  (read: (text: string) => unknown) =>
  (value: unknown): unknown => {
    if (isNothing(value)) return undefined;
    if (typeof value !== 'string') return value;
    const parsed = fromJson(value);
    return typeof parsed === 'string' ? read(parsed) : parsed;
  };

const texts = z.array(z.string());

/** A text, to the last blank. */
export const wideSource = (about: string) =>
  z
    .preprocess((value) => (isNothing(value) ? undefined : value), z.string().optional())
    .optional()
    .describe(about);

/** A list, or one text that is split as a shell would, without running one. */
export const wideWords = (about: string) =>
  z.preprocess(wide(splitWords), texts.optional()).optional().describe(about);

/** A list, or one text with commas, of which those inside a requirement (`torch>=2,<3`) separate nothing. */
export const wideRequirements = (about: string) =>
  z.preprocess(wide(splitRequirements), texts.optional()).optional().describe(about);

export const wideTextMap = (about: string) =>
  z
    .preprocess(
      wide((text) => text),
      z.record(z.string(), z.string()).optional(),
    )
    .optional()
    .describe(about);

export const wideIntList = (about: string) =>
  z
    .preprocess(
      wide((text) => text.split(',').map(Number)),
      z.array(z.int().min(1).max(65_535)).optional(),
    )
    .optional()
    .describe(about);

/** A number counts seconds. */
export const wideTimeLimit = (about: string) =>
  z
    .preprocess(
      (value) => (isNothing(value) ? undefined : typeof value === 'number' ? String(value) : value),
      z.string().optional(),
    )
    .optional()
    .describe(about);

const volume = z.strictObject({
  type: z.enum(['model', 'dataset', 'space', 'bucket']).describe('What it is.'),
  source: z
    .string()
    .regex(/^[\w.-]+(\/[\w.-]+)?$/)
    .describe('owner/name.'),
  mount_path: z.string().regex(/^\/./, 'must be an absolute path').describe('Where it goes.'),
  read_only: z.boolean().optional().describe('Repositories always are.'),
});

export const wideVolumes = (about: string) =>
  z
    .preprocess(
      wide((text) => text),
      z.array(volume).optional(),
    )
    .optional()
    .describe(about);
