/** Every tool and every operation, and what policy does with it. Data: a new tool or operation is a row. */
import type { CallClass, CallFacts, PolicySettings } from './contract.ts';

/** A class, or one that depends on what is known about the call, with the reason. */
export type Rule = CallClass | ((facts: CallFacts, settings: PolicySettings) => Verdict);

export interface Verdict {
  readonly class: CallClass;
  /** Why, for a person; empty where the class is that of the operation as such. */
  readonly reasons: readonly string[];
}

/** A tool with one rule, or with one for each of its operations. Whatever is not listed is denied. */
export type ToolRow = Rule | { readonly operations: Readonly<Record<string, Rule>> };

const CPU_FLAVORS: ReadonlySet<string> = new Set(['cpu-basic', 'cpu-upgrade']);

const plain = (of: CallClass): Verdict => ({ class: of, reasons: [] });
const because = (of: CallClass, reason: string): Verdict => ({ class: of, reasons: [reason] });

const isOwn = ({ ownership }: CallFacts): boolean =>
  ownership === 'own' || ownership === 'organisation';

/** Whoever is not known to be the user may be somebody else. */
const FOREIGN = 'it is not known to be yours, and others see it under your name';

/** A write that is `of` where the repository is the user's own; elsewhere a person decides each time. */
const repoWrite =
  (of: CallClass): Rule =>
  (facts) => {
    if (facts.isDryRun === true) return plain('free');
    if (!isOwn(facts)) return because('manual', FOREIGN);
    if (facts.hasSecrets === true) return because('manual', 'the content holds a secret');
    if (facts.publishes === true) return because('manual', 'more people can see it afterwards');
    return plain(of);
  };

/** Uploads to a public repository that is the user's own are what repositories are for; secrets in them are not. */
const upload: Rule = (facts, settings) =>
  apply(repoWrite('ask'), { ...facts, publishes: false }, settings);

const paidJob: Rule = (facts, { confirmCpuJobs }) => {
  if (facts.worstAdvisory === 'high')
    return because('manual', 'the checks of the script found something grave');
  if (facts.givesTokenAway === true)
    return because('manual', 'a Hub token goes into an image that nobody vouches for');
  if (facts.logsInPublic === true)
    return because('manual', 'what it logs can be read by everybody');
  if (facts.isExposed === true)
    return because('ask', 'it can be reached from outside, or gets further secrets');
  return CPU_FLAVORS.has(facts.hardware ?? '') && !confirmCpuJobs ? plain('free') : plain('ask');
};

const sandbox: Rule = (facts, settings) => {
  if (facts.isDryRun === true) return plain('free');
  const verdict = sandboxOn(facts, settings);
  // Also one that costs nothing: code that sees them may send them anywhere.
  if (verdict.class === 'free' && facts.givesSecrets === true)
    return because('ask', 'code in it gets secrets of yours');
  return verdict;
};

function sandboxOn(facts: CallFacts, settings: PolicySettings): Verdict {
  if (facts.backend === 'local') return plain('free');
  if (facts.backend === 'slurm') return plain(settings.confirmSlurm ? 'ask' : 'free');
  return apply(paidJob, facts, settings);
}

const oursElseAsk =
  (what: string): Rule =>
  ({ isOurs }) =>
    isOurs === true ? plain('free') : because('ask', what);

const FREE_TOOLS = [
  'start_new_notebook',
  'start_notebook',
  'attach_to_session',
  'list_sessions',
  'execute_code',
  'run_cell',
  'restore_notebook',
  'get_run',
  'edit_cell',
  'add_markdown',
  'delete_cell',
  'move_cell',
  'read_notebook',
  'execute_scratch',
  'inspect_variables',
  'interrupt_kernel',
  'restart_kernel',
  'shutdown_session',
  'sandbox_options',
  'sandbox_list',
  'sandbox_wait',
  'sandbox_snapshot',
  'sandbox_bash',
  'sandbox_read',
  'sandbox_write',
  'sandbox_edit',
  'sandbox_transfer',
  'check_resources',
  'ping',
  'hf_papers',
  'explore_hf_docs',
  'fetch_hf_docs',
  'find_hf_api',
  'github_find_examples',
  'github_list_repos',
  'github_read_file',
  'hf_inspect_dataset',
] as const;

export const CALL_TABLE: Readonly<Record<string, ToolRow>> = {
  // What runs in notebooks and sandboxes is for the host's own permission rules; nothing of it is allowed beforehand.
  ...Object.fromEntries(FREE_TOOLS.map((name) => [name, 'free' as const])),
  sandbox_create: sandbox,
  sandbox_stop: oursElseAsk('it was started by another session, which may be working in it'),
  hf_repo_files: {
    operations: { list: 'free', read: 'free', upload, delete: repoWrite('ask') },
  },
  hf_repo_git: {
    operations: {
      list_refs: 'free',
      list_prs: 'free',
      get_pr: 'free',
      create_branch: repoWrite('free'),
      create_tag: repoWrite('free'),
      create_pr: repoWrite('free'),
      comment_pr: repoWrite('free'),
      close_pr: repoWrite('free'),
      change_pr_status: repoWrite('free'),
      delete_branch: repoWrite('ask'),
      delete_tag: repoWrite('ask'),
      merge_pr: repoWrite('ask'),
      create_repo: repoWrite('ask'),
      update_repo: repoWrite('ask'),
    },
  },
  hf_jobs: {
    operations: {
      run: paidJob,
      uv: paidJob,
      ps: 'free',
      logs: 'free',
      wait: 'free',
      inspect: 'free',
      hardware: 'free',
      cancel: oursElseAsk('it was not started from here'),
      scheduled_ps: 'free',
      scheduled_inspect: 'free',
      scheduled_suspend: 'free',
      scheduled_delete: 'ask',
      scheduled_run: () => because('manual', 'it costs again and again until it is deleted'),
      scheduled_resume: () => because('manual', 'it costs again and again until it is deleted'),
    },
  },
};

export const apply = (rule: Rule, facts: CallFacts, settings: PolicySettings): Verdict =>
  typeof rule === 'function' ? rule(facts, settings) : plain(rule);
