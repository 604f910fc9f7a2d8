/** What `python/files.py` answers, and what its refusals mean for a caller. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { renderBytes } from '#core/units.ts';

const text = z.object({
  real: z.string(),
  size: z.number(),
  sha256: z.string(),
  total_lines: z.number(),
  lines: z.array(z.object({ text: z.string(), cut: z.boolean() })),
  valid_utf8: z.boolean(),
});
const binary = z.object({
  real: z.string(),
  size: z.number(),
  binary: z.literal(true),
  magic: z.base64(),
});
const folder = z.object({
  real: z.string(),
  entries: z.array(
    z.object({ name: z.string(), folder: z.boolean(), size: z.number().nullable() }),
  ),
  count: z.number(),
});
const whole = z.object({ real: z.string(), data: z.string(), sha256: z.string() });
const missing = z.object({ real: z.string(), missing: z.literal(true), near: z.array(z.string()) });
const stored = z.object({
  real: z.string(),
  created: z.boolean(),
  size: z.number(),
  sha256: z.string(),
  syntax: z.object({ line: z.number().nullable(), message: z.string() }).nullable().optional(),
});

export const readAnswer = z.union([text, binary, folder]);
export const loadAnswer = z.union([whole, missing]);
export const storeAnswer = stored;

export type ReadAnswer = z.output<typeof readAnswer>;
export type TextWindow = z.output<typeof text>;

/** Whether something of a text was shown, or there is nothing to show: a window behind its end shows nothing of it. */
export const isSeen = (answer: ReadAnswer): answer is TextWindow =>
  'lines' in answer && (answer.lines.length > 0 || answer.total_lines === 0);

export type StoredFile = z.output<typeof stored>;

const refused = z.object({
  refused: z.string(),
  message: z.string(),
  near: z.array(z.string()).optional(),
});

/** @throws what the refusal in an answer means; returns when there is none. */
export function throwRefusal(answer: unknown, path: string, maxBytes: number): void {
  const parsed = refused.safeParse(answer);
  if (!parsed.success) return;
  const { refused: kind, message, near = [] } = parsed.data;
  switch (kind) {
    case 'not-found':
      throw notFound(path, near);
    case 'is-folder':
      throw new GloveboxError('file/unsupported', message, {
        hint: `sandbox_read(path="${path}") lists it.`,
      });
    case 'not-regular':
      throw new GloveboxError('file/unsupported', message, {
        hint: 'Only regular files are read and written; sandbox_bash can do more.',
      });
    case 'too-large':
      throw new GloveboxError(
        'input/too-large',
        `${message} At most ${renderBytes(maxBytes)} are taken here.`,
        { hint: 'Work on it with sandbox_bash, for instance with head, tail, grep or sed.' },
      );
    case 'too-many':
      throw new GloveboxError('input/too-large', message, {
        hint: 'Pack them into an archive with sandbox_bash, and move that.',
      });
    case 'exists':
      throw new GloveboxError('file/not-read', `${path} exists, and was not read here before.`, {
        hint: `sandbox_read(path="${path}") first: what is there would be lost.`,
      });
    case 'changed':
      throw changed(path);
    case 'denied':
      throw new GloveboxError('path/not-allowed', message, {
        hint: 'The user of the sandbox lacks the permission; choose another place.',
      });
    default:
      throw new GloveboxError('storage/failed', message, {
        hint: 'check_resources and sandbox_bash("df -h") show the disks of the sandbox.',
      });
  }
}

export function notFound(path: string, near: readonly string[]): GloveboxError {
  const name = path.split('/').at(-1) ?? path;
  const there = near.slice(0, 20).join(', ');
  return new GloveboxError(
    'path/not-found',
    `${path} does not exist in the sandbox.${didYouMean(name, near)}`,
    {
      hint:
        there === ''
          ? 'Its folder does not exist either, or is empty.'
          : `In its folder: ${there}${near.length > 20 ? ', ...' : ''}.`,
    },
  );
}

export function changed(path: string): GloveboxError {
  return new GloveboxError('file/changed', `${path} was changed since it was read here.`, {
    hint: `sandbox_read(path="${path}") again, then make the change to what it holds now.`,
  });
}
