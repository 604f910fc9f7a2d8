/** hf_repo_files: looks into the files of models, datasets and Spaces, and changes them. */
import * as z from 'zod';
import { REPO_TYPES } from '#hub/repos/repo-ref.ts';
import { defineTool } from '../define-tool.ts';
import { maxChars } from '../paged-answer.ts';
import {
  requiredChoice,
  wideBoolean,
  wideChoice,
  wideInt,
  wideList,
  wideText,
} from '../wide-input.ts';

const input = z.strictObject({
  operation: requiredChoice(['list', 'read', 'upload', 'delete'], 'What to do.'),
  repo_id: z
    .string()
    .min(1)
    .describe('Id, or address on the Hub, which may hold type, revision and path.'),
  repo_type: wideChoice(REPO_TYPES, 'Default: model, or what the address says.'),
  revision: wideText('Branch, tag, commit or refs/pr/N. Default: main.'),
  path: wideText('list: folder; read and upload: file.'),
  recursive: wideBoolean('list: all folders below too. Default: false.'),
  glob: wideText('list: only what matches, such as *.json or data/**/*.parquet.'),
  limit: wideInt('list: entries. Default: 100.', { min: 1, max: 1000 }),
  cursor: wideText('list: goes on, as the answer before says.'),
  offset: wideInt('read: first line, from 1.', { min: 1 }),
  line_limit: wideInt('read: lines. Default: 300.', { min: 1, max: 5000 }),
  max_chars: maxChars,
  content: z.string().optional().describe('upload: the text of the file.'),
  source_path: wideText('upload: a file in the project, or "sandbox:ID:PATH".'),
  patterns: wideList('delete: paths, globs, or "folder/".'),
  commit_message: wideText('upload, delete: default says what was done.'),
  create_pr: wideBoolean('upload, delete: as a pull request. Default: false.'),
  expected_oid: wideText('upload, delete: only if the branch is at this commit.'),
  dry_run: wideBoolean('upload, delete: say what would change. Default: false.'),
});

export type RepoFilesInput = z.output<typeof input>;

export const hfRepoFiles = defineTool({
  name: 'hf_repo_files',
  toolset: 'hub',
  title: 'Files of Hub repositories',
  description:
    'Files of models, datasets and Spaces on the Hugging Face Hub. list: folders and files with sizes. read: text with line numbers, notebooks as Markdown, pictures, the tensors of a safetensors file without fetching it; of other binary files what they are. ' +
    'upload: one file from content or source_path. delete: all files that patterns match. upload and delete make one commit on the head that was looked at, name every file first, and need the agreement of the user; dry_run only says what would happen. Reading public files needs no token.',
  input,
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(arguments_, context) {
    const { runRepoFiles } = await import('./repo-files/run.ts');
    return runRepoFiles(arguments_, context);
  },
});
