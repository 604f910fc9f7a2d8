/** The guide for people from other systems: everything of theirs is in it, and every name on our side exists. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeIn, unknownCode } from './rigs/product-names.ts';

const page = readFileSync(path.resolve(import.meta.dirname, '../docs/coming-from.md'), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0] ?? '', section]),
);

/** Rows of the table of a section, as cells. */
const rowsOf = (section: string): readonly (readonly string[])[] =>
  [...(sections.get(section) ?? '').matchAll(/^\| (?!-)(.*) \|$/gm)]
    .map(([, row = '']) => row.split(' | ').map((cell) => cell.trim()))
    .slice(1);

const list = (text: string): readonly string[] => text.trim().split(/\s+/);

/** What their users have in their fingers. */
const THEIRS: Readonly<Record<string, readonly string[]>> = {
  'Sena and scribe': list(`
    execution_mode gpu gpu_count python_version python_packages system_packages notebook_packages env secrets models repos
    local_files local_dirs encrypted_ports jupyter_port rpc_port debug_port debug docker_in_docker timeout wait_timeout
    revision var_name hidden is_peft base_model load_as_peft preload_models execute_code edit_cell add_markdown shutdown_session`),
  'ML Intern': list(`
    hf_papers explore_hf_docs fetch_hf_docs find_hf_api hf_inspect_dataset hf_repo_files hf_repo_git github_find_examples
    github_list_repos github_read_file sandbox_create sandbox_bash sandbox_read sandbox_write sandbox_edit web_search
    hf_jobs /ml-intern /research /inspect-dataset /finetune /run-job ML_INTERN_YOLO ML_INTERN_CONFIRM_CPU_JOBS HF_ADMIN_TOKEN OPENID_PROVIDER_URL
    ML_INTERN_SAVE_SESSIONS ML_INTERN_SESSION_REPO HF_SESSION_UPLOAD_TOKEN`),
  'jlab-mcp': list(`
    start_new_notebook start_notebook execute_code edit_cell add_markdown execute_scratch shutdown_session ping check_resources`),
};

/** On our side of a table, but not a name of ours. */
const FOREIGN = new Set(['-1', 'MODEL_<NAME>_PATH', 'tokenizer', '_', 'ML_INTERN_LOCAL_MODE']);

describe.each(Object.entries(THEIRS))('%s', (section, names) => {
  const rows = rowsOf(section);

  it('tells of everything that was there', () => {
    const told = codeIn(rows.map(([there = '']) => there).join('\n'));
    expect(names.filter((name) => !told.includes(name))).toEqual([]);
  });

  it('names only what exists here', () => {
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect(row).toHaveLength(3);
    const ours = rows.map(([, here = '', different = '']) => `${here}\n${different}`).join('\n');
    expect(unknownCode(codeIn(ours), FOREIGN)).toEqual([]);
  });
});
