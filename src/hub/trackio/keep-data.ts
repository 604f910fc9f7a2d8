/** Gives a Trackio Space a bucket for what is logged, so that it survives the Space being built anew; other mounts stay. */
import * as z from 'zod';
import { ensureBucket } from '../buckets.ts';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { askHub } from '../request.ts';

const MOUNT = '/data';

const volume = z.looseObject({ type: z.string(), source: z.string(), mountPath: z.string() });
/** What cannot be read must not be written back without it: nothing here is lenient. */
const volumes = z
  .union([z.array(volume), z.object({ volumes: z.array(volume) })])
  .transform((answer) => (Array.isArray(answer) ? answer : answer.volumes));
const variables = z.record(z.string(), z.unknown());

/**
 * Makes the bucket unless it is there, mounts it, and sets the variables that are not set. A Space that has something at `/data`
 * keeps that.
 *
 * @returns the bucket, or undefined when the Space keeps its data elsewhere.
 * @throws GloveboxError as `checkHubAnswer`; what was done until then stays.
 */
export async function keepTrackioData(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const api = `/api/spaces/${id}`;
  const what = `the Space ${id}`;
  const { data: mounted } = await askHub(
    hub,
    { path: `${api}/volumes`, schema: volumes, what: `the mounts of ${what}` },
    signal,
  );
  const bucket = `${id}-bucket`;
  const there = mounted.find(({ mountPath }) => mountPath.replace(/\/+$/, '') === MOUNT);
  if (there !== undefined && there.source !== bucket) return undefined;
  const change = async (method: 'POST' | 'PUT', path: string, body: object): Promise<void> => {
    const response = await hub.web.send(
      {
        url: `${hub.hosts().hub}${path}`,
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      },
      signal,
    );
    if (response.status !== 409) checkHubAnswer(hub, response, { what, scope: 'write' });
  };
  await ensureBucket(hub, bucket, signal);
  if (there === undefined) {
    const own = { type: 'bucket', source: bucket, mountPath: MOUNT };
    await change('PUT', `${api}/volumes`, { volumes: [...mounted, own] });
  }
  const question = {
    path: `${api}/variables`,
    schema: variables,
    what: `the variables of ${what}`,
  };
  const { data: set } = await askHub(hub, question, signal);
  const wanted = { TRACKIO_DIR: `${MOUNT}/trackio`, TRACKIO_BUCKET_ID: bucket };
  for (const [key, value] of Object.entries(wanted))
    if (!Object.hasOwn(set, key)) await change('POST', `${api}/variables`, { key, value });
  return bucket;
}
