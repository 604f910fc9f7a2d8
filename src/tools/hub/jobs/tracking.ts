/** A Trackio dashboard for a Job: looked at before anybody is asked, made after that, and what fails there is a warning. */
import { randomBytes } from 'node:crypto';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { findTrackioSpace } from '#hub/trackio/find-space.ts';
import { keepTrackioData } from '#hub/trackio/keep-data.ts';
import { makeTrackioSpace } from '#hub/trackio/make-space.ts';
import { fact } from '#policy/prompt.ts';
import type { ToolContext } from '../../define-tool.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { placeOf, type Place } from './job-place.ts';

export interface Tracking {
  readonly spaceId: string;
  readonly project: string | undefined;
  readonly exists: boolean;
  /** What is logged can be read by everybody. */
  readonly isPublic: boolean;
}

/**
 * @throws GloveboxError `input/invalid` for a Space that is not the user's or their organisation's, `remote/conflict` for one that shows
 *   something else.
 */
export async function planTracking(
  { trackio_space_id: given, trackio_project: project }: JobsInput,
  { namespace }: Place,
  context: ToolContext,
): Promise<Tracking | undefined> {
  if (given === undefined) {
    if (project === undefined) return undefined;
    throw new GloveboxError('input/invalid', 'trackio_project needs trackio_space_id.', {
      hint: `for example trackio_space_id="${namespace}/glovebox-${randomBytes(4).toString('hex')}": it is made, private.`,
    });
  }
  const [, owner = namespace, name] =
    /^(?:https?:\/\/[^/]+\/spaces\/)?(?:([\w.-]{1,96})\/)?([\w.-]{1,80})\/?$/.exec(given) ?? [];
  if (name === undefined)
    throw new GloveboxError('input/invalid', `trackio_space_id: "${given}" names no Space.`, {
      hint: `write it as ${namespace}/NAME.`,
    });
  // Whoever may not have Jobs there may not have Spaces there either.
  const place = await placeOf(owner, context);
  const spaceId = `${place.namespace}/${name}`;
  const { hub, signal } = context;
  const found = await findTrackioSpace(hub, spaceId, signal);
  if (found?.isTrackio === false)
    throw new GloveboxError(
      'remote/conflict',
      `The Space ${spaceId} shows something else than Trackio.`,
      {
        hint: 'name another one: this one is not touched.',
      },
    );
  const isPublic = found?.isPrivate === false;
  return { spaceId, project, exists: found !== undefined, isPublic };
}

/** For the person who decides. */
export function trackingFact({ spaceId, project, exists, isPublic }: Tracking): string {
  const who = isPublic ? 'PUBLIC: everybody reads what is logged' : 'private';
  const what = exists
    ? `logs to the Space ${spaceId} (${who})`
    : `makes the private Space ${spaceId} with the bucket ${spaceId}-bucket, and logs to it`;
  return fact('trackio', project === undefined ? what : `${what}, project ${project}`);
}

/** What the libraries in the Job look for. */
export const trackingVariables = (tracking: Tracking | undefined): Record<string, string> =>
  tracking === undefined
    ? {}
    : {
        TRACKIO_SPACE_ID: tracking.spaceId,
        ...(tracking.project !== undefined && { TRACKIO_PROJECT: tracking.project }),
      };

/** Lines for the answer: where to look, and what could not be done. @throws GloveboxError `cancelled`. */
export async function prepareTracking(
  { spaceId, exists }: Tracking,
  getsToken: boolean,
  { hub, signal, report }: ToolContext,
): Promise<readonly string[]> {
  report({ message: `preparing the Space ${spaceId}` });
  const lines = [`trackio: ${hub.hosts().hub}/spaces/${spaceId}`];
  const warn = (text: string): void => void lines.push(`Warning: ${text}`);
  if (!getsToken) warn(`no Hub token goes into the Job, so nothing can be logged to ${spaceId}.`);
  try {
    if (!exists) await makeTrackioSpace(hub, spaceId, signal);
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    warn(`the Space ${spaceId} could not be made: ${messageOf(error)}`);
    return lines;
  }
  try {
    await keepTrackioData(hub, spaceId, signal);
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    warn(`what ${spaceId} shows may be lost when it restarts: ${messageOf(error)}`);
  }
  return lines;
}
