/** Whose Jobs a call is about: the namespace, and the Jobs that it names. */
import { GloveboxError } from '#core/errors.ts';
import type { JobRef } from '#hub/jobs/job.ts';
import { whoAmI } from '#hub/whoami.ts';
import type { ToolContext } from '../../define-tool.ts';

export interface Place {
  readonly namespace: string;
  /** Of an organisation, which pays. */
  readonly isOrganisation: boolean;
}

/** @throws GloveboxError `remote/auth-required` without an account, `input/invalid` for a namespace that is not the user's. */
export async function placeOf(
  given: string | undefined,
  { hub, jobs, signal }: ToolContext,
): Promise<Place> {
  const me = await whoAmI(hub, signal);
  if (me === undefined) {
    throw new GloveboxError(
      'remote/auth-required',
      'Jobs belong to an account, and the Hub does not say whose token this is.',
      {
        hint: `set HF_TOKEN (or GLOVEBOX_HF_TOKEN) to a token with the right to start Jobs from ${hub.hosts().hub}/settings/tokens.`,
      },
    );
  }
  const wanted = given ?? jobs.namespace() ?? me.name;
  const known = [me.name, ...me.organisations];
  const namespace = known.find((name) => name.toLowerCase() === wanted.toLowerCase());
  if (namespace !== undefined) return { namespace, isOrganisation: namespace !== me.name };
  throw new GloveboxError('input/invalid', `namespace: "${wanted}" is none of yours.`, {
    hint: `yours are: ${known.join(', ')}.`,
  });
}

/** Ids, `owner/id`, addresses of pages; without an owner the Job is in the namespace of the call. */
export async function jobRefs(
  given: readonly string[],
  namespace: string | undefined,
  context: ToolContext,
): Promise<readonly JobRef[]> {
  const names = given.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== '');
  const refs: JobRef[] = [];
  for (const name of names) {
    const { owner, id } = parseJobName(name);
    refs.push({ id, namespace: owner ?? (await placeOf(namespace, context)).namespace });
  }
  return refs;
}

function parseJobName(text: string): { readonly owner: string | undefined; readonly id: string } {
  const path = text
    .replace(/^https?:\/\/[^/]+\/(jobs|scheduled-jobs)\//i, '')
    .replace(/[?#].*$/, '');
  const found = /^(?:([\w.-]+)\/)?([\w-]+)\/?$/.exec(path);
  if (found !== null) return { owner: found[1], id: found[2] ?? '' };
  throw new GloveboxError('input/invalid', `job_id: "${text}" names no Job.`, {
    hint: 'give an id, owner/id, or the address of its page. hf_jobs(operation="ps") lists them.',
  });
}
