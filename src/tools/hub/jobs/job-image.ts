/** What a Job runs in. */
import { GloveboxError } from '#core/errors.ts';
import { defaultImage } from '#policy/job-images.ts';
import type { JobsInput } from '../hf-jobs.ts';

export interface JobImage {
  readonly image: string;
  /** Instead of the image, for the address of a Space. */
  readonly spaceId?: string;
}

/** @throws GloveboxError `input/invalid`. */
export function imageOf({ image, script }: Pick<JobsInput, 'image' | 'script'>): JobImage {
  const given = image ?? defaultImage(script !== undefined);
  const space = /^(?:https?:\/\/)?(?:huggingface\.co|hf\.co)\/spaces\/([\w.-]+\/[\w.-]+)\/?$/i.exec(
    given,
  );
  if (space?.[1] !== undefined) return { image: given, spaceId: space[1] };
  if (/^\w[\w./:@-]*$/.test(given)) return { image: given };
  throw new GloveboxError('input/invalid', `image: "${given}" is no image.`, {
    hint: 'give a Docker image such as python:3.12, or the address of a Space.',
  });
}
