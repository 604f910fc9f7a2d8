/** `npm run live -- hub`: asks the real services, as a person with a network starts it by hand. Reads only; costs nothing. */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readEnvironment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { messageOf } from '#core/errors.ts';
import { createApp } from '#main/app.ts';
import { silentLog } from '#platform/log.ts';
import { tools } from '#tools/index.ts';

interface Check {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What the answer has to hold. */
  readonly expect: RegExp;
  /** What it must not hold: a note that a part failed. */
  readonly reject?: RegExp;
}

const PAPER = '2305.18290';
const FAILED = /Note: .*(failed|gave nothing|missing)|not applied/;

/** One for each endpoint that specs and published clients name. */
const CHECKS: readonly Check[] = [
  {
    tool: 'hf_papers',
    input: { operation: 'trending', limit: 3 },
    expect: /1\. .+\n.*arXiv \d{4}\.\d+/,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'trending', date: '2025-W20', limit: 3 },
    expect: /arXiv/,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'trending', date: '2025-05', limit: 3 },
    expect: /arXiv/,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'search', query: 'direct preference optimization' },
    expect: /2305\.18290/,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'search', query: 'direct preference optimization', min_citations: 100 },
    expect: /citations/,
    reject: FAILED,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'search', query: 'preference optimization', sort_by: 'citationCount' },
    expect: /most cited first/,
    reject: FAILED,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'paper_details', arxiv_id: PAPER },
    expect: /Abstract: /,
    reject: FAILED,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'read_paper', arxiv_id: PAPER },
    expect: /## Contents/,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'read_paper', arxiv_id: PAPER, section: '4' },
    expect: /## 4/,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'citation_graph', arxiv_id: PAPER, limit: 3 },
    expect: /## Cited by[\s\S]*## Cites/,
    reject: FAILED,
  },
  {
    tool: 'hf_papers',
    input: {
      operation: 'snippet_search',
      query: 'reward hacking in preference optimization',
      limit: 3,
    },
    expect: /1\. /,
    reject: FAILED,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'recommend', arxiv_id: PAPER, limit: 3 },
    expect: /1\. /,
  },
  {
    tool: 'hf_papers',
    input: {
      operation: 'recommend',
      positive_ids: [PAPER],
      negative_ids: ['1706.03762'],
      limit: 3,
    },
    expect: /1\. /,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'paper_details', arxiv_id: 'DOI:10.18653/v1/N19-1423' },
    expect: /citations[\s\S]*Next: /,
    reject: FAILED,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'find_collections', arxiv_id: PAPER, limit: 3 },
    expect: /1\. /,
  },
  {
    tool: 'hf_papers',
    input: { operation: 'find_all_resources', arxiv_id: PAPER },
    expect: /## Datasets \(/,
    reject: /This part failed/,
  },
  { tool: 'explore_hf_docs', input: { endpoint: 'trl' }, expect: /pages · / },
  {
    tool: 'explore_hf_docs',
    input: { endpoint: 'trl', query: 'dpo trainer loss type' },
    expect: /\/docs\/trl\//,
    reject: FAILED,
  },
  {
    tool: 'explore_hf_docs',
    input: { endpoint: 'courses', query: 'fine-tuning' },
    expect: /\/learn\//,
    reject: FAILED,
  },
  { tool: 'explore_hf_docs', input: { endpoint: 'gradio', query: 'chatbot' }, expect: /gradio/ },
  { tool: 'fetch_hf_docs', input: { url: '/docs/trl/index' }, expect: /TRL/ },
  { tool: 'fetch_hf_docs', input: { url: '/learn/llm-course/chapter1/1' }, expect: /#/ },
  { tool: 'fetch_hf_docs', input: { url: '/blog/trl-peft' }, expect: /#/ },
  { tool: 'find_hf_api', input: { query: 'list repository tree' }, expect: /GET \/api\// },
  {
    tool: 'hf_inspect_dataset',
    input: { dataset: 'HuggingFaceH4/ultrafeedback_binarized' },
    expect: /DPO: [\s\S]*## Schema[\s\S]*## Sample rows/,
    reject: /not available/,
  },
  // An old name, and conversations that the viewer shortens.
  {
    tool: 'hf_inspect_dataset',
    input: { dataset: 'squad', sample_rows: 1 },
    expect: /# rajpurkar\/squad\n[\s\S]*is called rajpurkar\/squad now/,
    reject: /not available/,
  },
  {
    tool: 'hf_inspect_dataset',
    input: { dataset: 'HuggingFaceH4/ultrachat_200k', split: 'train_sft' },
    expect: /SFT: ready\. messages is a list[\s\S]*conversations looked at/,
    reject: /not available|By its type alone/,
  },
  {
    tool: 'hf_inspect_dataset',
    input: { dataset: 'openai/gsm8k', config: 'main', offset: 100, sample_rows: 1 },
    expect: /GRPO: needs mapping[\s\S]*row 100/,
    reject: /not available/,
  },
  {
    tool: 'hf_repo_files',
    input: { operation: 'list', repo_id: 'openai-community/gpt2' },
    expect: /model\.safetensors  [\d.,]+ MB  LFS/,
  },
  {
    tool: 'hf_repo_files',
    input: { operation: 'read', repo_id: 'openai-community/gpt2', path: 'config.json' },
    expect: /\n1\t\{/,
  },
  {
    tool: 'hf_repo_files',
    input: { operation: 'read', repo_id: 'openai-community/gpt2', path: 'model.safetensors' },
    expect: /parameters in \d+ tensors/,
  },
  {
    tool: 'hf_repo_files',
    input: { operation: 'list', repo_id: 'squad', repo_type: 'dataset', recursive: true },
    expect: /README\.md/,
  },
  {
    tool: 'hf_repo_git',
    input: { operation: 'list_refs', repo_id: 'openai-community/gpt2' },
    expect: /branch main  [0-9a-f]{40}/,
  },
  {
    tool: 'hf_repo_git',
    input: { operation: 'list_prs', repo_id: 'openai-community/gpt2', limit: 3, status: 'all' },
    expect: /\d+\. .+ · /,
  },
  { tool: 'github_find_examples', input: { repo: 'trl', keyword: 'grpo' }, expect: /examples\// },
  {
    tool: 'github_list_repos',
    input: { owner: 'huggingface', limit: 3 },
    expect: /transformers/,
  },
  {
    tool: 'github_list_repos',
    input: { owner: 'huggingface', sort: 'updated', limit: 3 },
    expect: /1\. /,
  },
  {
    tool: 'github_read_file',
    input: { repo: 'huggingface/trl', path: 'README.md' },
    expect: /\[lines 1–/,
  },
];

/** @returns whether all answered as expected */
export async function runHub(): Promise<boolean> {
  // A state folder of its own, so that every answer is a fresh one.
  const dir = mkdtempSync(path.join(tmpdir(), 'glovebox-live-'));
  const env = { ...readEnvironment(), GLOVEBOX_DIR: path.join(dir, 'state') };
  const config = await loadConfig({ env, cwd: dir, projectDir: dir });
  const app = createApp({ config, env, projectDir: dir, log: silentLog });
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  process.on('SIGINT', () => stop.abort());

  let failed = 0;
  for (const { tool: toolName, input, expect, reject } of CHECKS) {
    if (stop.signal.aborted) break;
    const tool = tools.find((each) => each.name === toolName);
    const started = performance.now();
    const answer = await (
      tool?.run(input, {
        ...app.services,
        signal: stop.signal,
        report: () => undefined,
        ask: async () => 'unavailable',
      }) ?? Promise.reject(new Error('there is no such tool'))
    ).then(
      ({ blocks }) => blocks.map((block) => (block.type === 'text' ? block.text : '')).join('\n'),
      (error: unknown) => error,
    );
    const text = typeof answer === 'string' ? answer : messageOf(answer);
    const ok = typeof answer === 'string' && expect.test(text) && reject?.test(text) !== true;
    if (!ok) failed += 1;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${ok ? 'ok  ' : 'FAIL'} ${seconds.padStart(5)} s  ${toolName} ${JSON.stringify(input)}`,
    );
    if (!ok) console.log(text.slice(0, 600).replaceAll(/^/gm, '        '));
  }
  await app.close();
  rmSync(dir, { recursive: true, force: true });
  console.log(
    failed === 0
      ? `All ${CHECKS.length} answered as expected.`
      : `${failed} of ${CHECKS.length} did not.`,
  );
  return failed === 0;
}
