/** Answers hf_repo_git, one operation at a time. */
import type { ToolContext, ToolResult } from '../../define-tool.ts';
import { refuseUnread, type FieldsOf } from '../../unread-fields.ts';
import type { RepoGitInput } from '../hf-repo-git.ts';
import { repoOf } from '../repo-files/repo-target.ts';
import type { GitCall } from './git-call.ts';
import {
  changePrStatusOperation,
  closePrOperation,
  commentPrOperation,
  createPrOperation,
  getPrOperation,
  listPrsOperation,
  mergePrOperation,
} from './pr-operations.ts';
import {
  createBranchOperation,
  createTagOperation,
  deleteBranchOperation,
  deleteTagOperation,
  listRefsOperation,
} from './ref-operations.ts';
import { createRepoOperation, updateRepoOperation } from './repo-operations.ts';

const OPERATIONS: Readonly<
  Record<RepoGitInput['operation'], (call: GitCall) => Promise<ToolResult>>
> = {
  create_branch: createBranchOperation,
  delete_branch: deleteBranchOperation,
  create_tag: createTagOperation,
  delete_tag: deleteTagOperation,
  list_refs: listRefsOperation,
  create_pr: createPrOperation,
  list_prs: listPrsOperation,
  get_pr: getPrOperation,
  merge_pr: mergePrOperation,
  close_pr: closePrOperation,
  comment_pr: commentPrOperation,
  change_pr_status: changePrStatusOperation,
  create_repo: createRepoOperation,
  update_repo: updateRepoOperation,
};

const READS: FieldsOf<RepoGitInput['operation']> = {
  create_branch: ['branch', 'from_rev'],
  delete_branch: ['branch'],
  create_tag: ['tag', 'revision', 'tag_message'],
  delete_tag: ['tag'],
  list_refs: ['limit', 'cursor'],
  create_pr: ['title', 'description'],
  list_prs: ['type', 'status', 'limit', 'cursor'],
  get_pr: ['pr_num', 'cursor'],
  merge_pr: ['pr_num', 'comment'],
  close_pr: ['pr_num', 'comment'],
  comment_pr: ['pr_num', 'comment'],
  change_pr_status: ['pr_num', 'new_status', 'comment'],
  create_repo: ['private', 'space_sdk', 'exist_ok'],
  update_repo: ['private', 'gated'],
};
/** For all of them, or no more than the default. */
const ALWAYS = {
  operation: undefined,
  repo_id: undefined,
  repo_type: undefined,
  limit: undefined,
  from_rev: 'main',
  revision: 'main',
  status: 'open',
  type: 'pull_request',
  gated: 'none',
};

export async function runRepoGit(input: RepoGitInput, context: ToolContext): Promise<ToolResult> {
  const { operation } = input;
  refuseUnread(operation, input, READS, ALWAYS);
  const { repo, revision } = repoOf({ ...input, path: undefined }, context);
  return OPERATIONS[operation]({ operation, repo, input: { ...input, revision }, context });
}
