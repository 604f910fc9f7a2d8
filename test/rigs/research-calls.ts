/** One call of every operation that reads of the research tools, and all services that answer them. */
import { serveDocs } from '../fakes/hub/docs-routes.ts';
import { addDataset } from '../fakes/hub/fake-dataset.ts';
import { addAccount, addRepo } from '../fakes/hub/fake-repo.ts';
import { serveGithub } from '../fakes/hub/github-routes.ts';
import { PAPER, servePapers } from '../fakes/hub/paper-routes.ts';
import { startResearch, type ResearchOptions, type ResearchWorld } from './research-world.ts';

export async function startAllResearch(options: ResearchOptions = {}): Promise<ResearchWorld> {
  const world = await startResearch(options);
  servePapers(world.services);
  serveDocs(world.services);
  serveGithub(world.services);
  const turn = { role: { dtype: 'string' }, content: { dtype: 'string' } };
  const rows = [{ messages: [{ role: 'user', content: 'q'.repeat(3000) }] }];
  addDataset(world.services, { id: 'org/data', features: { messages: [turn] }, rows });
  const discussions = [
    { num: 1, title: 't', status: 'open', isPullRequest: true, diff: 'x\n'.repeat(30_000) },
  ];
  const files = { 'README.md': 'line\n'.repeat(20_000), 'data/a.txt': 'a' };
  addRepo(world.services, { type: 'model', id: 'org/repo', files, discussions });
  addAccount(world.services, 'me');
  world.services.hub.on('GET', /\/papers\/(.+)\.md/, () => ({
    text: '# T\n\n## One\n\na\n\n## Two\n\nb',
  }));
  return world;
}

/** One call of every operation of the tools that need no token. */
export const CALLS: readonly (readonly [string, Record<string, unknown>])[] = [
  ['hf_papers', { operation: 'trending' }],
  ['hf_papers', { operation: 'search', query: 'q' }],
  ['hf_papers', { operation: 'search', query: 'q', min_citations: 1 }],
  ['hf_papers', { operation: 'search', query: 'q', sort_by: 'publicationDate' }],
  ['hf_papers', { operation: 'paper_details', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'read_paper', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'citation_graph', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'snippet_search', query: 'q' }],
  ['hf_papers', { operation: 'recommend', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'find_datasets', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'find_models', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'find_collections', arxiv_id: PAPER }],
  ['hf_papers', { operation: 'find_all_resources', arxiv_id: PAPER }],
  ['explore_hf_docs', { endpoint: 'trl', query: 'memory' }],
  ['explore_hf_docs', { endpoint: 'transformers' }],
  ['explore_hf_docs', { endpoint: 'gradio', query: 'chatbot' }],
  ['fetch_hf_docs', { url: '/docs/trl/v0.2/en/sft_trainer' }],
  ['find_hf_api', { query: 'models' }],
  ['hf_inspect_dataset', { dataset: 'org/data' }],
  ['github_find_examples', { repo: 'org/lib', keyword: 'grpo' }],
  ['github_list_repos', { owner: 'org' }],
  ['github_read_file', { repo: 'org/lib', path: 'README.md' }],
];

/** What reads of the tools that can also change something. */
export const ALL_CALLS: typeof CALLS = [
  ...CALLS,
  ['hf_repo_files', { operation: 'list', repo_id: 'org/repo' }],
  ['hf_repo_files', { operation: 'read', repo_id: 'org/repo', path: 'README.md' }],
  ['hf_repo_git', { operation: 'list_refs', repo_id: 'org/repo' }],
  ['hf_repo_git', { operation: 'list_prs', repo_id: 'org/repo' }],
  ['hf_repo_git', { operation: 'get_pr', repo_id: 'org/repo', pr_num: 1 }],
];
