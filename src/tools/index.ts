/** The list of all tools, in the order clients see them. */
import type { Tool } from './define-tool.ts';
import { githubFindExamples } from './github/github-find-examples.ts';
import { githubListRepos } from './github/github-list-repos.ts';
import { githubReadFile } from './github/github-read-file.ts';
import { exploreHfDocs } from './hub/explore-hf-docs.ts';
import { fetchHfDocs } from './hub/fetch-hf-docs.ts';
import { findHfApi } from './hub/find-hf-api.ts';
import { hfJobs } from './hub/hf-jobs.ts';
import { hfPapers } from './hub/hf-papers.ts';
import { hfInspectDataset } from './hub/hf-inspect-dataset.ts';
import { hfRepoFiles } from './hub/hf-repo-files.ts';
import { hfRepoGit } from './hub/hf-repo-git.ts';
import { addMarkdown } from './notebook/add-markdown.ts';
import { attachToSession } from './notebook/attach-to-session.ts';
import { deleteCell } from './notebook/delete-cell.ts';
import { editCell } from './notebook/edit-cell.ts';
import { executeCode } from './notebook/execute-code.ts';
import { executeScratch } from './notebook/execute-scratch.ts';
import { getRun } from './notebook/get-run.ts';
import { inspectVariables } from './notebook/inspect-variables.ts';
import { interruptKernel } from './notebook/interrupt-kernel.ts';
import { listSessions } from './notebook/list-sessions.ts';
import { moveCell } from './notebook/move-cell.ts';
import { readNotebook } from './notebook/read-notebook.ts';
import { restartKernel } from './notebook/restart-kernel.ts';
import { restoreNotebook } from './notebook/restore-notebook.ts';
import { runCell } from './notebook/run-cell.ts';
import { shutdownSession } from './notebook/shutdown-session.ts';
import { startNewNotebook } from './notebook/start-new-notebook.ts';
import { startNotebook } from './notebook/start-notebook.ts';
import { checkResources } from './sandbox/check-resources.ts';
import { ping } from './sandbox/ping.ts';
import { sandboxBash } from './sandbox/sandbox-bash.ts';
import { sandboxCreate } from './sandbox/sandbox-create.ts';
import { sandboxEdit } from './sandbox/sandbox-edit.ts';
import { sandboxList } from './sandbox/sandbox-list.ts';
import { sandboxOptions } from './sandbox/sandbox-options.ts';
import { sandboxRead } from './sandbox/sandbox-read.ts';
import { sandboxSnapshot } from './sandbox/sandbox-snapshot.ts';
import { sandboxStop } from './sandbox/sandbox-stop.ts';
import { sandboxTransfer } from './sandbox/sandbox-transfer.ts';
import { sandboxWait } from './sandbox/sandbox-wait.ts';
import { sandboxWrite } from './sandbox/sandbox-write.ts';

export const tools: readonly Tool[] = [
  startNewNotebook,
  startNotebook,
  attachToSession,
  listSessions,
  executeCode,
  runCell,
  restoreNotebook,
  getRun,
  editCell,
  addMarkdown,
  deleteCell,
  moveCell,
  readNotebook,
  executeScratch,
  inspectVariables,
  interruptKernel,
  restartKernel,
  shutdownSession,
  sandboxOptions,
  sandboxCreate,
  sandboxList,
  sandboxWait,
  sandboxSnapshot,
  sandboxStop,
  sandboxBash,
  sandboxRead,
  sandboxWrite,
  sandboxEdit,
  sandboxTransfer,
  checkResources,
  ping,
  hfPapers,
  exploreHfDocs,
  fetchHfDocs,
  findHfApi,
  githubFindExamples,
  githubListRepos,
  githubReadFile,
  hfInspectDataset,
  hfRepoFiles,
  hfRepoGit,
  hfJobs,
];
