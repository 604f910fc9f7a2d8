/** What every operation of hf_repo_git gets, and how one that changes something asks and answers. */
import { apiPath, pagePath, type RepoRef } from '#hub/repos/repo-ref.ts';
import { repoHead, type RepoHead } from '#hub/repos/tree.ts';
import { renderFoundSecret } from '#policy/redaction/find-secrets.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { ownedWords, ownershipIn } from '../repo-files/repo-target.ts';

export interface GitInput {
  readonly branch?: string | undefined;
  readonly from_rev?: string | undefined;
  readonly tag?: string | undefined;
  readonly revision?: string | undefined;
  readonly tag_message?: string | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly comment?: string | undefined;
  readonly cursor?: string | undefined;
  readonly pr_num?: number | undefined;
  readonly limit?: number | undefined;
  readonly status?: 'open' | 'closed' | 'all' | undefined;
  readonly type?: 'pull_request' | 'discussion' | 'all' | undefined;
  readonly new_status?: 'open' | 'closed' | undefined;
  readonly private?: boolean | undefined;
  readonly gated?: 'auto' | 'manual' | 'none' | undefined;
  readonly space_sdk?: 'gradio' | 'streamlit' | 'docker' | 'static' | undefined;
  readonly exist_ok?: boolean | undefined;
}

export interface GitCall {
  readonly operation: string;
  readonly repo: RepoRef;
  readonly input: GitInput;
  readonly context: ToolContext;
}

/** The page of the repository, and what follows it. */
export const pageOf = ({ repo, context }: GitCall, rest = ''): string =>
  `${context.hub.hosts().hub}${pagePath(repo)}${rest}`;

export interface PlannedChange {
  /** More people can see it afterwards than before. */
  readonly publishes?: boolean;
  /** Before `of REPOSITORY`: `Delete the branch x`. */
  readonly what: string;
  readonly facts: readonly string[];
  /** What the change depends on besides the repository; what was approved is what runs. */
  readonly binding: Readonly<Record<string, string>>;
  /** Makes the change. @returns the lines of the answer */
  apply(): Promise<readonly string[]>;
}

/**
 * Asks, changes, and says whose repository it was.
 *
 * @param head who can see it now; undefined for one that is not there yet.
 */
export async function change(
  call: GitCall,
  plan: PlannedChange,
  head: RepoHead | undefined,
): Promise<ToolResult> {
  const { operation, repo, context, input } = call;
  const { title, description, comment, tag_message: message } = input;
  const texts = [title, description, comment, message].filter((text) => text !== undefined);
  const secrets = (await context.findSecrets(texts.join('\n'))).map(renderFoundSecret);
  const owned = await ownedWords(repo, context);
  const visibility = head === undefined ? '' : head.isPrivate ? ', private' : ', PUBLIC';
  await context.authorize(
    {
      tool: 'hf_repo_git',
      operation,
      about: {
        ...(await ownershipIn(repo, context)),
        publishes: plan.publishes ?? false,
        hasSecrets: secrets.length > 0,
      },
      question: `${plan.what} of ${owned}?`,
      facts: [
        `repository: ${owned}${visibility}`,
        ...secrets.map((found) => `SECRET: its text holds ${found}`),
        ...plan.facts,
      ],
      binding: { repo: apiPath(repo), ...plan.binding },
    },
    context,
  );
  const lines = await plan.apply();
  return textResult([`Changed ${owned}.`, ...lines].join('\n'));
}

/** Who can see the repository, and the commit of a revision. */
export const headOf = (
  { repo, context }: GitCall,
  revision: string | undefined,
): Promise<RepoHead> => repoHead(context.hub, repo, revision, context.signal);
