/** Pull requests and discussions: opens, lists, shows, merges, closes and comments them. */
import {
  changeStatus,
  commentOn,
  createPullRequest,
  listDiscussions,
  mergePullRequest,
  readDiscussion,
  type DiscussionDetail,
  type DiscussionSummary,
} from '#hub/repos/discussions.ts';
import { GloveboxError } from '#core/errors.ts';
import { textResult, type ToolResult } from '../../define-tool.ts';
import {
  budgetOf,
  decodeCursor,
  encodeCursor,
  fenced,
  offsetOf,
  oneLine,
  renderCount,
  renderList,
  windowOf,
} from '../../paged-answer.ts';
import { clamp, requireFields, type Notes } from '../../wide-input.ts';
import { change, headOf, pageOf, type GitCall } from './git-call.ts';

export async function createPrOperation(call: GitCall): Promise<ToolResult> {
  const { title } = requireFields(call.operation, call.input, ['title']);
  const { repo, context } = call;
  const description = call.input.description ?? '';
  return change(
    call,
    {
      what: `Open the draft pull request "${oneLine(title, 100)}"`,
      facts: [`title: ${oneLine(title, 200)}`, `description: ${oneLine(description, 300)}`],
      binding: { title, description },
      apply: async () => {
        const num = await createPullRequest(
          context.hub,
          repo,
          { title, description },
          context.signal,
        );
        return [
          `Pull request ${num} is open as a draft: ${pageOf(call, `/discussions/${num}`)}`,
          `Next: hf_repo_files(operation="upload", repo_id="${repo.id}", repo_type="${repo.type}", revision="refs/pr/${num}", ...) puts files into it; change_pr_status with new_status="open" makes it ready.`,
        ];
      },
    },
    await headOf(call, undefined),
  );
}

export async function listPrsOperation(call: GitCall): Promise<ToolResult> {
  const { repo, input, context } = call;
  const { type = 'pull_request', status = 'open' } = input;
  const notes: Notes = [];
  const limit = clamp('limit', input.limit, { fallback: 20, min: 1, max: 50 }, notes);
  const kind = ['discussions', repo.type, repo.id, type, status].join(' ');
  const [pageAt = 0, skipAt = 0, before = 0] =
    input.cursor === undefined ? [] : decodeCursor(kind, input.cursor).map(Number);
  const found = await listDiscussions(
    context.hub,
    repo,
    { page: pageAt, type, status },
    context.signal,
  );
  const rest = found.discussions.slice(skipAt);
  const page = rest.slice(0, limit);
  // The Hub says how many there are, and not how many make a page: those that were passed are counted along.
  const passed = before + skipAt;
  const hasMoreHere = page.length < rest.length;
  const hasMore =
    hasMoreHere ||
    (found.discussions.length > 0 &&
      found.total !== undefined &&
      passed + page.length < found.total);
  const text = renderList(
    {
      head: [
        `# ${type === 'pull_request' ? 'Pull requests' : type === 'discussion' ? 'Discussions' : 'Pull requests and discussions'} of ${repo.id} (${repo.type})`,
        pageOf(call, '/discussions'),
        `${status === 'all' ? 'open and closed' : status}${found.total === undefined ? '' : ` · ${renderCount(found.total)} in all`}`,
      ],
      items: page.map((one) => summaryLine(one, pageOf(call, `/discussions/${one.num}`))),
      offset: passed,
      ...(found.total !== undefined && { total: found.total }),
      hasMore,
      cursorAfter: (shown) =>
        encodeCursor(
          kind,
          shown < rest.length
            ? [pageAt, skipAt + shown, before]
            : [pageAt + 1, 0, before + found.discussions.length],
        ),
      notes,
      ...(page[0] !== undefined && {
        next: `hf_repo_git(operation="get_pr", repo_id="${repo.id}", repo_type="${repo.type}", pr_num=${page[0].num})`,
      }),
    },
    budgetOf(undefined, context.settings, notes),
  );
  return textResult(text);
}

function summaryLine(one: DiscussionSummary, url: string): string {
  const facts = [
    one.status ?? 'status not known',
    one.isPullRequest === true ? 'pull request' : 'discussion',
    one.author?.name ?? 'author not known',
    ...(one.createdAt === null || one.createdAt === undefined ? [] : [one.createdAt.slice(0, 10)]),
    ...(typeof one.numComments === 'number' ? [`${one.numComments} comments`] : []),
  ];
  return `${one.num}. ${oneLine(one.title ?? '(no title)', 150)} · ${facts.join(' · ')} · ${url}`;
}

export async function getPrOperation(call: GitCall): Promise<ToolResult> {
  const { pr_num: num } = requireFields(call.operation, call.input, ['pr_num']);
  const { repo, input, context } = call;
  const found = await readDiscussion(context.hub, repo, num, context.signal);
  const notes: Notes = [];
  const budget = budgetOf(undefined, context.settings, notes);
  const kind = `get_pr ${repo.type} ${repo.id} ${num}`;
  const offset = offsetOf(kind, input.cursor);
  const head = [
    `# ${num}. ${found.title ?? '(no title)'} (${repo.id})`,
    pageOf(call, `/discussions/${num}`),
    [
      found.status ?? 'status not known',
      found.isPullRequest === true ? 'pull request' : 'discussion',
      `by ${found.author?.name ?? 'an unknown author'}`,
      ...(found.isPullRequest === true ? [`revision refs/pr/${num}`] : []),
    ].join(' · '),
    ...conflictLine(found),
    '',
  ].join('\n');
  const whole = [
    ...found.events.flatMap(eventLines),
    ...(typeof found.diff === 'string' && found.diff !== ''
      ? ['## Changes', fenced(found.diff, 'diff')]
      : []),
  ].join('\n\n');
  const { text } = windowOf(
    whole === '' ? '(nothing was said)' : whole,
    offset,
    budget - head.length - 120,
  );
  const end = whole.indexOf(text, offset) + text.length;
  const position =
    end < whole.trimEnd().length
      ? `\n[characters ${renderCount(offset)}–${renderCount(end)} of ${renderCount(whole.length)} · more: cursor=${encodeCursor(kind, [end])}]`
      : '';
  return textResult(`${head}\n${text}${position}`);
}

function conflictLine({ filesWithConflicts: files }: DiscussionDetail): readonly string[] {
  if (files === true) return ['It has conflicts with the branch.'];
  if (Array.isArray(files) && files.length > 0)
    return [`It has conflicts in ${files.slice(0, 10).join(', ')}.`];
  return [];
}

function eventLines(event: DiscussionDetail['events'][number]): readonly string[] {
  const who = event.author?.name ?? 'somebody';
  const when = event.createdAt?.slice(0, 16).replace('T', ' ') ?? '';
  const { data } = event;
  switch (event.type) {
    case 'comment':
      return [
        `## ${who}, ${when}\n${data?.hidden === true ? '(hidden)' : (data?.latest?.raw ?? '')}`,
      ];
    case 'commit':
      return [`${who} committed ${data?.oid?.slice(0, 12) ?? ''}: ${data?.subject ?? ''}`];
    case 'status-change':
      return [`${who} set the status to ${data?.status ?? 'something else'}, ${when}`];
    case 'title-change':
      return [`${who} changed the title from "${data?.from ?? ''}" to "${data?.to ?? ''}"`];
    default:
      return [];
  }
}

/** The state that it is in when somebody is asked. @throws GloveboxError as `readDiscussion`. */
async function discussionOf(call: GitCall, num: number): Promise<DiscussionDetail> {
  return readDiscussion(call.context.hub, call.repo, num, call.context.signal);
}

export async function mergePrOperation(call: GitCall): Promise<ToolResult> {
  const { pr_num: num } = requireFields(call.operation, call.input, ['pr_num']);
  const { repo, context, input } = call;
  const [found, head] = await Promise.all([discussionOf(call, num), headOf(call, undefined)]);
  if (found.isPullRequest !== true || found.status === 'merged' || found.status === 'closed') {
    throw new GloveboxError(
      'remote/conflict',
      `Number ${num} of ${repo.id} cannot be merged: it is ${found.isPullRequest === true ? `${found.status}` : 'no pull request'}.`,
      {
        hint: `hf_repo_git(operation="get_pr", repo_id="${repo.id}", repo_type="${repo.type}", pr_num=${num}) shows it.`,
      },
    );
  }
  const commit = found.events.findLast(({ type }) => type === 'commit')?.data?.oid ?? '';
  return change(
    call,
    {
      what: `Merge pull request ${num} ("${oneLine(found.title ?? '', 80)}") into the main branch`,
      facts: [
        `pull request: ${num}, ${found.status ?? 'status not known'}, by ${found.author?.name ?? 'an unknown author'}`,
        `last commit of it: ${commit === '' ? 'not known' : commit}`,
        ...conflictLine(found),
      ],
      binding: { pr_num: String(num), commit },
      apply: async () => {
        await mergePullRequest(context.hub, repo, num, input.comment, context.signal);
        return [`Merged pull request ${num}.`, pageOf(call, `/discussions/${num}`)];
      },
    },
    head,
  );
}

export function closePrOperation(call: GitCall): Promise<ToolResult> {
  return statusOperation(call, 'closed');
}

export function changePrStatusOperation(call: GitCall): Promise<ToolResult> {
  const { new_status: status } = requireFields(call.operation, call.input, [
    'pr_num',
    'new_status',
  ]);
  return statusOperation(call, status);
}

async function statusOperation(call: GitCall, status: 'open' | 'closed'): Promise<ToolResult> {
  const { pr_num: num } = requireFields(call.operation, call.input, ['pr_num']);
  const { repo, context, input } = call;
  const [found, head] = await Promise.all([discussionOf(call, num), headOf(call, undefined)]);
  return change(
    call,
    {
      what: `Set number ${num} ("${oneLine(found.title ?? '', 80)}") from ${found.status ?? 'an unknown status'} to ${status} in the discussions`,
      facts: [
        `status: ${found.status ?? 'not known'} -> ${status}`,
        ...(input.comment === undefined ? [] : [`comment: ${oneLine(input.comment, 300)}`]),
      ],
      binding: { pr_num: String(num), status, comment: input.comment ?? '' },
      apply: async () => {
        await changeStatus(
          context.hub,
          repo,
          num,
          { status, comment: input.comment },
          context.signal,
        );
        return [
          `Number ${num} is ${status} now; it was ${found.status ?? 'something else'}.`,
          pageOf(call, `/discussions/${num}`),
        ];
      },
    },
    head,
  );
}

export async function commentPrOperation(call: GitCall): Promise<ToolResult> {
  const { pr_num: num, comment } = requireFields(call.operation, call.input, ['pr_num', 'comment']);
  const { repo, context } = call;
  return change(
    call,
    {
      what: `Comment on number ${num} in the discussions`,
      facts: [`comment: ${oneLine(comment, 1000)}`],
      binding: { pr_num: String(num), comment },
      apply: async () => {
        await commentOn(context.hub, repo, num, comment, context.signal);
        return [`Commented on number ${num}.`, pageOf(call, `/discussions/${num}`)];
      },
    },
    await headOf(call, undefined),
  );
}
