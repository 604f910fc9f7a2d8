/** Answers hf_repo_files, one operation at a time. */
import type { ToolContext, ToolResult } from '../../define-tool.ts';
import { refuseUnread, unreadFields, unreadWords, type FieldsOf } from '../../unread-fields.ts';
import type { RepoFilesInput } from '../hf-repo-files.ts';
import { listFiles } from './list.ts';
import { readFile } from './read.ts';
import { repoOf } from './repo-target.ts';
import { deleteFiles, uploadFile } from './write.ts';

const WRITES = ['commit_message', 'create_pr', 'expected_oid', 'dry_run'] as const;
const READS: FieldsOf<RepoFilesInput['operation']> = {
  list: ['path', 'recursive', 'glob', 'limit', 'cursor', 'max_chars'],
  read: ['path', 'offset', 'line_limit', 'max_chars'],
  upload: ['path', 'content', 'source_path', ...WRITES],
  delete: ['patterns', ...WRITES],
};
/** For all of them, or no more than the default. */
const ALWAYS = {
  operation: undefined,
  repo_id: undefined,
  repo_type: undefined,
  revision: undefined,
  max_chars: undefined,
  limit: undefined,
  line_limit: undefined,
  offset: 1,
};

export async function runRepoFiles(
  input: RepoFilesInput,
  context: ToolContext,
): Promise<ToolResult> {
  const { operation } = input;
  const isRead = operation === 'list' || operation === 'read';
  if (!isRead) refuseUnread(operation, input, READS, ALWAYS);
  const notes = unreadFields(operation, input, READS, ALWAYS).map((name) =>
    unreadWords(operation, name, READS),
  );
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
    const { glob, limit, cursor, recursive = false, max_chars: maxChars } = input;
    const request = { repo, revision, path, recursive, glob, limit, cursor, maxChars, notes };
    return listFiles(request, context);
  }
  if (input.operation === 'read') {
    const { offset, line_limit: lineLimit, max_chars: maxChars } = input;
    return readFile({ repo, revision, path, offset, lineLimit, maxChars, notes }, context);
  }
  if (input.operation === 'delete') {
    return deleteFiles({ ...write, patterns: input.patterns }, context);
  }
  const { content, source_path: sourcePath } = input;
  return uploadFile({ ...write, path, content, sourcePath }, context);
}
