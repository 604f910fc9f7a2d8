/** Answers hf_repo_git, one operation at a time. */
import type { ToolContext, ToolResult } from '../../define-tool.ts';
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

export async function runRepoGit(input: RepoGitInput, context: ToolContext): Promise<ToolResult> {
  const { operation } = input;
  const { repo, revision } = repoOf({ ...input, path: undefined }, context);
  return OPERATIONS[operation]({ operation, repo, input: { ...input, revision }, context });
}
