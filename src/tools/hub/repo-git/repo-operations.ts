/** Repositories: makes one, and changes who can see it. */
import { GloveboxError } from '#core/errors.ts';
import { SPACE_SDKS } from '#hub/repos/repo-ref.ts';
import { createRepo, updateRepo } from '#hub/repos/settings.ts';
import { whoAmI } from '#hub/whoami.ts';
import type { ToolResult } from '../../define-tool.ts';
import { change, headOf, pageOf, type GitCall } from './git-call.ts';

const visibilityOf = (isPrivate: boolean): string => (isPrivate ? 'private' : 'public');

export async function createRepoOperation(call: GitCall): Promise<ToolResult> {
  const { context, input } = call;
  const repo = { type: call.repo.type, id: await ownedId(call) };
  if (repo.type === 'space' && input.space_sdk === undefined) {
    throw new GloveboxError(
      'input/invalid',
      'operation "create_repo" of a Space needs space_sdk.',
      {
        hint: `space_sdk is one of ${SPACE_SDKS.join(', ')}.`,
      },
    );
  }
  const isPrivate = input.private ?? true;
  const own = { ...call, repo };
  return change(
    own,
    {
      publishes: !isPrivate,
      what: `Create the ${visibilityOf(isPrivate)} repository`,
      facts: [
        `visibility: ${isPrivate ? 'private' : 'PUBLIC'}`,
        ...(input.space_sdk === undefined ? [] : [`SDK: ${input.space_sdk}`]),
      ],
      binding: { private: String(isPrivate), sdk: input.space_sdk ?? '' },
      apply: async () => {
        const made = { isPrivate, sdk: repo.type === 'space' ? input.space_sdk : undefined };
        if (await createRepo(context.hub, repo, made, context.signal)) {
          return [`Created it, ${visibilityOf(isPrivate)}.`, pageOf(own)];
        }
        if (input.exist_ok !== true) {
          throw new GloveboxError(
            'remote/conflict',
            `${repo.id} exists already. Nothing was changed.`,
            {
              hint: `Look at it: ${pageOf(own)}; with exist_ok=true that is no error.`,
            },
          );
        }
        const head = await headOf(own, undefined);
        const found = visibilityOf(head.isPrivate);
        return [
          `Nothing was changed: it exists already, and is ${found}${head.isPrivate === isPrivate ? '' : `, not ${visibilityOf(isPrivate)} as asked`}.`,
          pageOf(own),
        ];
      },
    },
    undefined,
  );
}

/** A bare name means the account of the token. */
async function ownedId({ repo, context }: GitCall): Promise<string> {
  if (repo.id.includes('/')) return repo.id;
  const me = await whoAmI(context.hub, context.signal);
  if (me !== undefined) return `${me.name}/${repo.id}`;
  throw new GloveboxError(
    'input/invalid',
    `"${repo.id}" has no owner, and the account is not known.`,
    {
      hint: 'Give owner/name, and set HF_TOKEN (or GLOVEBOX_HF_TOKEN) to a token with write scope.',
    },
  );
}

export async function updateRepoOperation(call: GitCall): Promise<ToolResult> {
  const { repo, context, input } = call;
  const { private: isPrivate, gated } = input;
  if (isPrivate === undefined && gated === undefined) {
    throw new GloveboxError('input/invalid', 'operation "update_repo" needs private or gated.', {
      hint: 'private is true or false; gated is auto, manual or none.',
    });
  }
  const head = await headOf(call, undefined);
  const changes = [
    ...(isPrivate === undefined
      ? []
      : [`visibility: ${visibilityOf(head.isPrivate)} -> ${isPrivate ? 'private' : 'PUBLIC'}`]),
    ...(gated === undefined ? [] : [`gated: ${head.gated} -> ${gated}`]),
  ];
  return change(
    call,
    {
      publishes: isPrivate === false || loosens(head.gated, gated),
      what: `Change the settings (${changes.join('; ')})`,
      facts: changes,
      binding: { private: String(isPrivate ?? ''), gated: gated ?? '' },
      apply: async () => {
        await updateRepo(
          context.hub,
          repo,
          {
            ...(isPrivate !== undefined && { visibility: isPrivate ? 'private' : 'public' }),
            ...(gated !== undefined && { gated }),
          },
          context.signal,
        );
        return [...changes, pageOf(call)];
      },
    },
    head,
  );
}

const GATES = ['none', 'auto', 'manual'];

/** From a state that is not known, everything but the strictest gate may be less than before. */
function loosens(before: string, after: string | undefined): boolean {
  if (after === undefined) return false;
  const known = GATES.indexOf(before);
  return GATES.indexOf(after) < (known < 0 ? GATES.length - 1 : known);
}
