/** Puts a file into a repository, or takes files out of it: says exactly what will change, asks, and commits once. */
import { createHash } from 'node:crypto';
import { GloveboxError } from '#core/errors.ts';
import { commitChanges, type Committed, type FileChange } from '#hub/repos/commit.ts';
import { createMatcher } from '#hub/repos/glob.ts';
import { checkRepoPath, type RepoRef } from '#hub/repos/repo-ref.ts';
import { listAllFiles, pathInfo, repoHead, type RepoHead } from '#hub/repos/tree.ts';
import { renderFoundSecret } from '#policy/redaction/find-secrets.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { megabytes } from '../dataset/report.ts';
import { renderCount } from '../../paged-answer.ts';
import { ownedWords, ownershipIn } from './repo-target.ts';
import { readUploadSource } from './upload-source.ts';

const SHOWN_PATHS = 20;
const TOOL = 'hf_repo_files';

export interface WriteRequest {
  readonly repo: RepoRef;
  readonly revision: string;
  readonly message: string | undefined;
  readonly createPr: boolean;
  readonly expectedOid: string | undefined;
  readonly dryRun: boolean;
}

export interface UploadRequest extends WriteRequest {
  readonly path: string | undefined;
  readonly content: string | undefined;
  readonly sourcePath: string | undefined;
}

export async function uploadFile(
  request: UploadRequest,
  context: ToolContext,
): Promise<ToolResult> {
  const { hub, signal } = context;
  const { repo, revision } = request;
  const path = checkRepoPath(request.path ?? '');
  if (path === '') {
    throw new GloveboxError(
      'input/invalid',
      'operation "upload" needs path, the file in the repository.',
    );
  }
  const source = await readUploadSource(request, context);
  const [owned, head, before] = await Promise.all([
    ownedWords(repo, context),
    headFor(request, context),
    pathInfo(hub, repo, { revision, path }, signal),
  ]);
  if (before?.isFolder === true) {
    throw new GloveboxError('input/invalid', `${path} is a folder of ${repo.id}.`, {
      hint: 'Give the path of a file.',
    });
  }
  const secrets = [
    ...(await context.findSecrets(source.bytes)),
    ...(await context.findSecrets(request.message ?? '')),
  ].map(renderFoundSecret);
  const sha256 = createHash('sha256').update(source.bytes).digest('hex');
  const what =
    before === undefined
      ? `new file ${path}`
      : `${path}, which replaces ${renderCount(before.bytes)} bytes`;
  const facts = [
    ...placeFacts(request, owned, head),
    `file: ${what}`,
    `content: ${renderCount(source.bytes.length)} bytes from ${source.words}, SHA-256 ${sha256}`,
    ...secrets.map((found) => `SECRET: the content holds ${found}`),
  ];
  if (request.dryRun) return dryRun(owned, facts);
  await context.authorize(
    {
      tool: TOOL,
      operation: 'upload',
      about: {
        ...(await ownershipIn(repo, context)),
        publishes: !head.isPrivate,
        hasSecrets: secrets.length > 0,
      },
      question: `Upload ${path} to ${owned}${request.createPr ? ' as a pull request' : ''}?`,
      facts,
      binding: { ...bindingOf(request, head), path, sha256, secrets: secrets.join('; ') },
    },
    context,
  );
  const committed = await commit(
    request,
    head,
    request.message ?? `Upload ${path}`,
    [{ kind: 'put', path, bytes: source.bytes }],
    context,
  );
  return result(owned, [`Uploaded ${what}, ${megabytes(source.bytes.length)}.`], committed);
}

export interface DeleteRequest extends WriteRequest {
  readonly patterns: readonly string[] | undefined;
}

export async function deleteFiles(
  request: DeleteRequest,
  context: ToolContext,
): Promise<ToolResult> {
  const { hub, signal } = context;
  const { repo, revision, patterns = [] } = request;
  if (patterns.length === 0) {
    throw new GloveboxError('input/invalid', 'operation "delete" needs patterns.', {
      hint: 'For example patterns=["logs/", "*.tmp"]; dry_run=true lists what they match.',
    });
  }
  for (const pattern of patterns) checkRepoPath(pattern.replaceAll(/[*?[\]{}!,^]/g, 'x'));
  const [owned, head] = await Promise.all([ownedWords(repo, context), headFor(request, context)]);
  // Of the very commit that will be the parent, so that the list is what happens.
  const at = head.sha ?? revision;
  const files = await listAllFiles(hub, repo, { revision: at, path: '' }, signal);
  const matchers = patterns.map(createMatcher);
  const paths = files.map(({ path }) => path).filter((path) => matchers.some((is) => is(path)));
  if (paths.length === 0) {
    throw new GloveboxError(
      'remote/not-found',
      `No file of ${repo.id} matches ${patterns.join(', ')}. Nothing was committed.`,
      {
        hint: `hf_repo_files(operation="list", repo_id="${repo.id}", repo_type="${repo.type}", recursive=true) shows the files.`,
      },
    );
  }
  const listed = [
    `${renderCount(paths.length)} of ${renderCount(files.length)} files:`,
    ...paths.slice(0, SHOWN_PATHS).map((path) => `  ${path}`),
    ...(paths.length > SHOWN_PATHS
      ? [`  and ${renderCount(paths.length - SHOWN_PATHS)} more`]
      : []),
  ];
  const facts = [...placeFacts(request, owned, head), `delete ${listed.join('\n')}`];
  if (request.dryRun) return dryRun(owned, facts);
  await context.authorize(
    {
      tool: TOOL,
      operation: 'delete',
      about: {
        ...(await ownershipIn(repo, context)),
        hasSecrets: (await context.findSecrets(request.message ?? '')).length > 0,
      },
      question: `Delete ${renderCount(paths.length)} file${paths.length === 1 ? '' : 's'} of ${owned}${request.createPr ? ' in a pull request' : ''}?`,
      facts,
      binding: {
        ...bindingOf(request, head),
        paths: createHash('sha256').update(paths.join('\n')).digest('hex'),
      },
    },
    context,
  );
  const committed = await commit(
    request,
    head,
    request.message ?? `Delete ${paths.length} file${paths.length === 1 ? '' : 's'}`,
    paths.map((path): FileChange => ({ kind: 'delete', path })),
    context,
  );
  return result(owned, [`Deleted ${listed.join('\n')}`], committed);
}

/** What the change is made on: the commit that the caller named, or the one that is there now. */
async function headFor(
  { repo, revision, expectedOid }: WriteRequest,
  { hub, signal }: ToolContext,
): Promise<RepoHead> {
  const head = await repoHead(hub, repo, revision, signal);
  if (expectedOid === undefined || expectedOid === head.sha) return head;
  throw new GloveboxError(
    'remote/conflict',
    `${revision} of ${repo.id} is at ${head.sha ?? 'an unknown commit'}, not at ${expectedOid}. Nothing was changed.`,
    { hint: 'Look at what changed, then give the new commit in expected_oid, or none.' },
  );
}

const placeFacts = (
  { revision, createPr, message }: WriteRequest,
  owned: string,
  head: RepoHead,
): readonly string[] => [
  `repository: ${owned}, ${head.isPrivate ? 'private' : 'PUBLIC'}`,
  `${createPr ? 'pull request against' : 'branch'}: ${revision}, at ${head.sha ?? 'an unknown commit'}`,
  ...(message === undefined ? [] : [`commit message: ${message}`]),
];

const bindingOf = (
  { repo, revision, createPr, message }: WriteRequest,
  head: RepoHead,
): Readonly<Record<string, string>> => ({
  repo: `${repo.type}s/${repo.id}`,
  revision,
  parent: head.sha ?? '',
  create_pr: String(createPr),
  message: message ?? '',
});

const dryRun = (owned: string, facts: readonly string[]): ToolResult =>
  textResult([`Dry run on ${owned}: nothing was changed.`, ...facts].join('\n'));

function commit(
  { repo, revision, createPr }: WriteRequest,
  head: RepoHead,
  message: string,
  changes: readonly FileChange[],
  { hub, signal }: ToolContext,
): Promise<Committed> {
  const request = { revision, message, changes, parent: head.sha, asPullRequest: createPr };
  return commitChanges(hub, repo, request, signal);
}

const result = (owned: string, lines: readonly string[], done: Committed): ToolResult =>
  textResult(
    [
      `Changed ${owned}.`,
      ...lines,
      `commit ${done.oid}: ${done.url}`,
      ...(done.pullRequestUrl === undefined ? [] : [`pull request: ${done.pullRequestUrl}`]),
    ].join('\n'),
    { commit: done.oid },
  );
