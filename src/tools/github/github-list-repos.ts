/** github_list_repos: the repositories of a user or an organisation. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf, limitOf } from '../paged-answer.ts';
import { clamp, wideChoice, wideText, type Notes } from '../wide-input.ts';

const input = z.strictObject({
  owner: z.string().describe('User or organisation.'),
  owner_type: wideChoice(['auto', 'user', 'org'], 'Default: auto.'),
  sort: wideChoice(['stars', 'forks', 'updated', 'created'], 'Default: stars.'),
  order: wideChoice(['asc', 'desc'], 'Default: desc.'),
  language: wideText('Only this programming language.'),
  limit: limitOf(30, 100),
  cursor: wideText('Continues the list, with the same arguments.'),
});

export type ListReposInput = z.output<typeof input>;

export const githubListRepos = defineTool({
  name: 'github_list_repos',
  toolset: 'github',
  title: 'List repositories on GitHub',
  description:
    'Lists the repositories of a GitHub user or organisation, sorted over all of them, with stars, language and topics. Works without a token.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { listRepos } = await import('./repos/list-repos.ts');
    const notes: Notes = [];
    const limit = clamp('limit', arguments_.limit, { fallback: 30, min: 1, max: 100 }, notes);
    const budget = budgetOf(undefined, context.settings, notes);
    const { github, signal } = context;
    return textResult(await listRepos({ github, signal, input: arguments_, limit, budget, notes }));
  },
});
