/** hf_repo_git: branches, tags, pull requests and settings of repositories of the Hub. */
import * as z from 'zod';
import { REPO_TYPES, SPACE_SDKS } from '#hub/repos/repo-ref.ts';
import { defineTool } from '../define-tool.ts';
import { requiredChoice, wideBoolean, wideChoice, wideInt, wideText } from '../wide-input.ts';

const GIT_OPERATIONS = [
  'create_branch',
  'delete_branch',
  'create_tag',
  'delete_tag',
  'list_refs',
  'create_pr',
  'list_prs',
  'get_pr',
  'merge_pr',
  'close_pr',
  'comment_pr',
  'change_pr_status',
  'create_repo',
  'update_repo',
] as const;

/** `false` is how the Hub itself writes it. */
const gated = z
  .preprocess(
    (value) =>
      value === false || value === 'false'
        ? 'none'
        : value === null || value === ''
          ? undefined
          : value,
    z.enum(['auto', 'manual', 'none']).optional(),
  )
  .optional()
  .describe('update_repo: who gets access.');

const input = z.strictObject({
  operation: requiredChoice(GIT_OPERATIONS, 'What to do.'),
  repo_id: z.string().min(1).describe('Id, or address on the Hub.'),
  repo_type: wideChoice(REPO_TYPES, 'Default: model, or what the address says.'),
  branch: wideText('create_branch, delete_branch.'),
  from_rev: wideText('create_branch: where it begins. Default: main.'),
  tag: wideText('create_tag, delete_tag.'),
  revision: wideText('create_tag: what it marks. Default: main.'),
  tag_message: wideText('create_tag.'),
  title: wideText('create_pr.'),
  description: wideText('create_pr.'),
  comment: wideText('comment_pr; also merge_pr, close_pr, change_pr_status.'),
  pr_num: wideInt('Number of a pull request or discussion.'),
  limit: wideInt('list_refs, list_prs. Default: 20.', { min: 1, max: 50 }),
  cursor: wideText('Goes on, as the answer before says.'),
  status: wideChoice(['open', 'closed', 'all'], 'list_prs. Default: open.'),
  type: wideChoice(['pull_request', 'discussion', 'all'], 'list_prs. Default: pull_request.'),
  new_status: wideChoice(['open', 'closed'], 'change_pr_status.'),
  private: wideBoolean('create_repo (default: true), update_repo.'),
  gated,
  space_sdk: wideChoice(SPACE_SDKS, 'create_repo of a Space.'),
  exist_ok: wideBoolean('create_repo: no error when it is there. Default: false.'),
});

export type RepoGitInput = z.output<typeof input>;

export const hfRepoGit = defineTool({
  name: 'hf_repo_git',
  toolset: 'hub',
  title: 'Branches, pull requests and settings on the Hub',
  description:
    'Branches, tags, pull requests and repositories on the Hugging Face Hub. list_refs, list_prs and get_pr only read. create_branch, delete_branch and create_tag, delete_tag; create_pr makes a draft, into which hf_repo_files uploads with revision refs/pr/N; merge_pr, close_pr, comment_pr, change_pr_status; ' +
    'create_repo (private unless said otherwise), update_repo (visibility, gating). Whatever changes something names the repository, its owner and the change, and needs the agreement of the user. Repositories are never deleted or renamed.',
  input,
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(arguments_, context) {
    const { runRepoGit } = await import('./repo-git/run.ts');
    return runRepoGit(arguments_, context);
  },
});
