/** Answers hf_repo_files, one operation at a time. */
import type { ToolContext, ToolResult } from '../../define-tool.ts';
import type { RepoFilesInput } from '../hf-repo-files.ts';
import { listFiles } from './list.ts';
import { readFile } from './read.ts';
import { repoOf } from './repo-target.ts';
import { deleteFiles, uploadFile } from './write.ts';

export async function runRepoFiles(
  input: RepoFilesInput,
  context: ToolContext,
): Promise<ToolResult> {
  const { repo, revision = 'main', path } = repoOf(input, context);
  const write = {
    repo,
    revision,
    message: input.commit_message,
    createPr: input.create_pr ?? false,
    expectedOid: input.expected_oid,
    dryRun: input.dry_run ?? false,
  };
  if (input.operation === 'list') {
    const { glob, limit, cursor, recursive = false } = input;
    return listFiles({ repo, revision, path, recursive, glob, limit, cursor }, context);
  }
  if (input.operation === 'read') {
    const { offset, line_limit: lineLimit, max_chars: chars } = input;
    return readFile({ repo, revision, path, offset, lineLimit, maxChars: chars }, context);
  }
  if (input.operation === 'delete') {
    return deleteFiles({ ...write, patterns: input.patterns }, context);
  }
  const { content, source_path: sourcePath } = input;
  return uploadFile({ ...write, path, content, sourcePath }, context);
}
