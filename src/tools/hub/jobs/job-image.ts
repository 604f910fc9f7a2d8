/** What a Job runs in, and whether that is trusted with the user's token. */
import { GloveboxError } from '#core/errors.ts';
import type { JobsInput } from '../hf-jobs.ts';

const UV_IMAGE = 'ghcr.io/astral-sh/uv:python3.12-bookworm';
const PYTHON_IMAGE = 'python:3.12';

export interface JobImage {
  readonly image: string;
  /** Instead of the image, for the address of a Space. */
  readonly spaceId?: string;
}

/** @throws GloveboxError `input/invalid`. */
export function imageOf({ image, script }: Pick<JobsInput, 'image' | 'script'>): JobImage {
  const given = image ?? (script === undefined ? PYTHON_IMAGE : UV_IMAGE);
  const space = /^(?:https?:\/\/)?(?:huggingface\.co|hf\.co)\/spaces\/([\w.-]+\/[\w.-]+)\/?$/i.exec(
    given,
  );
  if (space?.[1] !== undefined) return { image: given, spaceId: space[1] };
  if (/^\w[\w./:@-]*$/.test(given)) return { image: given };
  throw new GloveboxError('input/invalid', `image: "${given}" is no image.`, {
    hint: 'give a Docker image such as python:3.12, or the address of a Space.',
  });
}

/** Images that are given the Hub token without being asked to. */
export const mayInherit = (image: string): boolean =>
  image === UV_IMAGE || image === PYTHON_IMAGE || image.startsWith('huggingface/');
