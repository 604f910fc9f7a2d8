/** Branches and tags: lists, makes and deletes them. */
import {
  createBranch,
  createTag,
  deleteBranch,
  deleteTag,
  listRefs,
  type Ref,
} from '#hub/repos/refs.ts';
import { encodeRevision } from '#hub/repos/repo-ref.ts';
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { textResult, type ToolResult } from '../../define-tool.ts';
import { budgetOf, encodeCursor, offsetOf, oneLine, renderList } from '../../paged-answer.ts';
import { clamp, requireFields, type Notes } from '../../wide-input.ts';
import { change, headOf, pageOf, type GitCall } from './git-call.ts';

const BAD_NAME = /[\s~^:?*[\\\p{Cc}]|\.\.|@\{|^[-/.]|[/.]$|\/\/|\.lock$/u;

/** @throws GloveboxError `input/invalid` for what git takes for no name. */
function checkName(name: string): string {
  if (!BAD_NAME.test(name) && name.length <= 200) return name;
  throw new GloveboxError(
    'input/invalid',
    `"${name.slice(0, 80)}" cannot be the name of a branch or tag.`,
    {
      hint: 'Use letters, digits, ".", "_", "-" and "/".',
    },
  );
}

export async function createBranchOperation(call: GitCall): Promise<ToolResult> {
  const { branch: named } = requireFields(call.operation, call.input, ['branch']);
  const branch = checkName(named);
  const from = call.input.from_rev ?? 'main';
  const head = await headOf(call, from);
  const { repo, context } = call;
  return change(
    call,
    {
      what: `Create the branch ${branch}`,
      facts: [`branch: ${branch}, from ${from} at ${head.sha ?? 'an unknown commit'}`],
      binding: { branch, from: head.sha ?? from },
      apply: async () => {
        await createBranch(context.hub, repo, { branch, from: head.sha ?? from }, context.signal);
        return [
          `Created the branch ${branch} at ${head.sha ?? from}.`,
          pageOf(call, `/tree/${encodeRevision(branch)}`),
        ];
      },
    },
    head,
  );
}

export async function deleteBranchOperation(call: GitCall): Promise<ToolResult> {
  const { branch } = requireFields(call.operation, call.input, ['branch']);
  const { repo, context } = call;
  const [refs, head] = await Promise.all([
    listRefs(context.hub, repo, context.signal),
    headOf(call, undefined),
  ]);
  const found = findRef(refs.branches, branch, 'branch', repo.id);
  return change(
    call,
    {
      what: `Delete the branch ${branch}`,
      facts: [`branch: ${branch}, at ${found.commit}; commits that are only on it are lost`],
      binding: { branch, commit: found.commit },
      apply: async () => {
        await deleteBranch(context.hub, repo, branch, context.signal);
        return [
          `Deleted the branch ${branch}, which was at ${found.commit}.`,
          pageOf(call, '/tree/main'),
        ];
      },
    },
    head,
  );
}

export async function createTagOperation(call: GitCall): Promise<ToolResult> {
  const { tag: named } = requireFields(call.operation, call.input, ['tag']);
  const tag = checkName(named);
  const revision = call.input.revision ?? 'main';
  const head = await headOf(call, revision);
  const { repo, context, input } = call;
  const commit = head.sha ?? revision;
  return change(
    call,
    {
      what: `Create the tag ${tag}`,
      facts: [
        `tag: ${tag}, on ${revision} at ${commit}`,
        ...(input.tag_message === undefined ? [] : [`message: ${oneLine(input.tag_message, 300)}`]),
      ],
      binding: { tag, commit, message: input.tag_message ?? '' },
      apply: async () => {
        const made = { tag, revision: commit, message: input.tag_message };
        await createTag(context.hub, repo, made, context.signal);
        return [
          `Created the tag ${tag} at ${commit}.`,
          pageOf(call, `/tree/${encodeRevision(tag)}`),
        ];
      },
    },
    head,
  );
}

export async function deleteTagOperation(call: GitCall): Promise<ToolResult> {
  const { tag } = requireFields(call.operation, call.input, ['tag']);
  const { repo, context } = call;
  const [refs, head] = await Promise.all([
    listRefs(context.hub, repo, context.signal),
    headOf(call, undefined),
  ]);
  const found = findRef(refs.tags, tag, 'tag', repo.id);
  return change(
    call,
    {
      what: `Delete the tag ${tag}`,
      facts: [`tag: ${tag}, at ${found.commit}; the commit stays`],
      binding: { tag, commit: found.commit },
      apply: async () => {
        await deleteTag(context.hub, repo, tag, context.signal);
        return [`Deleted the tag ${tag}, which was at ${found.commit}.`, pageOf(call)];
      },
    },
    head,
  );
}

/** Before anybody is asked whether it may be deleted. @throws GloveboxError `remote/not-found`. */
function findRef(refs: readonly Ref[], name: string, kind: string, id: string): Ref {
  const found = refs.find((ref) => ref.name === name);
  if (found !== undefined) return found;
  const names = refs.map((ref) => ref.name);
  throw new GloveboxError(
    'remote/not-found',
    `${id} has no ${kind} "${name}".${didYouMean(name, names)}`,
    {
      hint:
        names.length === 0
          ? `It has no ${kind} at all.`
          : `There are: ${names.slice(0, 40).join(', ')}.`,
    },
  );
}

const line =
  (what: string) =>
  ({ name, commit }: Ref): string =>
    `${what} ${name}  ${commit}`;

export async function listRefsOperation(call: GitCall): Promise<ToolResult> {
  const { repo, input, context } = call;
  const refs = await listRefs(context.hub, repo, context.signal);
  const notes: Notes = [];
  const limit = clamp('limit', input.limit, { fallback: 20, min: 1, max: 50 }, notes);
  const kind = `refs ${repo.type} ${repo.id}`;
  const offset = offsetOf(kind, input.cursor);
  const lines = [
    ...refs.branches.map(line('branch')),
    ...refs.tags.map(line('tag')),
    ...refs.converts.map(line('conversion')),
    ...refs.pullRequests.map(line('pull request')),
  ];
  const page = lines.slice(offset, offset + limit);
  const text = renderList(
    {
      head: [
        `# Refs of ${repo.id} (${repo.type})`,
        pageOf(call),
        `${refs.branches.length} branches · ${refs.tags.length} tags · ${refs.pullRequests.length} refs of pull requests`,
      ],
      items: page,
      offset,
      total: lines.length,
      hasMore: offset + page.length < lines.length,
      cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
      noun: 'refs',
      notes,
    },
    budgetOf(undefined, context.settings, notes),
  );
  return textResult(text);
}
